"""A scorer that is a table: words, and what each says of a text that holds it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from safety.detectors.model import HARM, SHIELD, Opinion, Passage, Role


@dataclass(eq=False)
class TableScorer:
    """``table``: word to the score of each category. A text's score is that of its loudest word, and the
    opinion is about the first place where that word stands. ``asked`` keeps the passages."""

    table: Mapping[str, Mapping[str, float]]
    label: str = "table@1"
    severities: Mapping[str, int] = field(default_factory=dict)
    asked: list[Passage] = field(default_factory=list)

    @property
    def quick(self) -> TableScorer:
        return self

    def score(
        self, passages: Sequence[Passage], wanted: Collection[str] | None = None
    ) -> list[dict[str, Opinion]]:
        self.asked += passages
        return [self._one(passage, wanted) for passage in passages]

    def _one(self, passage: Passage, wanted: Collection[str] | None) -> dict[str, Opinion]:
        heads = (SHIELD[Role(passage.role)], *HARM)
        return {head: self._opinion(passage.text, head) for head in heads if wanted is None or head in wanted}

    def _opinion(self, text: str, head: str) -> Opinion:
        said = [(scores.get(head, 0.0), word) for word, scores in self.table.items() if word in text]
        score, word = max(said, default=(0.0, ""))
        start = text.find(word) if score else 0
        end = start + len(word) if score else len(text)
        severity = self.severities.get(head, 0) if head in HARM else None
        return Opinion(score, start, end, severity, "table")
