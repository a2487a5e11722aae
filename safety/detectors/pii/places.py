"""Where in a text a value can stand at all, so that recognisers read those places and nothing else.

Every value but an e-mail address holds digits. ``clusters`` are stretches of digits close together; a
recogniser that needs n digits reads only the clusters with that many, and a little around them. It does
not judge anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

# The widest gap between two digits of one value: the bank code and spaces in "GB82 WEST 1234".
_CLUSTER = re.compile(r"[0-9](?:[^0-9]{0,6}[0-9])*")
# No value is a word this long. Reading past them keeps a megabyte of digits cheap.
_LONG_WORD = re.compile(r"\b[0-9A-Za-z_]{80,}", re.ASCII)
_REST_OF_WORD = re.compile(r"(?<=\w)\w{1,80}", re.ASCII)
_SPLIT_FROM = 400  # a window shorter than this is not looked through for long words


class Window(NamedTuple):
    """``[start, end)`` of the folded text."""

    start: int
    end: int


class Cluster(NamedTuple):
    """A stretch of the folded text that begins and ends with a digit, and how many digits it holds."""

    start: int
    end: int
    digits: int


def clusters(text: str) -> list[Cluster]:
    """All clusters, in order."""
    return [Cluster(*match.span(), _digits(match[0])) for match in _CLUSTER.finditer(text)]


def _digits(text: str) -> int:
    raw = text.encode("utf-8", "surrogatepass")
    return len(raw) - len(raw.translate(None, b"0123456789"))


def windows(text: str, found: Sequence[Cluster], digits: int, before: int, after: int) -> list[Window]:
    """The places with at least ``digits`` digits, widened by ``before`` and ``after`` code points.

    They are joined where they touch, end where a word ends, and leave out words too long to be a value.
    """
    joined: list[Window] = []
    for cluster in found:
        if cluster.digits < digits:
            continue
        start = max(cluster.start - before, 0)
        end = _word_end(text, min(cluster.end + after, len(text)))
        if joined and start <= joined[-1].end:
            joined[-1] = Window(joined[-1].start, max(end, joined[-1].end))
        else:
            joined.append(Window(start, end))
    return [part for window in joined for part in _without_long_words(text, window)]


def _word_end(text: str, at: int) -> int:
    """``at``, or the end of the word that it stands in; a pattern would take a part for a whole."""
    rest = _REST_OF_WORD.match(text, at)
    return rest.end() if rest else at


def _without_long_words(text: str, window: Window) -> Iterator[Window]:
    if window.end - window.start < _SPLIT_FROM:
        yield window
        return
    at = window.start
    for word in _LONG_WORD.finditer(text, *window):
        yield Window(at, word.start())
        at = word.end()
    yield Window(at, window.end)
