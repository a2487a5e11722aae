"""A claim before its sources: what the exact checks and the model make of it, and the nearest evidence.

The checks come first. A claim that stands in the sources word for word needs no model; of all others it is
asked once, together. Pure but for the model, which is handed in.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from safety.detectors.groundedness.claims import Claim
from safety.detectors.groundedness.comparison import Case, Manner, Mark, open_case
from safety.detectors.groundedness.index import Evidence, Index
from safety.detectors.groundedness.pairing import pair_of
from safety.detectors.groundedness.score import CONTRADICTIONS, NO_EVIDENCE, NO_EVIDENCE_ODDS, log_odds
from safety.detectors.groundedness.verifier import Blend, Doubt, Verifier

COPIED = -4.0  # log-odds of what stands in the sources word for word
UNGROUNDED = 0.5  # from this score on a claim counts as not borne out
BY_MODEL = "model"
# Marks that say which words are wrong, and what stands in their place: no model says it better.
EXACT = frozenset(("number_differs", "date_differs", "name_differs", "negation", "opposite_in_place"))
# From which log-odds of the checks on they are believed: another number or date in the source says enough.
PLAIN = {"number_differs": 0.5, "date_differs": 0.5}
PLAIN_OTHERWISE = 2.0


@dataclass(frozen=True, slots=True)
class Sources:
    """The texts that an answer is compared with. ``asked``: the stems of the user's own questions, and
    ``question`` the last of those."""

    texts: tuple[str, ...]
    index: Index
    asked: frozenset[str] = frozenset()
    question: str = ""


@dataclass(frozen=True, slots=True)
class Examined:
    """``claim`` and how doubtful it is: ``odds`` are log-odds that it is not borne out. ``reason`` names what
    counted most and says it in words; ``words`` are the places in the answer that are wrong (code points);
    ``evidence`` is the nearest there is."""

    claim: Claim
    odds: float
    reason: Mark
    contradicted: bool
    words: tuple[tuple[int, int], ...] = ()
    evidence: Evidence | None = None

    @property
    def score(self) -> float:
        """``odds`` as a share."""
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, self.odds))))

    @property
    def ungrounded(self) -> bool:
        """Whether the claim counts as not borne out."""
        return self.score >= UNGROUNDED


def ungrounded_share(text: str, examined: Iterable[Examined]) -> float:
    """How much of ``text`` stands in claims that are not borne out: their characters over those of the text,
    both without the blanks around them. 0 to 1, and 0 for an empty text. Azure's Groundedness Detection calls
    this ``ungroundedPercentage``."""
    whole = len(text.strip())
    wrong = sum(len(text[one.claim.start : one.claim.end].strip()) for one in examined if one.ungrounded)
    return wrong / whole if whole else 0.0


def is_exact(reason: str, odds: float) -> bool:
    """Whether checks that add up to ``odds``, first of them ``reason``, name the very words that differ."""
    return reason in EXACT and odds >= PLAIN.get(reason, PLAIN_OTHERWISE)


@dataclass(frozen=True, slots=True)
class _Checked:
    claim: Claim
    case: Case | None
    odds: float
    mark: Mark

    @property
    def exact(self) -> bool:
        """Whether the checks name the very words that differ."""
        return is_exact(self.mark.reason, self.odds)


def examine(
    text: str, claims: Sequence[Claim], sources: Sources, verifier: Verifier | None, shift: float = 0.0
) -> Iterator[Examined]:
    """Each claim of ``text``, in order. ``shift`` is added to all log-odds."""
    checked = [_check(text, claim, sources) for claim in claims]
    open_ = [one for one in checked if verifier is not None and not _copied(one)]
    doubts: dict[int, Doubt] = {}
    if verifier is not None and open_:
        pairs = [pair_of(text, one.claim, sources.index, sources.texts, sources.question) for one in open_]
        doubts = {id(one): doubt for one, doubt in zip(open_, verifier.doubts(pairs), strict=True)}
    for one in checked:
        doubt = doubts.get(id(one))
        if verifier is None:
            found = _by_checks(one, one.odds)
        elif doubt is None:
            found = _by_checks(one, COPIED)
        else:
            found = _by_both(text, one, doubt, verifier.blend)
        yield replace(found, odds=found.odds + shift)


def _check(text: str, claim: Claim, sources: Sources) -> _Checked:
    case = open_case(text, claim.passage, sources.index, sources.texts, sources.asked)
    if case is None:
        return _Checked(claim, None, NO_EVIDENCE_ODDS, NO_EVIDENCE)
    odds, mark = log_odds(case)
    return _Checked(claim, case, odds, mark or NO_EVIDENCE)


def _copied(one: _Checked) -> bool:
    """Whether the claim's words stand in one sentence of the sources, in their order."""
    if one.case is None or one.case.manner is not Manner.COPY:
        return False
    mine = [word.lower for word in one.claim.passage.words]
    theirs = [word.lower for word in one.case.best.words]
    return any(theirs[at : at + len(mine)] == mine for at in range(len(theirs) - len(mine) + 1))


def _by_checks(one: _Checked, odds: float) -> Examined:
    evidence = None if one.case is None else one.case.evidence
    return Examined(one.claim, odds, one.mark, one.mark.reason in CONTRADICTIONS, (), evidence)


def _by_both(text: str, one: _Checked, doubt: Doubt, blend: Blend) -> Examined:
    start = one.claim.passage.start
    odds = blend.log_odds(doubt, one.odds, one.exact)
    words = _runs(text, [(start + a, start + b) for a, b, loud in doubt.words if loud >= blend.named])
    evidence = None if one.case is None else one.case.evidence
    if one.mark.reason in EXACT:
        if one.mark.instead is not None:
            words = (one.mark.instead[:2],)
        return Examined(one.claim, odds, one.mark, True, words, evidence)
    contradicted = doubt.contradicted > 0
    return Examined(one.claim, odds, _said(text, words, contradicted), contradicted, words, evidence)


def _said(text: str, words: Sequence[tuple[int, int]], contradicted: bool) -> Mark:
    listed = ", ".join(f"“{text[start:end]}”" for start, end in words[:3]) or "this"
    if contradicted:
        return Mark("contradicted", 1, f"the sources say otherwise: {listed}")
    return Mark("not_mentioned", 1, f"the sources do not mention {listed}")


def _runs(text: str, places: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Neighbouring words put together."""
    runs: list[tuple[int, int]] = []
    for start, end in places:
        if runs and not text[runs[-1][1] : start].strip(" ,-'’"):
            runs[-1] = runs[-1][0], end
        else:
            runs.append((start, end))
    return tuple(runs)
