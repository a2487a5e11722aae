"""A text in the spelling in which values are looked for: ASCII digits and separators, nothing invisible.

Numbers, addresses and keys have shapes, so that letters of other scripts, accents and case stay. Each
character is kept, replaced by one other, or dropped: every place of the result is a place of the original.
It does not decode, reorder or join characters (see ``read``).
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from itertools import chain

from safety.detectors.normalise.characters import CONTROLS, INVISIBLE_CLASS

_KEYCAP = "\u20e3"  # around a digit in emoji
_DROPPED = re.compile(f"[{INVISIBLE_CLASS}{_KEYCAP}]")
_ASCII_DROPPED = bytes(code for code in range(128) if re.match(f"[{CONTROLS}]", chr(code)))
_HYPHENS = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63"
_SPACES = "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_FULL_WIDTH = range(0xFF01, 0xFF5F)  # the block in which each ASCII sign stands 0xFEE0 higher
_SIGNS = dict(
    chain(
        ((sign, "-") for sign in _HYPHENS),
        ((sign, " ") for sign in _SPACES),
        ((chr(code), chr(code - 0xFEE0)) for code in _FULL_WIDTH),
    )
)
_FEW = 16  # from here on one pass for all costs less than one for each


@dataclass(frozen=True, slots=True)
class Bare:
    """``cuts[k]`` is where in ``text`` the k-th dropped character stood."""

    text: str
    cuts: tuple[int, ...] = ()

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original text that ``text[start:end]`` (not empty) came from."""
        if not self.cuts:
            return start, end
        last = end - 1
        return start + bisect_right(self.cuts, start), last + bisect_right(self.cuts, last) + 1


def bare(text: str) -> Bare:
    """``text`` with digits of any script, full-width signs, dashes and spaces made ASCII, and invisible
    characters dropped."""
    if text.isascii():
        if len(text.encode().translate(None, _ASCII_DROPPED)) == len(text):
            return Bare(text)
        return _cut(text)
    return _cut(_respelled(text)) if _DROPPED.search("".join(set(text))) else Bare(_respelled(text))


def readings(text: str) -> tuple[Bare, ...]:
    """``bare(text)``, and if that made one word of what invisible characters kept apart, the text with those
    characters in it: a value may be only a part of that word."""
    joined = bare(text)
    apart = any(
        joined.text[cut - 1 : cut].isalnum() and joined.text[cut : cut + 1].isalnum() for cut in joined.cuts
    )
    return (joined, Bare(_respelled(text))) if apart else (joined,)


def _respelled(text: str) -> str:
    """``text`` with one sign for another, none dropped."""
    replaced = {char: sign for char in set(text) if (sign := _sign(char))}
    if len(replaced) < _FEW:
        for char, sign in replaced.items():
            text = text.replace(char, sign)
        return text
    return text.translate({ord(char): sign for char, sign in replaced.items()})


def _sign(char: str) -> str | None:
    """What replaces ``char``, or ``None``."""
    if char.isascii():
        return None
    return str(unicodedata.decimal(char)) if char.isdecimal() else _SIGNS.get(char)


def _cut(text: str) -> Bare:
    cuts = tuple(found.start() - before for before, found in enumerate(_DROPPED.finditer(text)))
    return Bare(_DROPPED.sub("", text), cuts)
