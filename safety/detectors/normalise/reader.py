"""Detectors that read the same text share one reading of it.

A ``Reader`` belongs to the detectors of one policy. It holds the last texts it read, within a bound, for as
long as no others take their place; nothing of it is kept on disk or shown.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any

from safety.detectors.base import Detector
from safety.detectors.normalise.reading import Reading, read

ROOM = 1 << 19  # characters: of the texts remembered and of their views together


class Reader:
    """``read`` with a memory of ``room`` characters. Safe to call from many threads, which may then both
    make the same reading."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._held = 0
        self._known: OrderedDict[str, Reading] = OrderedDict()  # the latest last
        self._lock = Lock()

    def read(self, text: str) -> Reading:
        """Every view of ``text``."""
        with self._lock:
            reading = self._known.get(text)
            if reading is not None:
                self._known.move_to_end(text)
                return reading
        reading = read(text)
        if _size(text, reading) <= self._room:
            self._keep(text, reading)
        return reading

    def _keep(self, text: str, reading: Reading) -> None:
        with self._lock:
            if text in self._known:
                return
            self._known[text] = reading
            self._held += _size(text, reading)
            while self._held > self._room:
                self._held -= _size(*self._known.popitem(last=False))


def _size(text: str, reading: Reading) -> int:
    return len(text) + sum(len(view.text) for view in reading.views)


class ReadingDetector(Detector):
    """A detector that reads texts as ``normalise`` does. Whoever builds several gives them one ``reader``;
    without, it makes its own."""

    def __init__(self, options: Any = None, *, reader: Reader | None = None) -> None:
        super().__init__(options)
        self.reader = Reader() if reader is None else reader
