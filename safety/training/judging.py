"""What the steps of a cascade say of labelled rows, window by window: what thresholds and exits come from.

It runs the files that ship, not the network they were made from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from safety.detectors.model import Role
from safety.models.card import Card, Exit
from safety.models.cascade import BEGUN
from safety.models.cheap import Cheap
from safety.models.encoder import Encoder, Window
from safety.models.heads import HEADS, spoken
from safety.models.windows import windows
from safety.training.rows import Row

Floats = NDArray[np.float32]
Exits = Mapping[str, Mapping[str, Exit]]  # by step and head

STEPS = ("cheap", "early")  # before the last
NEVER: Exits = {step: {} for step in STEPS}


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """``cheap`` and ``early`` (windows, heads) and ``dear`` (windows, heads and severities) are logits;
    ``owner`` (windows,) is the row a window is of, ``roles`` (windows,) its role."""

    cheap: Floats
    early: Floats
    dear: Floats
    owner: NDArray[np.int64]
    roles: NDArray[np.int64]

    def windows_of(self, head: str) -> tuple[Floats, Floats, Floats]:
        """A head's logits at each step, of the windows it speaks of."""
        mine, at = self._speaks(head), HEADS.index(head)
        return self.cheap[mine, at], self.early[mine, at], self.dear[mine, at]

    def loudest(self, head: str, exits: Exits = NEVER) -> Floats:
        """Per row, the highest logit of its windows: with ``exits`` each as it leaves, else the encoder's."""
        at = HEADS.index(head)
        logits = self.dear[:, at]
        for step in reversed(STEPS):
            mine = getattr(self, step)[:, at]
            logits = np.where(_sure(mine, exits[step].get(head, Exit())), mine, logits)
        best = np.full(int(self.owner.max()) + 1, -np.inf, np.float32)
        np.maximum.at(best, self.owner, logits)
        return best

    def left(self, exits: Exits, step: str) -> NDArray[np.bool_]:
        """Which windows are not asked about after ``step``: every head that speaks is sure by then."""
        steps = STEPS[: STEPS.index(step) + 1]
        sure = [
            ~self._speaks(head)
            | np.stack([_sure(getattr(self, one)[:, at], exits[one].get(head, Exit())) for one in steps]).any(
                0
            )
            for at, head in enumerate(HEADS)
        ]
        return cast(NDArray[np.bool_], np.stack(sure).all(0))

    def _speaks(self, head: str) -> NDArray[np.bool_]:
        return np.isin(self.roles, [int(role) for role in Role if head in spoken(role)])


def judge(rows: Sequence[Row], tokenizer: Tokenizer, cheap: Cheap, encoder: Encoder, card: Card) -> Judged:
    """Both steps on every window of every row."""
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


def _sure(logits: Floats, bounds: Exit) -> NDArray[np.bool_]:
    low = -np.inf if bounds.low is None else bounds.low
    high = np.inf if bounds.high is None else bounds.high
    return (logits < low) | (logits > high)
