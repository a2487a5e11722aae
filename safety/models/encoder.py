"""The shipped encoder at work: batches of windows in, logits out. It knows no thresholds and no text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from safety.detectors.model import Provider, Role
from safety.errors import ConfigError
from safety.models.batcher import Batcher
from safety.models.cheap import Floats, Ids
from safety.models.session import session

CLS, SEP = 101, 102  # BERT's marks around a text
# Tokens of a batch, padding included. On a CPU each window runs alone: the 8-bit activations of a batch share
# one scale, so that what else is in it would move a score, and batches of 64 to 192 tokens gained nothing
# there (11.5 against 11.8 ms per window of 64). All threads then work on the one window.
BUDGETS: dict[Provider, int] = {"cpu": 0, "cuda": 16_384, "openvino": 4096}


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a text as token ids (special ones left out), in its role."""

    ids: Ids
    role: Role

    @property
    def key(self) -> tuple[Role, bytes]:
        """Equal for windows of equal content and role."""
        return self.role, self.ids.tobytes()


def _size(window: Window) -> int:
    return len(window.ids) + 2  # with the marks


class Encoder:
    """One session, shared by all threads."""

    def __init__(self, graph: bytes, place: str, provider: Provider = "cpu", threads: int = 0) -> None:
        self._session = session(graph, provider, threads)
        named = {node.name for node in self._session.get_inputs()}
        if named != {"input_ids", "attention_mask", "token_type_ids"}:
            raise ConfigError(f"{place}: not the shipped encoder: its inputs are {', '.join(sorted(named))}")
        self._batcher: Batcher[Window, Floats] = Batcher(self._run, _size, BUDGETS[provider])

    def logits(self, windows: Sequence[Window]) -> list[Floats]:
        """One row of logits per window, in order."""
        return self._batcher.results(windows)

    def _run(self, windows: list[Window]) -> list[Floats]:
        longest = max(len(window.ids) for window in windows) + 2
        ids = np.zeros((len(windows), longest), np.int64)
        mask = np.zeros_like(ids)
        roles = np.zeros_like(ids)
        for at, window in enumerate(windows):
            end = len(window.ids) + 2
            ids[at, 0], ids[at, 1 : end - 1], ids[at, end - 1] = CLS, window.ids, SEP
            mask[at, :end] = 1
            roles[at, :end] = window.role
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": roles}
        return list(cast(Floats, self._session.run(["logits"], given)[0]))
