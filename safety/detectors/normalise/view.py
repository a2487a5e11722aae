"""A derived text and the way back: every range of a view maps to code points of the original text.

Pure. Nothing here reads or changes text; ``fold``, ``derive`` and ``decode`` make the texts and their maps.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field

Step = Callable[[int, int], tuple[int, int]]
"""Maps a half-open range of one text to the smallest range of the text it was made from."""

PLAIN = "text"  # the kind of the first view: what the text says as it stands
RESPELLED = frozenset(("joined", "leet", "unaccented"))  # other spellings, not encodings


@dataclass(frozen=True, slots=True)
class View:
    """One reading of a text, folded (see ``fold``).

    ``kind`` names what was undone, outermost first, joined by ``+`` (``base64+url``); the first view's is
    ``text``. ``depth`` counts these steps. ``original`` maps back.
    """

    text: str
    kind: str = PLAIN
    depth: int = 0
    steps: tuple[Step, ...] = field(default=(), repr=False, compare=False)

    @property
    def encoded(self) -> bool:
        """Whether an encoding was undone, not only a spelling."""
        return self.kind != PLAIN and not RESPELLED.issuperset(self.kind.split("+"))

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The smallest range of the original text that produced ``text[start:end]``.

        Half open, code points. An empty range maps to an empty range. ``ValueError`` outside the text.
        """
        if not 0 <= start <= end <= len(self.text):
            raise ValueError(f"[{start}, {end}) is outside a view of {len(self.text)} code points")
        for step in self.steps:
            start, end = step(start, end)
        return start, end


class Pieces:
    """An offset map made of pieces in order: copied ones map one to one, replaced ones as a whole.

    Built once from left to right by ``copy``, ``replace`` and ``drop``, then only called.
    """

    __slots__ = ("_copied", "_derived", "_ends", "_made", "_read", "_starts")

    def __init__(self, at: int = 0) -> None:
        self._derived: list[int] = []  # where each piece begins in the derived text
        self._starts: list[int] = []  # and what it covers in the source
        self._ends: list[int] = []
        self._copied: list[bool] = []
        self._made = 0
        self._read = at

    def copy(self, length: int) -> None:
        """The next ``length`` code points are the source's own, one for one."""
        if length:
            self._add(length, length, True)

    def replace(self, length: int, source: int) -> None:
        """The next ``source`` code points of the source became ``length`` others (none: dropped)."""
        if length:
            self._add(length, source, length == source == 1)
        else:
            self._read += source

    def drop(self, source: int) -> None:
        """The next ``source`` code points of the source are gone."""
        self._read += source

    def widen(self, source: int) -> None:
        """The last piece, of one code point, also stands for the next ``source`` of the source."""
        self._copied[-1] = False
        self._read += source
        self._ends[-1] = self._read

    def _add(self, length: int, source: int, copied: bool) -> None:
        self._derived.append(self._made)
        self._starts.append(self._read)
        self._made += length
        self._read += source
        self._ends.append(self._read)
        self._copied.append(copied)

    def __call__(self, start: int, end: int) -> tuple[int, int]:
        """See ``Step``."""
        if start == end:
            return self._edge(start)
        first = bisect_right(self._derived, start) - 1
        last = bisect_right(self._derived, end - 1) - 1
        low = self._starts[first] + (start - self._derived[first] if self._copied[first] else 0)
        high = self._ends[last]
        if self._copied[last]:
            high = self._starts[last] + end - self._derived[last]
        return low, high

    def _edge(self, at: int) -> tuple[int, int]:
        if at == self._made:
            return (self._ends[-1], self._ends[-1]) if at else (0, 0)
        at = self(at, at + 1)[0]
        return at, at


class Whole:
    """Every range maps to the same one: an encoded passage whose code points cannot be told apart."""

    __slots__ = ("_end", "_start")

    def __init__(self, start: int, end: int) -> None:
        self._start = start
        self._end = end

    def __call__(self, start: int, end: int) -> tuple[int, int]:
        """See ``Step``."""
        return (self._start, self._end) if start < end else (self._start, self._start)


class Reversed:
    """The map of a text written backwards."""

    __slots__ = ("_length",)

    def __init__(self, length: int) -> None:
        self._length = length

    def __call__(self, start: int, end: int) -> tuple[int, int]:
        """See ``Step``."""
        return self._length - end, self._length - start


class Late:
    """A map that is made when it is first asked for, since most texts have no findings.

    Two threads may both make it; they make the same.
    """

    __slots__ = ("_make", "_step")

    def __init__(self, make: Callable[[], Step]) -> None:
        self._make = make
        self._step: Step | None = None

    def __call__(self, start: int, end: int) -> tuple[int, int]:
        """See ``Step``."""
        if self._step is None:
            self._step = self._make()
        return self._step(start, end)
