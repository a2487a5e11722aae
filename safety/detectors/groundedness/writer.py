"""What the detector asks of a chat model: a few short answers, all within one deadline.

A writer is handed to the detector, which knows no HTTP and is tested with a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from safety.detectors.groundedness.pairing import Pair


@dataclass(frozen=True, slots=True)
class Wanted:
    """``task`` says what to do, ``text`` what to do it with; texts of strangers are in the latter alone."""

    task: str
    text: str


@dataclass(frozen=True, slots=True)
class Failed:
    """No answer came, for this reason."""

    why: str


def laid_out(pair: Pair) -> str:
    """A claim under its evidence as ``Wanted.text``. Each stands on one line, so none can pose as another."""
    parts = (("SOURCES", pair.evidence), ("BEFORE IT", pair.before), ("SENTENCE", pair.claim))
    return "\n\n".join(f"{name}:\n{' '.join(said.split())}" for name, said in parts if said)


class Writer(Protocol):
    """A chat model, ready to be asked from many threads at a time."""

    def write(self, wanted: Sequence[Wanted]) -> Sequence[str | Failed]:
        """One answer each, in order, none later than the writer's deadline. Does not raise."""
        ...
