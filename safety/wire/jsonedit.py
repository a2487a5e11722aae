"""Changing JSON in place: only the bytes of what is changed are touched.

White space, key order, escapes and the spelling of numbers stay as they came, so a redacted body differs from
the one received in the redacted code points and nowhere else. The body must have been read by ``jsonread``
before: nothing is checked here but the places named. Every function makes one pass over the body.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from json.decoder import scanstring  # type: ignore[attr-defined,unused-ignore]
from typing import Any

from safety.types import Edit
from safety.wire import pointer

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*")
# One escape is one code point; a high and a low surrogate together are one too (RFC 8259, section 7).
_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.", re.DOTALL
)
# Legal in a JSON string, but some clients split server-sent events there (Python's str.splitlines).
_LINE_BREAKS = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}


def splice(body: bytes, edits: Sequence[Edit], values: Mapping[str, bytes] | None = None) -> bytes:
    """``body`` with ``edits`` applied to its strings and each of ``values`` (JSON pointer -> JSON text) put
    in the place of a whole value.

    ``edits`` as ``merge_edits`` returns them: offsets in code points of the decoded string at ``span.path``.
    ``ValueError`` if a path is not there, is not a string, or a span does not fit; nothing may be edited
    inside a value that is replaced.
    """
    if not edits and not values:
        return body
    text = body.decode("utf-8")
    by_path: dict[str, list[Edit]] = {}
    for edit in edits:
        by_path.setdefault(edit.span.path, []).append(edit)
    places = locate(text, [*by_path, *(values or ())])
    cuts: list[tuple[int, int, str]] = []
    for path, group in by_path.items():
        cuts += _string_cuts(text, *_place(places, path), group)
    for path, value in (values or {}).items():
        cuts.append((*_place(places, path), value.decode("utf-8")))
    return _cut(text, cuts).encode("utf-8")


def set_value(body: bytes, path: str, value: bytes) -> bytes:
    """``body`` with the whole value at ``path`` replaced by the JSON text ``value``."""
    return splice(body, (), {path: value})


def string_body(text: str) -> str:
    """``text`` as it is spelled between the quotes of a JSON string."""
    return json.dumps(text, ensure_ascii=False)[1:-1].translate(_LINE_BREAKS)


def locate(text: str, pointers: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Where in the JSON ``text`` the values at ``pointers`` stand: pointer -> ``[start, end)`` in code
    points of ``text``. Pointers that lead nowhere are left out."""
    root = _Wanted()
    for path in pointers:
        root.add(path)
    found: dict[str, tuple[int, int]] = {}
    _value(text, _skip(text, 0), root, found)
    return found


class _Wanted:
    """A tree of the pointers looked for: which of them end here, and which go on below which token."""

    __slots__ = ("below", "path")

    def __init__(self) -> None:
        self.path: str | None = None
        self.below: dict[str, _Wanted] = {}

    def add(self, path: str) -> None:
        node = self
        for token in pointer.tokens(path):
            node = node.below.setdefault(token, _Wanted())
        node.path = path


_Found = dict[str, tuple[int, int]]


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return at if match is None else match.end()


def _value(text: str, at: int, wanted: _Wanted | None, found: _Found) -> int:
    """Walks the value that begins at ``at``; returns where it ends. Values in which nothing is wanted are
    passed over by the standard library's parser, at its speed."""
    if wanted is None or not wanted.below or text[at] not in "{[":
        end: int = _DECODER.raw_decode(text, at)[1]
    elif text[at] == "{":
        end = _object(text, at, wanted, found)
    else:
        end = _array(text, at, wanted, found)
    if wanted is not None and wanted.path is not None:
        found[wanted.path] = (at, end)
    return end


def _object(text: str, at: int, wanted: _Wanted, found: _Found) -> int:
    at = _skip(text, at + 1)
    while text[at] != "}":
        key, at = scanstring(text, at + 1, True)
        at = _skip(text, _skip(text, at) + 1)  # over the colon
        at = _skip(text, _value(text, at, wanted.below.get(key), found))
        if text[at] == ",":
            at = _skip(text, at + 1)
    return at + 1


def _array(text: str, at: int, wanted: _Wanted, found: _Found) -> int:
    at = _skip(text, at + 1)
    index = 0
    while text[at] != "]":
        at = _skip(text, _value(text, at, wanted.below.get(str(index)), found))
        index += 1
        if text[at] == ",":
            at = _skip(text, at + 1)
    return at + 1


def _place(places: _Found, path: str) -> tuple[int, int]:
    if path not in places:
        raise ValueError(f"{path}: there is no such value in the body")
    return places[path]


def _string_cuts(text: str, start: int, end: int, edits: Sequence[Edit]) -> list[tuple[int, int, str]]:
    if text[start] != '"':
        raise ValueError(f"{edits[0].span.path}: not a string; only strings can be edited")
    literal = _Literal(text[start + 1 : end - 1])
    cuts = []
    for edit in edits:
        if not 0 <= edit.span.start <= edit.span.end <= literal.length:
            raise ValueError(f"edit {edit.span} does not fit a text of {literal.length} code points")
        first, last = literal.raw(edit.span.start), literal.raw(edit.span.end)
        cuts.append((start + 1 + first, start + 1 + last, string_body(edit.replacement)))
    return cuts


class _Literal:
    """Maps code points of a decoded string to places between the quotes of its literal."""

    __slots__ = ("_decoded", "_raw", "length")

    def __init__(self, literal: str) -> None:
        self._decoded = [0]  # after each escape: how many code points came before
        self._raw = [0]  # and where in the literal that is
        if "\\" in literal:
            for match in _ESCAPE.finditer(literal):
                self._decoded.append(self._decoded[-1] + match.start() - self._raw[-1] + 1)
                self._raw.append(match.end())
        self.length = self._decoded[-1] + len(literal) - self._raw[-1]

    def raw(self, offset: int) -> int:
        nearest = bisect_right(self._decoded, offset) - 1
        return self._raw[nearest] + offset - self._decoded[nearest]


def _cut(text: str, cuts: list[tuple[int, int, str]]) -> str:
    parts: list[str] = []
    at = 0
    for start, end, replacement in sorted(cuts, key=lambda cut: cut[:2]):
        if start < at:
            raise ValueError("two changes overlap; merge them first")
        parts += (text[at:start], replacement)
        at = end
    parts.append(text[at:])
    return "".join(parts)


def dumps(value: Any) -> bytes:
    """Compact JSON in UTF-8, with no line break in it that any client splits at."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.translate(_LINE_BREAKS).encode("utf-8")
