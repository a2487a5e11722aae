"""From labelled answers to labelled pairs: what the detector would ask a model about, and the right reply."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from safety.detectors.groundedness.claims import Claim, claims_of
from safety.detectors.groundedness.index import Index
from safety.detectors.groundedness.pairing import Pair, pair_of
from safety.detectors.groundedness.passage import read
from safety.training.grounding.answers import Answer, Wrong

LEAST = 2  # content words of a claim


@dataclass(frozen=True, slots=True)
class Labelled:
    """``wrong`` are places in ``pair.claim``; ``exact``: those places are known, not only that there are
    some. ``answer`` is where the claim stands, from ``start`` on."""

    pair: Pair
    wrong: tuple[Wrong, ...]
    exact: bool
    answer: Answer
    start: int

    @property
    def source(self) -> str:
        """The answer's."""
        return self.answer.source

    @property
    def contradicts(self) -> bool | None:
        """Whether a source says otherwise; ``None`` for what is borne out, or if nobody knows."""
        known = [w.contradicts for w in self.wrong if w.contradicts is not None]
        return any(known) if known else None


def labelled(answer: Answer) -> Iterator[Labelled]:
    """The claims of an answer."""
    index = Index(answer.sources)
    if not index.units:
        return
    claims = claims_of(answer.text, LEAST, alone=True) if answer.marked else [_whole(answer.text)]
    for claim in claims:
        start, end = claim.passage.start, claim.passage.end
        pair = pair_of(answer.text, claim, index, answer.sources, answer.question)
        wrong = tuple(
            replace(w, start=max(w.start, start) - start, end=min(w.end, end) - start)
            for w in answer.wrong
            if w.start < end and start < w.end
        )
        yield Labelled(pair, wrong, answer.marked or not wrong, answer, start)


def _whole(text: str) -> Claim:
    return Claim(0, len(text), read(text))
