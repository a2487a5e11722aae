"""The ``harm`` detector: hate, sexual content, violence and self-harm, each with a severity from 0 to 7.

Severities follow Azure AI Content Safety's scale (0 safe, 2 low, 4 medium, 6 high, odd ones between); its
four levels are had by rounding down to an even number. All of it is a model's opinion: without one this
detector does not exist. It does not know what an application is for: a medical or a legal one will want other
thresholds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from safety.detectors.base import Scope
from safety.detectors.model import HARM, NONE, Scorer
from safety.detectors.normalise import Reader
from safety.detectors.opinions import Heard, ModelDetector
from safety.errors import ConfigError
from safety.types import Exchange, Finding, Segment


class Harm(ModelDetector):
    """Finds four kinds of harm in text of any origin."""

    name = "harm"
    categories = HARM
    scope = Scope.SEGMENT

    def __init__(
        self, options: Any = None, *, reader: Reader | None = None, scorer: Scorer | None = None
    ) -> None:
        super().__init__(options, reader=reader, scorer=scorer)
        if self.options.model == NONE:
            raise ConfigError(
                "model: none: harm is found by a model only: to do without, set 'enabled: false'"
            )

    def detect(self, batch: Sequence[Exchange]) -> list[list[Finding]]:
        segments = [segment for exchange in batch for segment in exchange.segments]
        heard = iter(self.heard(segments, HARM))
        return [
            [finding for segment in exchange.segments for finding in self._findings(segment, next(heard))]
            for exchange in batch
        ]

    def _findings(self, segment: Segment, heard: Mapping[str, Heard]) -> list[Finding]:
        return [
            Finding(
                self.name,
                category,
                round(one.opinion.score, 4),
                segment.span(one.start, one.end),
                one.opinion.severity,
                one.evidence,
            )
            for category, one in heard.items()
            if one.opinion.score >= self.options.min_score
        ]
