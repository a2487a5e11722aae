"""Which rows can match a text at all, told by the words that each of them needs.

Patterns with gaps (*this word, a few others, that word*) in one automaton multiply its states; words alone do
not. So one pass looks for words, and only rows all of whose words are there are matched. What a row needs
is read off its pattern; it is always true that a text with a match has the words, so nothing is missed.

Reads the part of the google-re2 syntax that signatures use; anything else is a ``ValueError``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import re2
from ahocorasick_rs import AhoCorasick

from safety.detectors.normalise.patterns import PatternSet

Words = frozenset[str]

_MOST = 400  # strings that an alternative may stand for before they are not listed any more
_SHORTEST = 3  # characters of a word worth looking for; one is enough for scripts without spaces
_COMMON = frozenset(
    "the and you your with for that this from are all any not has have his her its what who which".split()
)
_EMPTY: Words = frozenset(("",))
_QUANTIFIER = re.compile(r"([*+?]|\{(\d+)(,?)(\d*)\})\??")
_ESCAPE = re.compile(r"\\(?:p[A-Z]|p\{\w+\}|x\{[0-9a-f]+\}|.)", re.DOTALL)
_CLASS = re.compile(r"\[(\^?)(\]?(?:\\.|[^\]\\])*)\]", re.DOTALL)
_NOTHING = frozenset("bBzA")  # escapes that match no character


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a pattern: all strings it matches, if they can be listed, and sets of strings of which a
    match contains at least one each."""

    exact: Words | None
    needs: tuple[Words, ...] = ()

    def demands(self) -> tuple[Words, ...]:
        return self.needs if self.exact is None else _useful(self.exact)


_ANYTHING = _Part(None)


def needs(pattern: str) -> tuple[Words, ...]:
    """Sets of strings: a text that ``pattern`` matches contains at least one string of each, where a space
    stands for any white space. The rarest-looking set first."""
    reader = _Reader(pattern.removeprefix("(?s)"))
    part = reader.alternatives()
    if reader.at != len(reader.pattern):
        raise ValueError(f"signature: unbalanced ) at {reader.at} of {pattern!r}")
    return tuple(sorted(set(part.demands()), key=_rarity))


def _rarity(words: Words) -> tuple[int, int, list[str]]:
    return (-min(map(len, words)), len(words), sorted(words))


def _useful(words: Words) -> tuple[Words, ...]:
    """``words`` without those that contain another of them, or nothing if one is too short or common."""
    if any(_weak(word) for word in words):
        return ()
    listed = sorted(words)
    finder = AhoCorasick(listed)  # sets can have hundreds of words: comparing pairs took half a second
    return (
        frozenset(
            word
            for at, word in enumerate(listed)
            if all(found == at for found, _, _ in finder.find_matches_as_indexes(word, overlapping=True))
        ),
    )


def _weak(word: str) -> bool:
    return (word.isascii() and len(word.strip()) < _SHORTEST) or not word.strip() or word.strip() in _COMMON


