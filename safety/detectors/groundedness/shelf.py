"""The indexes that are kept: as many as their texts allow, and always the newest.

An index takes about sixty bytes for each code point of its sources, so what is kept is counted in code
points. The newest stays whatever its size: a streamed answer asks it once per sentence.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from safety.detectors.groundedness.index import Index

KEPT = 2_000_000  # code points of sources


class Shelf:
    """Least recently used goes first; shared by all threads of a detector. Two threads that want the same new
    index may both make it."""

    def __init__(self, kept: int = KEPT) -> None:
        self._most = kept
        self._kept: OrderedDict[tuple[str, ...], Index] = OrderedDict()
        self._lock = threading.Lock()

    def index(self, texts: Sequence[str]) -> Index:
        """The index of the texts."""
        key = tuple(texts)
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        made = Index(key)
        with self._lock:
            self._kept[key] = made
            self._kept.move_to_end(key)
            while len(self._kept) > 1 and self.characters > self._most:
                self._kept.popitem(last=False)
        return made

    @property
    def characters(self) -> int:
        """Code points of all sources whose index is kept."""
        return sum(len(text) for texts in self._kept for text in texts)
