"""E-mail addresses: around each at sign, as far as the characters of an address reach.

Addresses in words ("john at example dot com"), quoted local parts and hosts without a public suffix
("root@localhost") are not found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from safety.detectors.pii.places import Window
from safety.detectors.pii.recognizers import Candidate
from safety.detectors.pii.table import Row
from safety.detectors.text import UNSPACED

# RFC 5321 section 4.5.3.1: 64 octets before the at sign, 255 after it.
LONGEST_LOCAL = 64
LONGEST_DOMAIN = 255
# In scripts that put no space between words an address begins and ends where ASCII does.
# "/", "=" and "|" are legal in the local part and in practice stand between it and something else.
_LOCAL = re.compile(rf"(?:(?![{UNSPACED}])[\w!#$%&'*+.?^_`{{}}~-]){{1,{LONGEST_LOCAL}}}")
_DOMAIN = re.compile(rf"(?:(?![{UNSPACED}])[\w-])+(?:\.(?:(?![{UNSPACED}])[\w-])+)+")


@dataclass(frozen=True, slots=True)
class Emails:
    """The e-mail recogniser. ``pattern`` and ``validate`` are Presidio's, but for the network."""

    row: Row
    phrases: tuple[str, ...]
    pattern: re.Pattern[str]
    validate: Callable[[str], bool | None]

    def candidates(self, text: str, windows: Sequence[Window], least: float) -> Iterator[Candidate]:
        """The addresses of the whole ``text``; digits say nothing about where they stand."""
        for start, end in places(text):
            match = self.pattern.search(text[start:end])  # alone: what touches it is no part of it
            if match and self.validate(match[0]):
                yield Candidate(start + match.start(), start + match.end(), 1.0)


def places(text: str) -> Iterator[Window]:
    """One place for each at sign with a name before it and a domain after it, in order."""
    at = text.find("@")
    while at >= 0:
        domain = _DOMAIN.match(text, at + 1, at + 1 + LONGEST_DOMAIN)
        local = _LOCAL.match(text[max(at - LONGEST_LOCAL, 0) : at][::-1]) if domain else None
        if local and domain:
            yield Window(at - local.end(), domain.end())
        at = text.find("@", at + 1)
