"""What detectors that ask a model have in common: which readings of a text they put to it, and where in the
text the answer belongs. What is made of the answers is each detector's own matter.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from safety.detectors.base import Driver
from safety.detectors.model import ModelOptions, Opinion, Passage, Role, Scorer
from safety.detectors.normalise import Reader, ReadingDetector, View
from safety.detectors.normalise.view import PLAIN
from safety.detectors.occlusion import drivers
from safety.errors import ConfigError
from safety.types import Finding, Segment

_NOTHING_NEW = frozenset(("unaccented",))  # models for word pieces take accents away themselves


@dataclass(frozen=True, slots=True)
class Heard:
    """A model's opinion on a segment: ``[start, end)`` of its text (code points), and the reading that was
    put to the model."""

    opinion: Opinion
    start: int
    end: int
    view: View

    @property
    def evidence(self) -> str:
        """Who was sure, and of which reading if not of the text as it stands."""
        by = self.opinion.by or "model"
        return by if self.view.kind == PLAIN else f"{by} ({self.view.kind})"


@dataclass(frozen=True, slots=True)
class _Asked:
    segment: int
    view: View
    passage: Passage


class ModelDetector(ReadingDetector):
    """A detector that asks a model. Whoever builds it hands it one (``scorer``) for its options."""

    Options: ClassVar[type[ModelOptions]] = ModelOptions

    def __init__(
        self, options: Any = None, *, reader: Reader | None = None, scorer: Scorer | None = None
    ) -> None:
        super().__init__(options, reader=reader)
        if not 0 <= self.options.min_score <= 1:  # nothing would ever be found, and nobody would know
            raise ConfigError(f"min_score: {self.options.min_score}: allowed are numbers from 0 to 1")
        if self.options.threads < 0:
            raise ConfigError(f"threads: {self.options.threads}: allowed are whole numbers from 0")
        self.scorer = scorer

    @property
    def label(self) -> str:
        """With the model's own: what it remembers of a text holds for this model alone."""
        return super().label if self.scorer is None else f"{super().label}+{self.scorer.label}"

    def heard(self, segments: Sequence[Segment], wanted: Collection[str]) -> list[Mapping[str, Heard]]:
        """For each segment, its loudest opinion in each of the ``wanted`` categories. All readings of all
        segments go to the model at once."""
        loudest: list[dict[str, Heard]] = [{} for _ in segments]
        if self.scorer is None or not segments:
            return list(loudest)
        asked = [one for at, segment in enumerate(segments) for one in self._readings(at, segment)]
        opinions = self.scorer.score([one.passage for one in asked], wanted)
        for one, found in zip(asked, opinions, strict=True):
            for category, opinion in found.items():
                known = loudest[one.segment].get(category)
                if category in wanted and (known is None or opinion.score > known.opinion.score):
                    place = one.view.original(opinion.start, opinion.end)
                    loudest[one.segment][category] = Heard(opinion, *place, one.view)
        return list(loudest)

    def why(self, segment: Segment, finding: Finding) -> list[Driver]:
        category = finding.category.partition(".")[0]
        heard = self.heard((segment,), (category,))[0].get(category)
        if self.scorer is None or heard is None or finding.evidence != heard.evidence:
            return []
        passage = Passage(heard.view.text, Role.of(segment.origin))
        placed: dict[tuple[int, int], Driver] = {}  # the words of an encoded passage share its place
        for driver in drivers(self.scorer, passage, category, heard.opinion):
            start, end = heard.view.original(driver.start, driver.end)
            placed.setdefault((start, end), Driver(start, end, driver.fall))
        return list(placed.values())

    def _readings(self, at: int, segment: Segment) -> Iterator[_Asked]:
        role = Role.of(segment.origin)
        seen: set[str] = set()
        for view in self.reader.read(segment.text).views:
            if (
                view.text.strip()
                and view.text not in seen
                and not _NOTHING_NEW.issuperset(view.kind.split("+"))
            ):
                seen.add(view.text)
                yield _Asked(at, view, Passage(view.text, role))
