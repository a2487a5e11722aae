"""Many patterns matched in one pass: ``re2.Set``, with its failures made visible.

Only tells which patterns match, not where.
"""

from __future__ import annotations

from collections.abc import Sequence

import re2

_MEMORY = 64 << 20  # bytes an automaton may grow to; when full it starts afresh, which costs time only


class PatternSet:
    """A set of google-re2 patterns (Unicode, case sensitive). Safe to call from many threads."""

    __slots__ = ("_always", "_set")

    def __init__(self, patterns: Sequence[str]) -> None:
        options = re2.Options()
        options.max_mem = _MEMORY
        self._set = re2.Set.SearchSet(options)
        for pattern in patterns:
            self._set.Add(pattern)
        # re2.Set answers None both for "nothing matches" and for "out of memory": a pattern that matches
        # every text, once and at its end, tells them apart.
        self._always = self._set.Add(r"\z")
        self._set.Compile()

    def match(self, text: str | bytes) -> list[int]:
        """The indices of the patterns that match, in no order. Text, or its UTF-8 bytes. ``MemoryError``
        when the automaton has no room; never an empty answer instead."""
        found: list[int] | None = self._set.Match(text)
        if found is None:
            raise MemoryError("patterns: the automaton has no room; raise max_mem")
        found.remove(self._always)
        return found
