"""Where, at the end of a text that still grows, a value may have begun.

Capitals before the first digit of a value written in groups ("AB 12 34 56 C") are not held back by
themselves: that would hold every abbreviation.
"""

from __future__ import annotations

import re

from safety.detectors.normalise import bare
from safety.detectors.pii.email import LONGEST_DOMAIN, LONGEST_LOCAL

_REACH = 72  # the longest value but an e-mail address, with its separators
_TAIL = 2 * (LONGEST_LOCAL + LONGEST_DOMAIN)  # code points that are looked at, invisible ones included
# Words of a value: any with a digit in it, and the capitals that an IBAN or a number plate has between them.
# A full stop and a space end a sentence and so a value.
_OPEN_NUMBER = re.compile(
    r"(?<!\w)(?:[+(]{0,2}(?:\w*\d\w*|[A-Z]{1,5})(?:[-/:()]{1,2} ?|\.| ?[(+]|  ?|\) |\Z))+\Z", re.ASCII
)
_DIGIT = re.compile(r"\d", re.ASCII)
_OPEN_ADDRESS = re.compile(r"[^\s<>\"(),;]*@[^\s<>\"(),;]*\Z")
_OPEN_WORD = re.compile(r"[\w.(!#$%&'*+=?^`{|}~-]+\Z")


def open_from(text: str) -> int | None:
    """The start of what may be the beginning of a value, or ``None`` when the text ends outside one."""
    skipped = max(len(text) - _TAIL, 0)
    tail = bare(text[skipped:])
    starts = [start for find in (_number, _address, _word) if (start := find(tail.text)) is not None]
    return skipped + tail.original(min(starts), min(starts) + 1)[0] if starts else None


def _number(text: str) -> int | None:
    from_here = max(len(text) - _REACH, 0)
    match = _OPEN_NUMBER.search(text, from_here)
    return match.start() if match and _DIGIT.search(match[0]) else None


def _address(text: str) -> int | None:
    match = _OPEN_ADDRESS.search(text, max(len(text) - LONGEST_LOCAL - LONGEST_DOMAIN, 0))
    return match.start() if match else None


def _word(text: str) -> int | None:
    """A word not yet ended may still become the name in an address, or the letters that begin an id."""
    match = _OPEN_WORD.search(text, max(len(text) - LONGEST_LOCAL, 0))
    return match.start() if match else None
