"""A small real detector, and short ways to call a guard with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from safety.detectors.base import Detector
from safety.gate import Released
from safety.guard import Guard
from safety.policy.model import Rule, When
from safety.types import Action, Delta, Exchange, Finding, Origin, Ran, Segment, Stage, Verdict

RULES = (Rule("bad", When(("bad",)), Action.BLOCK, message="no"),)


class Words(Detector):
    """Finds the word "bad"; counts what it was shown."""

    name = "words"
    categories = ("bad",)

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self.shown: list[str] = []

    def detect(self, batch: Sequence[Exchange]) -> Sequence[Sequence[Finding]]:
        self.shown += [s.text for e in batch for s in e.segments]
        return [
            [
                Finding(self.name, "bad", span=s.span(s.text.index("bad"), s.text.index("bad") + 3))
                for s in e.segments
                if "bad" in s.text
            ]
            for e in batch
        ]


def exchange(*texts: str, stage: Stage = Stage.INPUT, origin: Origin = Origin.USER) -> Exchange:
    segments = tuple(Segment(f"/messages/{i}/content", origin, t) for i, t in enumerate(texts))
    return Exchange("x", stage, segments)


def ran(verdict: Verdict) -> dict[str, Ran]:
    return {o.detector: o.ran for o in verdict.outcomes}


def answered(guard: Guard, *pieces: str) -> tuple[str, Verdict]:
    """What a streamed answer lets out, and its verdict."""
    stream, out = guard.stream(exchange("question")), ""

    def text(released: Sequence[Any]) -> str:
        return "".join(
            p.item if p.texts is None else "".join(p.texts) for p in released if isinstance(p, Released)
        )

    for piece in pieces:
        if not stream.over:
            out += text(stream.push(piece, [Delta("/answer", Origin.ASSISTANT, piece)]))
    out += text(stream.finish())
    assert stream.verdict is not None
    return out, stream.verdict
