"""What the steps of a cascade say of labelled rows, window by window: what thresholds and exits come from.

It runs the files that ship, not the network they were made from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from safety.detectors.model import Role
from safety.models.card import NEVER, STEPS, Card, Exits, exit_at
from safety.models.cascade import BEGUN
from safety.models.cheap import Cheap
from safety.models.encoder import Encoder, Window
from safety.models.heads import HEADS, spoken
from safety.models.windows import windows
from safety.training.rows import Row

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """``cheap`` and ``early`` (windows, heads) and ``dear`` (windows, heads and severities) are logits;
    ``owner`` (windows,) is the row a window is of, ``roles`` (windows,) its role."""

    cheap: Floats
    early: Floats
    dear: Floats
    owner: NDArray[np.int64]
    roles: NDArray[np.int64]

    @property
    def steps(self) -> tuple[Floats, ...]:
        """The logits of all steps, in order."""
        return self.cheap, self.early, self.dear

    def windows_of(self, head: str) -> tuple[Floats, ...]:
        """A head's logits at each step, of the windows it speaks of."""
        mine, at = self._speaks(head), HEADS.index(head)
        return tuple(logits[mine, at] for logits in self.steps)

    def loudest(self, head: str, exits: Exits = NEVER) -> Floats:
        """Per row, the highest logit of its windows: with ``exits`` each as it leaves, else the encoder's."""
        *before, logits = (logits[:, HEADS.index(head)] for logits in self.steps)
        for mine, sure in reversed(list(zip(before, self._sure(head, exits), strict=True))):
            logits = np.where(sure, mine, logits)
        best = np.full(int(self.owner.max()) + 1, -np.inf, np.float32)
        np.maximum.at(best, self.owner, logits)
        return best

    def left(self, exits: Exits, step: str) -> Flags:
        """Which windows are not asked about after ``step``: every head that speaks is sure by then."""
        by_then = slice(STEPS.index(step) + 1)
        sure = [~self._speaks(head) | np.stack(self._sure(head, exits)[by_then]).any(0) for head in HEADS]
        return cast(Flags, np.stack(sure).all(0))

    def _sure(self, head: str, exits: Exits) -> list[Flags]:
        """Per step, the windows in which it is sure of the head."""
        found = []
        for step, logits in zip(STEPS, self.steps, strict=False):
            bounds, mine = exit_at(exits, step, head), logits[:, HEADS.index(head)]
            low = -np.inf if bounds.low is None else bounds.low
            high = np.inf if bounds.high is None else bounds.high
            found.append((mine < low) | (mine > high))
        return found

    def _speaks(self, head: str) -> Flags:
        return np.isin(self.roles, [int(role) for role in Role if head in spoken(role)])


def judge(rows: Sequence[Row], tokenizer: Tokenizer, cheap: Cheap, encoder: Encoder, card: Card) -> Judged:
    """All steps on every window of every row."""
    owner: list[int] = []
    asked: list[Window] = []
    for at, row in enumerate(rows):
        ids = np.array(tokenizer.encode(row.text, add_special_tokens=False).ids, np.int32)
        for start, end in windows(len(ids), card.window, card.overlap):
            owner.append(at)
            asked.append(Window(ids[start:end], row.role))
    quick = np.stack([cheap.logits(window.ids, window.role) for window in asked])
    early, dear = [], []
    for first in range(0, len(asked), BEGUN):
        begun = encoder.begin(asked[first : first + BEGUN])
        early += [one.logits for one in begun]
        dear += encoder.finish(begun)
    roles = np.array([int(window.role) for window in asked])
    return Judged(quick, np.stack(early), np.stack(dear), np.array(owner), roles)


def labelled(rows: Sequence[Row], head: str) -> tuple[Flags, Flags]:
    """Which rows answer a head, and which of those are positive."""
    at = HEADS.index(head)
    known = np.array([row.targets[at] is not None for row in rows], bool)
    return known, np.array([(row.targets[at] or 0) >= 0.5 for row in rows], bool)[known]