class _Reader:
    """A recursive-descent reader of a pattern."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def alternatives(self) -> _Part:
        parts = [self._sequence()]
        while self._take("|"):
            parts.append(self._sequence())
        if len(parts) == 1:
            return parts[0]
        listed = [part.exact for part in parts if part.exact is not None]
        if len(listed) == len(parts) and sum(map(len, listed)) <= _MOST:
            return _Part(frozenset().union(*listed))
        demands = [part.demands() for part in parts]
        if not all(demands):
            return _ANYTHING
        return _Part(None, _useful(frozenset().union(*(min(each, key=_rarity) for each in demands))))

    def _sequence(self) -> _Part:
        exact: Words | None = _EMPTY
        found: list[Words] = []
        listed = True
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            part = self._quantified()
            joined = _joined(exact, part.exact)
            if joined is None:
                listed = False
                found += _useful(exact or _EMPTY)
                found += part.needs if part.exact is None else ()
                exact = part.exact or _EMPTY
            else:
                exact = joined
        if listed:
            return _Part(exact)
        return _Part(None, (*found, *_useful(exact or _EMPTY)))

    def _quantified(self) -> _Part:
        part = self._atom()
        found = _QUANTIFIER.match(self.pattern, self.at)
        if found is None:
            return part
        self.at = found.end()
        least = {"*": 0, "?": 0, "+": 1}.get(found[1], int(found[2] or 0))
        if found[1] == "?":
            return _ANYTHING if part.exact is None else _Part(part.exact | _EMPTY)
        if found[1] == "{1}":
            return part
        return _Part(None, part.demands()) if least else _ANYTHING

    def _atom(self) -> _Part:
        char = self.pattern[self.at]
        if char == "(":
            return self._group()
        if char == "[":
            return self._class()
        if char == "\\":
            return self._escape()
        if char in "*+?{":
            raise ValueError(f"signature: nothing to repeat at {self.at} of {self.pattern!r}")
        self.at += 1
        if char == ".":
            return _ANYTHING
        return _Part(_EMPTY if char in "^$" else frozenset((char,)))

    def _group(self) -> _Part:
        self.at += 3 if self.pattern.startswith("(?:", self.at) else 1
        if self.pattern.startswith("?", self.at):
            raise ValueError(f"signature: only (?: ) groups, at {self.at} of {self.pattern!r}")
        part = self.alternatives()
        if not self._take(")"):
            raise ValueError(f"signature: missing ) in {self.pattern!r}")
        return part

    def _class(self) -> _Part:
        found = _CLASS.match(self.pattern, self.at)
        if found is None:
            raise ValueError(f"signature: missing ] in {self.pattern!r}")
        self.at = found.end()
        members = re.sub(r"\\([^\w])", r"\1", found[2])
        if found[2] == r" \n":
            return _Part(frozenset(" "))
        if found[1] or "\\" in members or "-" in members[1:-1] or len(members) > 8:
            return _ANYTHING
        return _Part(frozenset(members))

    def _escape(self) -> _Part:
        found = _ESCAPE.match(self.pattern, self.at)
        if found is None:
            raise ValueError(f"signature: a lone backslash ends {self.pattern!r}")
        self.at = found.end()
        kind = found[0][1]
        if kind in _NOTHING:
            return _Part(_EMPTY)
        if kind in "sn":
            return _Part(frozenset(" "))
        return _ANYTHING if kind.isalpha() else _Part(frozenset(kind))

    def _take(self, char: str) -> bool:
        taken = self.pattern.startswith(char, self.at)
        self.at += taken
        return taken


def _joined(left: Words | None, right: Words | None) -> Words | None:
    if left is None or right is None or len(left) * len(right) > _MOST:
        return None
    return frozenset(a + b for a, b in product(left, right))


class Prefilter:
    """The rows of a list of patterns that can match a text."""

    __slots__ = ("_always", "_by_group", "_groups")

    def __init__(self, patterns: Sequence[str]) -> None:
        numbers: dict[Words, int] = {}
        self._always: list[int] = []
        self._by_group: dict[int, list[tuple[int, frozenset[int]]]] = {}
        for row, pattern in enumerate(patterns):
            groups = [numbers.setdefault(words, len(numbers)) for words in needs(pattern)]
            if groups:
                self._by_group.setdefault(groups[0], []).append((row, frozenset(groups[1:])))
            else:
                self._always.append(row)
        self._groups = PatternSet([_any_of(words) for words in numbers])

    def candidates(self, text: str) -> list[int]:
        """The indices of the patterns that may match ``text``, in order; the others do not."""
        present = frozenset(self._groups.match(text))
        rows = [row for group in present for row, rest in self._by_group.get(group, ()) if rest <= present]
        return sorted(rows + self._always)


def _any_of(words: Iterable[str]) -> str:
    return "|".join("[ \\n]".join(map(re2.escape, word.split(" "))) for word in sorted(words))
