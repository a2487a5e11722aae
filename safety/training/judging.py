"""What both steps of a cascade say of labelled rows, window by window: what thresholds and exits come from.

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
from safety.models.cheap import Cheap
from safety.models.encoder import Encoder, Window
from safety.models.heads import HEADS, spoken
from safety.models.windows import windows
from safety.training.rows import Row

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """``cheap`` (windows, heads) and ``dear`` (windows, heads and severities) are logits; ``owner``
    (windows,) is the row a window is of, ``roles`` (windows,) its role."""

    cheap: Floats
    dear: Floats
    owner: NDArray[np.int64]
    roles: NDArray[np.int64]

    def windows_of(self, head: str) -> tuple[Floats, Floats]:
        """The cheap and the dear logits of a head, of the windows it speaks of."""
        mine, at = self._speaks(head), HEADS.index(head)
        return self.cheap[mine, at], self.dear[mine, at]

    def loudest(self, head: str, exits: Mapping[str, Exit] | None = None) -> Floats:
        """Per row, the highest logit of its windows: the encoder's, or with ``exits`` the cascade's."""
        at = HEADS.index(head)
        logits = self.dear[:, at]
        if exits is not None:
            logits = np.where(self._sure(head, exits), self.cheap[:, at], logits)
        best = np.full(int(self.owner.max()) + 1, -np.inf, np.float32)
        np.maximum.at(best, self.owner, logits)
        return best

    def left(self, exits: Mapping[str, Exit]) -> NDArray[np.bool_]:
        """Which windows leave before the encoder: those in which every head that speaks is sure."""
        sure = [~self._speaks(head) | self._sure(head, exits) for head in HEADS]
        return cast(NDArray[np.bool_], np.stack(sure).all(0))

    def _sure(self, head: str, exits: Mapping[str, Exit]) -> NDArray[np.bool_]:
        logits, bounds = self.cheap[:, HEADS.index(head)], exits.get(head, Exit())
        low = -np.inf if bounds.low is None else bounds.low
        high = np.inf if bounds.high is None else bounds.high
        return (logits < low) | (logits > high)

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
    dear = np.stack(encoder.logits(asked))
    return Judged(quick, dear, np.array(owner), np.array([int(window.role) for window in asked]))
