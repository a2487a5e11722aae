"""What the files that ship say of labelled claims, and what is chosen from it: the blend and its curves.

Pure numpy beside the model itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from safety.detectors.groundedness.claims import Claim, claims_of
from safety.detectors.groundedness.examine import Sources, examine, is_exact
from safety.detectors.groundedness.index import Index
from safety.detectors.groundedness.pairing import Pair
from safety.detectors.groundedness.passage import read
from safety.detectors.groundedness.verifier import Blend, Doubt, Verifier
from safety.training.calibrate import threshold_at
from safety.training.grounding.answers import Answer
from safety.training.grounding.pairs import LEAST

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

RATES = (0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5)
STEPS = 60  # of Newton's method; a dozen would do
RIDGE = 1e-3
FEWEST = 40  # borne-out claims from which on a curve means something
ANY = "generic"
MEDICAL = ("health", "medic", "pharma", "clinic", "drug", "patient")


@dataclass(frozen=True, slots=True)
class Seen:
    """A claim of ``answer``: the checks' log-odds, the model's doubt (``None``: it was not asked), whether it
    is not borne out, and whether the checks name the very words."""

    answer: Answer
    claim: Claim
    checks: float
    doubt: Doubt | None
    wrong: bool
    exact: bool = False


class _Listener:
    """A verifier that keeps what was asked and said, and blends nothing."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier
        self.label, self.blend = verifier.label, Blend(bias=0.0, pair=0.0, checks=1.0)
        self.said: list[Doubt] = []

    def doubts(self, pairs: Sequence[Pair]) -> Sequence[Doubt]:
        """See ``Verifier``."""
        self.said = list(self._verifier.doubts(pairs))
        return self.said


def sources_of(answer: Answer) -> Sources:
    """What the detector would compare the answer with."""
    asked = frozenset(word.stem for word in read(answer.question).words)
    return Sources(answer.sources, Index(answer.sources), asked, answer.question)


def seen(answer: Answer, verifier: Verifier) -> Iterator[Seen]:
    """The claims of an answer, as the detector sees them."""
    sources = sources_of(answer)
    if not sources.index.units:
        return
    whole = Claim(0, len(answer.text), read(answer.text))
    claims = list(claims_of(answer.text, LEAST, alone=True)) if answer.marked else [whole]
    for claim in claims:
        listener = _Listener(verifier)
        (one,) = examine(answer.text, [claim], sources, listener)
        doubt = listener.said[0] if listener.said else None
        start, end = claim.passage.start, claim.passage.end
        wrong = any(w.start < end and start < w.end for w in answer.wrong)
        yield Seen(answer, claim, one.odds, doubt, wrong, is_exact(one.reason.reason, one.odds))


def features(claims: Sequence[Seen]) -> Floats:
    """One row per claim that the model was asked about: 1, its doubt, the checks', and whether those name
    the very words."""
    one = Blend(pair=1), Blend(pair=0, checks=1), Blend(pair=0, exact=1)
    return np.array(
        [[1.0, *(b.log_odds(c.doubt, c.checks, c.exact) for b in one)] for c in claims if c.doubt is not None]
    )


def fitted(claims: Sequence[Seen], alarms: float) -> Blend:
    """The blend that fits the labels best (log loss, ridge, both classes weighing the same within each
    source), its 0 where ``alarms`` of the borne-out claims are flagged."""
    asked = [claim for claim in claims if claim.doubt is not None]
    rows, wrong = features(asked), np.array([claim.wrong for claim in asked], float)
    weights = _weights(asked)
    best = np.zeros(rows.shape[1])
    for _ in range(STEPS):
        said = 1 / (1 + np.exp(-rows @ best))
        slope = rows.T @ (weights * (said - wrong)) + RIDGE * best
        curve = (rows * (weights * said * (1 - said))[:, None]).T @ rows + RIDGE * np.eye(len(best))
        best = best - np.linalg.solve(curve, slope)
    bias, pair, checks, exact = (float(value) for value in best)
    blend = Blend(bias, pair, checks, exact, named_from(asked))
    odds = np.array([blend.log_odds(c.doubt, c.checks, c.exact) for c in asked if c.doubt is not None])
    at = threshold_at(odds[wrong == 0].astype(np.float32), alarms)
    blend = replace(blend, bias=bias - at)
    return replace(blend, curves=curves(asked, odds - at))


def _weights(claims: Sequence[Seen]) -> Floats:
    groups = [(claim.answer.source, claim.wrong) for claim in claims]
    sizes = {group: groups.count(group) for group in set(groups)}
    return np.array([min(200.0, sizes[group]) / sizes[group] for group in groups]) / 10


def named_from(claims: Sequence[Seen]) -> float:
    """From which log-odds on a word is named: where the marked words are found best (F1 in characters)."""
    marked = [c for c in claims if c.answer.marked and c.wrong and c.doubt is not None]
    ladder = np.arange(-3, 4, 0.25)
    return float(max(ladder, key=lambda at: overlap(marked, float(at)))) if marked else 0.0


def overlap(claims: Sequence[Seen], at: float) -> float:
    """How well the words that are named from ``at`` on are the wrong ones: F1 over characters."""
    hits = named = true = 0
    for claim in claims:
        start = claim.claim.passage.start
        words = claim.doubt.words if claim.doubt is not None else ()
        said = {n for a, b, odds in words if odds >= at for n in range(start + a, start + b)}
        right = {
            n for w in claim.answer.wrong for n in range(w.start, w.end)
            if claim.claim.start <= n < claim.claim.end
        }  # fmt: skip
        hits, named, true = hits + len(said & right), named + len(said), true + len(right)
    return 2 * hits / max(1, named + true)


def curves(claims: Sequence[Seen], odds: Floats) -> dict[str, list[tuple[float, float]]]:
    """What each threshold costs in borne-out claims flagged, by ``domain/task``."""
    found = {}
    for domain in (ANY, "medical"):
        for task in ("qna", "summarization"):
            mine = np.array([not c.wrong and _is_of(c.answer, domain, task) for c in claims])
            if mine.sum() >= FEWEST:
                values = odds[mine].astype(np.float32)
                found[f"{domain}/{task}"] = [(rate, round(threshold_at(values, rate), 3)) for rate in RATES]
    return found


def _is_of(answer: Answer, domain: str, task: str) -> bool:
    summary = answer.task in ("Summary", "summary") or not answer.task
    medical = "pubmed" in answer.source or any(word in answer.domain for word in MEDICAL)
    return (domain == ANY or medical) and summary == (task == "summarization")


def odds_of(claims: Sequence[Seen], blend: Blend, copied: float) -> Floats:
    """The log-odds that the detector gives each claim."""
    return np.array(
        [copied if c.doubt is None else blend.log_odds(c.doubt, c.checks, c.exact) for c in claims]
    )
