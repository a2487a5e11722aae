"""Groundedness: what an answer says that its sources do not bear out. No model: words, numbers, dates.

The answer is cut into claims, each claim is laid beside the nearest sentences of the sources, and what
differs is scored. The sources are the documents and tool results of the exchange. **Without sources there
are no findings**: there is nothing to be grounded in. Nothing is judged at the input stage.

Each claim is judged by itself, so a window that begins and ends where sentences do gets the findings of the
whole. The price: pronouns are not resolved, and a claim that needs two far places together, arithmetic,
world knowledge or a synonym that shares no letters with the source's word is judged too harshly or not at
all (``examples.py`` lists what is missed).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from safety.detectors.base import Detector, Scope
from safety.detectors.groundedness.claims import Claim, claims_of
from safety.detectors.groundedness.comparison import open_case
from safety.detectors.groundedness.index import Evidence, Index
from safety.detectors.groundedness.passage import read
from safety.detectors.groundedness.score import CONTRADICTIONS, NO_EVIDENCE, NO_EVIDENCE_SCORE, judge
from safety.types import Exchange, Finding, Origin, Segment, Span, Stage

KEPT = 8  # source indexes remembered: a stream asks once per sentence with the same sources
ASKED = 2  # the latest texts of the user whose words may be repeated (one before, one after the documents)


@dataclass(frozen=True, slots=True)
class GroundednessOptions:
    """Options under ``detectors.groundedness``."""

    origins: tuple[Origin, ...] = (Origin.DOCUMENT, Origin.TOOL_RESULT)
    """Which segments of the request are sources; add ``system`` or ``user`` where facts stand there."""
    sources: tuple[str, ...] = ()
    """Texts that are always sources, beside those of the request."""
    min_claim_words: int = 2
    """Sentences with fewer content words, numbers and dates together are not judged."""
    strictness: float = 0.0
    """Added to every claim's log-odds: 1 makes doubtful claims findings, -1 lets more pass. -5 to 5."""
    min_score: float = 0.3
    """Claims that score less are not reported at all. 0 to 1."""

    def __post_init__(self) -> None:
        if self.min_claim_words < 1:
            raise ValueError(f"min_claim_words: {self.min_claim_words} is too few: 1 or more")
        if not -5 <= self.strictness <= 5:
            raise ValueError(f"strictness: {self.strictness} is out of range: -5 to 5")
        if not 0 <= self.min_score <= 1:
            raise ValueError(f"min_score: {self.min_score} is out of range: 0 to 1")


@dataclass(frozen=True, slots=True)
class _Sources:
    segments: tuple[Segment | None, ...]  # ``None`` for a text of the policy
    texts: tuple[str, ...]
    index: Index
    asked: frozenset[str]


class Groundedness(Detector):
    """Ungrounded claims of an answer, each with its span, a reason and the nearest evidence."""

    name: ClassVar[str] = "groundedness"
    version: ClassVar[str] = "1"
    categories = ("ungrounded.contradiction", "ungrounded.not_mentioned")
    scope: ClassVar[Scope] = Scope.EXCHANGE
    Options = GroundednessOptions

    def __init__(self, options: GroundednessOptions | None = None) -> None:
        super().__init__(options)
        self._index = lru_cache(KEPT)(Index)

    def detect(self, batch: Sequence[Exchange]) -> Sequence[Sequence[Finding]]:
        return [list(self._findings(exchange)) for exchange in batch]

    def _findings(self, exchange: Exchange) -> Iterator[Finding]:
        answers = [segment for segment in exchange.segments if segment.origin is Origin.ASSISTANT]
        if exchange.stage is not Stage.OUTPUT or not answers:
            return
        sources = self._sources(exchange)
        if sources is None:
            return
        for answer in answers:
            for claim in claims_of(answer.text, self.options.min_claim_words):
                finding = self._judged(answer, claim, sources)
                if finding is not None:
                    yield finding

    def _sources(self, exchange: Exchange) -> _Sources | None:
        """The sources of the exchange, indexed; ``None`` when there are none."""
        found = [s for s in exchange.context if s.origin in self.options.origins and s.text.strip()]
        texts = (*(segment.text for segment in found), *self.options.sources)
        if not texts:
            return None
        users = [s.text for s in exchange.context if s.origin is Origin.USER]
        asked = frozenset(word.stem for text in users[-ASKED:] for word in read(text).words)
        segments = (*found, *(None for _ in self.options.sources))
        return _Sources(segments, texts, self._index(texts), asked)

    def _judged(self, answer: Segment, claim: Claim, sources: _Sources) -> Finding | None:
        case = open_case(answer.text, claim.passage, sources.index, sources.texts, sources.asked)
        if case is None:
            score, mark, support = NO_EVIDENCE_SCORE, NO_EVIDENCE, None
        else:
            score, found = judge(case, self.options.strictness)
            mark, support = found or NO_EVIDENCE, _support(sources, case.evidence)
        if score < self.options.min_score:
            return None
        kind = "contradiction" if mark.reason in CONTRADICTIONS else "not_mentioned"
        return Finding(
            self.name,
            f"ungrounded.{kind}",
            score=round(score, 3),
            span=answer.span(claim.start, claim.end),
            evidence=mark.reason,
            detail=mark.detail,
            support=support,
        )


def _support(sources: _Sources, evidence: Evidence) -> Span | None:
    """Where the nearest sentences stand in the request; ``None`` in a text of the policy."""
    segment = sources.segments[evidence.best.source]
    if segment is None:
        return None
    return segment.span(evidence.near[0].passage.start, evidence.near[-1].passage.end)
