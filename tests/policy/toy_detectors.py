"""Small detectors that tests of policies use, so that they do not depend on the shipped ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from safety.detectors.base import Detector
from safety.detectors.registry import Entry, Registry
from safety.types import Exchange, Finding


@dataclass(frozen=True, slots=True)
class Weights:
    score: float = 0.9
    severity: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.score <= 1:
            raise ValueError(f"score {self.score}: write 0 to 1")


@dataclass(frozen=True, slots=True)
class WordOptions:
    """Words to find, given here or in files."""

    words: tuple[str, ...] = ("attack",)
    files: tuple[Path, ...] = ()
    weights: Weights = Weights()
    fold: bool = True


class Words(Detector):
    name = "words"
    categories = ("prompt_attack", "indirect_attack", "toy.WORD")
    Options = WordOptions
    options: WordOptions

    def detect(self, batch: Sequence[Exchange]) -> list[list[Finding]]:
        return [[f for segment in e.segments for f in self._in(segment)] for e in batch]

    def _in(self, segment):
        words = [*self.options.words, *(w for f in self.options.files for w in f.read_text().split())]
        kind = "indirect_attack" if segment.origin in ("document", "tool_result") else "prompt_attack"
        weights = self.options.weights
        for word in words:
            for match in re.finditer(re.escape(word), segment.text, re.IGNORECASE):
                span = segment.span(*match.span())
                yield Finding(self.name, kind, weights.score, span, weights.severity, evidence="word")


class Length(Detector):
    """Named like the shipped one, so that ``limits:`` can be tested."""

    @dataclass(frozen=True, slots=True)
    class Options:
        characters: int | None = None
        messages: int | None = None
        tokens: int | None = None
        tokenizer: str | Path | None = None
        message_overhead: int = 0

    name = "limits"
    categories = ("limit.characters",)

    def detect(self, batch: Sequence[Exchange]) -> list[list[Finding]]:
        return [self._in(e) for e in batch]

    def _in(self, exchange: Exchange) -> list[Finding]:
        size = sum(len(s.text) for s in exchange.segments)
        over = self.options.characters is not None and size > self.options.characters
        return [Finding(self.name, "limit.characters", span=exchange.segments[0].whole())] if over else []


class Broken(Detector):
    """Raises on every text."""

    name = "broken"
    categories = ("toy.BROKEN",)

    def detect(self, batch: Sequence[Exchange]) -> list[list[Finding]]:
        raise RuntimeError("out of order")


NotADetector = dict
TOYS = Registry({d.name: Entry(d, "toys 1.0") for d in (Words, Length, Broken)})
