"""The shipped encoder at work: batches of windows in, logits out, in two steps, the second of which need not
be taken. It knows no thresholds and no text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from safety.detectors.model import Provider, Role
from safety.errors import ConfigError
from safety.models.batcher import Batcher
from safety.models.cheap import Floats, Ids
from safety.models.session import session
from safety.models.tokens import CLS, SEP

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_INPUTS = frozenset({"input_ids", "attention_mask", "token_type_ids"})
_STATES = frozenset({"states", "attention_mask"})
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


@dataclass(frozen=True, slots=True, eq=False)
class Begun:
    """A window after the first layers: ``states`` (tokens, width), and ``logits`` (heads,) from those."""

    window: Window
    states: Floats
    logits: Floats


def _size(window: Window) -> int:
    return len(window.ids) + 2  # with the marks


class Encoder:
    """One session for the first layers and one for the others, shared by all threads."""

    def __init__(
        self, lower: bytes, upper: bytes, place: str, provider: Provider = "cpu", threads: int = 0
    ) -> None:
        self._lower = _opened(lower, place, provider, threads, _INPUTS)
        self._upper = _opened(upper, place, provider, threads, _STATES)
        budget = BUDGETS[provider]
        self._beginning: Batcher[Window, Begun] = Batcher(self._begin, _size, budget)
        self._finishing: Batcher[Begun, Floats] = Batcher(self._finish, lambda one: _size(one.window), budget)

    def begin(self, windows: Sequence[Window]) -> list[Begun]:
        """The windows after the first layers, in order."""
        return self._beginning.results(windows)

    def finish(self, begun: Sequence[Begun]) -> list[Floats]:
        """One row of logits (heads, then severities) per window, in order."""
        return self._finishing.results(begun)

    def logits(self, windows: Sequence[Window]) -> list[Floats]:
        """Both."""
        return self.finish(self.begin(windows))

    def _begin(self, windows: list[Window]) -> list[Begun]:
        longest = max(_size(window) for window in windows)
        ids = np.zeros((len(windows), longest), np.int64)
        roles = np.zeros_like(ids)
        for at, window in enumerate(windows):
            end = _size(window)
            ids[at, 0], ids[at, 1 : end - 1], ids[at, end - 1] = CLS, window.ids, SEP
            roles[at, :end] = window.role
        given = {"input_ids": ids, "attention_mask": _mask(windows), "token_type_ids": roles}
        logits, states = cast(tuple[Floats, Floats], self._lower.run(["logits", "states"], given))
        return [Begun(window, states[at, : _size(window)], logits[at]) for at, window in enumerate(windows)]

    def _finish(self, begun: list[Begun]) -> list[Floats]:
        windows = [one.window for one in begun]
        mask = _mask(windows)
        states = np.zeros((*mask.shape, begun[0].states.shape[1]), np.float32)
        for at, one in enumerate(begun):
            states[at, : len(one.states)] = one.states
        given = {"states": states, "attention_mask": mask}
        return list(cast(Floats, self._upper.run(["logits"], given)[0]))


def _mask(windows: Sequence[Window]) -> NDArray[np.int64]:
    """1 for each token, 0 for what is padded."""
    sizes = np.array([_size(window) for window in windows])
    return (np.arange(sizes.max()) < sizes[:, None]).astype(np.int64)


def _opened(
    graph: bytes, place: str, provider: Provider, threads: int, expected: frozenset[str]
) -> InferenceSession:
    made = session(graph, provider, threads, place)
    named = {node.name for node in made.get_inputs()}
    if named != expected:
        raise ConfigError(f"{place}: not the shipped encoder: its inputs are {', '.join(sorted(named))}")
    return made
