"""A text in the spelling the recognisers know: ASCII digits and separators, nothing invisible inside numbers.

Each character is kept, replaced by one other, or dropped, so every place of the folded text is a place of
the original. It does not decode, reorder or join characters; that is what the hidden_text detector does.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from itertools import chain

# Invisible where they stand: soft hyphen, zero-width and bidi controls, variation selectors, the enclosing
# keycap, byte order mark, tags.
_DROPPED = re.compile(
    "[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\u20e3\ufe00-\ufe0f\ufeff\U000e0000-\U000e007f]"
)
_HYPHENS = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63"
_SPACES = "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_FULL_WIDTH = range(0xFF01, 0xFF5F)  # the block in which each ASCII sign stands 0xFEE0 higher


def _table() -> dict[str, str]:
    digits = (
        (sign, str(unicodedata.decimal(sign)))
        for sign in map(chr, range(128, sys.maxunicode + 1))
        if unicodedata.category(sign) == "Nd"
    )
    return dict(
        chain(
            ((sign, "-") for sign in _HYPHENS),
            ((sign, " ") for sign in _SPACES),
            ((chr(code), chr(code - 0xFEE0)) for code in _FULL_WIDTH),
            digits,
        )
    )


_REPLACED = _table()
_REPLACEABLE = re.compile("[" + "".join(sorted(_REPLACED)) + "]")


@dataclass(frozen=True, slots=True)
class Folded:
    """``cuts[k]`` is where in ``text`` the k-th dropped character stood."""

    text: str
    cuts: tuple[int, ...] = ()

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original text that ``text[start:end]`` (not empty) came from."""
        if not self.cuts:
            return start, end
        last = end - 1
        return start + bisect_right(self.cuts, start), last + bisect_right(self.cuts, last) + 1


def fold(text: str) -> Folded:
    """``text`` with digits of any script, full-width signs, dashes and spaces made ASCII, and invisible
    characters dropped."""
    if text.isascii():
        return Folded(text)
    folded = _REPLACEABLE.sub(lambda match: _REPLACED[match[0]], text)
    cuts = tuple(match.start() - k for k, match in enumerate(_DROPPED.finditer(folded)))
    return Folded(_DROPPED.sub("", folded), cuts) if cuts else Folded(folded)
