"""A detector whose scores stand in the text (``hate=0.7 rude=0.2``), to measure with known answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from safety.detectors.base import Detector
from safety.detectors.registry import Entry, Registry
from safety.measure.run import Bench
from safety.policy.file import policy_from_text
from safety.types import Exchange, Finding, Segment, Stage

POLICY = """
version: 1
name: toy
mode: MODE
rules:
  - {id: hate, when: {category: hate}, action: block}
  - {id: hate-note, when: {category: hate, min_score: 0}, action: annotate}
  - {id: violence, when: {category: violence}, action: annotate}
exceptions:
  - {text: "hate=0.9", reason: a quotation, expires: 2999-01-01}
"""


@dataclass(frozen=True, slots=True)
class ToyOptions:
    min_score: float = 0.3


class ToyHarm(Detector):
    name = "toy_harm"
    categories = ("hate", "violence.threat", "rude")
    Options = ToyOptions

    def __init__(self, options: ToyOptions | None = None) -> None:
        super().__init__(options)
        self.asked: list[tuple[str, ...]] = []  # the texts of each call

    def detect(self, batch: Sequence[Exchange]) -> list[list[Finding]]:
        self.asked.append(tuple(s.text for exchange in batch for s in exchange.segments))
        return [[f for s in exchange.segments for f in self._found(s)] for exchange in batch]

    def _found(self, segment: Segment) -> Iterator[Finding]:
        if "boom" in segment.text:
            raise RuntimeError("it broke")
        for word in segment.text.split():
            name, _, score = word.partition("=")
            if score and float(score) >= self.options.min_score:
                category = "violence.threat" if name == "violence" else name
                start = segment.text.index(word)
                span = segment.span(start, start + len(word))
                yield Finding(self.name, category, float(score), span)


REGISTRY = Registry({"toy_harm": Entry(ToyHarm, "test")})


def bench_of(mode: str = "enforce", stage: Stage | None = None, policy: str = POLICY) -> Bench:
    """The toy under the toy's policy."""
    parsed = policy_from_text(policy.replace("MODE", mode), registry=REGISTRY).policy
    return Bench.of(parsed, REGISTRY, stage)


def install(folder: Path) -> None:
    """Makes ``folder`` (put on ``sys.path``) a place where the toy is installed as an entry point."""
    info = folder / "toy_harm-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-harm\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[safety.detectors]\ntoy_harm = toy_harm:ToyHarm\n")
