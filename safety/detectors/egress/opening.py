"""Where, at the end of a growing text, a construct may have begun that is not complete yet."""

from __future__ import annotations

import re
from collections.abc import Iterator

from safety.detectors.egress.constructs import CLOSE, DESTINATION, TAG_END, bracket_pairs

LOOK = 2048  # how far back, in code points, a construct may have begun
_LABEL = 512  # the longest label waited for
_TAG = re.compile(
    r"<(?:/?(?:a|area|audio|base|body|button|embed|form|i?frame|image|img|input|link|meta|object|script|source"
    r"|svg|track|use|video)\b|/?[a-z]{0,6}\Z)",
    re.IGNORECASE,
)
_CSS = re.compile(r"(?:[uU][rR][lL]\(|@[iI][mM][pP][oO][rR][tT]\b)[^)\n]{0,512}\Z")
_ADDRESS = re.compile(r"<?(?:(?:https?|wss?|ftp):[/\\]|mailto:|www\.)[^\s<>\"`{}|^]*\Z", re.IGNORECASE)
_WORDS = ("http:/", "https:/", "ws:/", "wss:/", "ftp:/", "mailto:", "www.", "url(", "@import")
_TITLE_BEGUN = re.compile(r"\s{0,8}(?:\"[^\"]{0,1000}\"?|'[^']{0,1000}'?|\([^()]{0,1000}\)?)?\s{0,8}\Z")
_DEFINITION_BEGUN = re.compile(r"\s{0,8}(?:\S*|<[^<>\n]*|\S*[:/]\S*[ \t][^\n]*)\Z")


def _begun(word: str) -> str:
    """An expression for every beginning of ``word``."""
    return re.escape(word[0]) + (f"(?:{_begun(word[1:])})?" if word[1:] else "")


_WORD_BEGUN = re.compile(rf"(?<![a-z0-9])<?(?:{'|'.join(map(_begun, _WORDS))})\Z", re.IGNORECASE)


def open_at(text: str) -> int | None:
    """The first place from which on ``text`` may be the beginning of a construct."""
    low = max(len(text) - LOOK, 0)
    tail = text[low:]
    first = min(_openings(tail), default=None)
    return None if first is None else low + first


def _openings(tail: str) -> Iterator[int]:
    word = max(tail.rfind(" "), tail.rfind("\n")) + 1
    for form, low in ((_ADDRESS, word), (_WORD_BEGUN, word), (_CSS, max(len(tail) - 1024, 0))):
        if found := form.search(tail, low):
            yield found.start()
    if "<" in tail:
        yield from _tags(tail)
    if "[" in tail:
        yield from (_with_mark(tail, at) for at in _brackets(tail))
    if tail.endswith("!"):
        yield len(tail) - 1


def _tags(tail: str) -> Iterator[int]:
    """The first tag that is not closed."""
    for found in _TAG.finditer(tail):
        if TAG_END.match(tail, found.start() + 1) is None:
            yield found.start()
            return


def _with_mark(tail: str, at: int) -> int:
    return at - 1 if at and tail[at - 1] == "!" else at


def _brackets(tail: str) -> Iterator[int]:
    """Square brackets that are not closed, or closed and perhaps followed by an address that is not."""
    pairs = dict(bracket_pairs(tail))
    closed = set(pairs.values())
    paragraph = max(tail.rfind("\n\n"), len(tail) - _LABEL, 0)
    at = tail.find("[", paragraph)
    while at >= 0:
        if at not in closed:
            yield at
            break
        at = tail.find("[", at + 1)
    for close, opened in pairs.items():
        if not _complete(tail, close):
            yield opened


def _complete(tail: str, close: int) -> bool:
    """Whether nothing that follows can still change what the label that ends at ``close`` is part of."""
    follows = tail[close + 1 : close + 2]
    if follows == ":":
        return _DEFINITION_BEGUN.match(tail, close + 2) is None
    if follows != "(":
        return follows != ""
    start = close + 2
    while start < len(tail) and tail[start].isspace():
        start += 1
    if tail[start : start + 1] == "<":
        stop = tail.find(">", start)
        return stop >= 0 and _done(tail, stop + 1)
    return _done(tail, DESTINATION.match(tail, start).end())  # type: ignore[union-attr]


def _done(tail: str, stop: int) -> bool:
    if CLOSE.match(tail, stop) is not None:
        return True
    return stop < len(tail) and _TITLE_BEGUN.match(tail, stop) is None and tail[stop] != "("
