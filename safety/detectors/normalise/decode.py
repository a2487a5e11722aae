"""Encodings: base64, hexadecimal, binary, escapes (URL, HTML, JSON), Unicode tags, variation selectors.

Each function yields the texts it finds encoded in a text. Blobs that do not hold text (images, digests)
yield nothing. Compression, encryption, base32, Morse and bits hidden in zero-width characters are not read.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator

from safety.detectors.normalise.characters import FLAG
from safety.detectors.normalise.derive import Derived
from safety.detectors.normalise.view import Pieces, Whole
from safety.detectors.text import from_base64

MIN_BASE64 = 16  # characters: 12 bytes
_SNIFF = 64  # characters of base64 that show whether the blob holds text
_NOISE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ufffd]")
_MAX_NOISE = 0.08  # of the decoded characters

_BASE64 = re.compile(
    rf"[A-Za-z0-9+/_-]{{40,}}(?:\r?\n[A-Za-z0-9+/_-]{{40,}})+(?:\r?\n[A-Za-z0-9+/_-]+)?={{0,2}}"
    rf"|[A-Za-z0-9+/_-]{{{MIN_BASE64},}}={{0,2}}"
)
_SPLIT = re.compile(r"[^/_-]+")


def _readable(data: bytes) -> str | None:
    """``data`` as text, or ``None`` if it is none."""
    wide = len(data) > 7 and data[1::2].count(0) > 0.9 * (len(data) // 2)
    text = data.decode("utf-16-le" if wide else "utf-8", "replace")
    return text if text and len(_NOISE.findall(text)) <= _MAX_NOISE * len(text) else None


def base64_text(text: str) -> Iterator[Derived]:
    """The texts in base64 blobs: either alphabet, with or without padding, in one line or many. A blob's
    bits straddle its characters, so that every range of the payload maps to the whole blob."""
    for found in _BASE64.finditer(text):
        payload = _debase64(found[0])
        if payload is not None:
            yield Derived(payload, "base64", Whole(*found.span()))
            continue
        for part in _SPLIT.finditer(found[0]):  # a blob in a path or after a dash
            if MIN_BASE64 <= len(part[0]) < len(found[0]) and (payload := _debase64(part[0])) is not None:
                start = found.start() + part.start()
                yield Derived(payload, "base64", Whole(start, start + len(part[0])))


def _debase64(blob: str) -> str | None:
    blob = "".join(blob.split())
    return None if _readable(from_base64(blob[:_SNIFF])) is None else _readable(from_base64(blob))


# The same separator throughout, so that a word of such letters before the run is not taken for its start.
_HEX = re.compile(
    r"(?<![0-9A-Za-z])(?:0x|\\x)?[0-9A-Fa-f]{2}([\s:,-]{0,2})(?:0x|\\x)?[0-9A-Fa-f]{2}"
    r"(?:\1(?:0x|\\x)?[0-9A-Fa-f]{2}){6,}"
)
_HEX_PAIR = re.compile(r"(?:0x|\\x)?([0-9A-Fa-f]{2})")
_BINARY = re.compile(r"(?<![0-9])[01]{8}(?:[ ,]{0,2}[01]{8}){3,}")
_OCTET = re.compile("([01]{8})")


def hex_text(text: str) -> Iterator[Derived]:
    """The texts in runs of eight and more hexadecimal bytes."""
    return _digits(text, "hex", _HEX, _HEX_PAIR, 16)


def binary_text(text: str) -> Iterator[Derived]:
    """The texts in runs of four and more groups of eight bits."""
    return _digits(text, "binary", _BINARY, _OCTET, 2)


def _digits(
    text: str, kind: str, runs: re.Pattern[str], digit: re.Pattern[str], base: int
) -> Iterator[Derived]:
    for run in runs.finditer(text):
        found = list(digit.finditer(run[0]))
        data = bytes(int(byte[1], base) for byte in found)
        payload = _readable(data)
        if payload is None:
            continue
        if not data.isascii():
            yield Derived(payload, kind, Whole(*run.span()))
            continue
        pieces, at = Pieces(run.start()), 0
        for byte in found:
            pieces.drop(byte.start() - at)
            pieces.replace(1, byte.end() - byte.start())
            at = byte.end()
        yield Derived(payload, kind, pieces)


_ESCAPE = re.compile(
    r"(?P<url>(?:%[0-9A-Fa-f]{2})+)"
    r"|(?P<html>&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});?)"
    r"|(?P<escapes>(?:\\u[0-9A-Fa-f]{4})+|\\u\{[0-9A-Fa-f]{1,6}\}|(?:\\x[0-9A-Fa-f]{2})+"
    r"|\\U[0-9A-Fa-f]{8}|\\[nrt\"'/\\])"
)
_SIMPLE = {"n": "\n", "r": "\r", "t": "\t"}


def escapes(text: str) -> Iterator[Derived]:
    """The whole text with one layer of URL, HTML and backslash escapes undone. ``kind`` is the one that
    occurs, or ``escapes`` for several."""
    pieces, at = Pieces(), 0
    parts: list[str] = []
    kinds: set[str] = set()
    for found in _ESCAPE.finditer(text):
        kind = str(found.lastgroup)
        plain = _UNESCAPE[kind](found[0])
        if plain == found[0]:
            continue
        kinds.add(kind)
        parts += (text[at : found.start()], plain)
        pieces.copy(found.start() - at)
        _place(pieces, found[0], plain)
        at = found.end()
    if kinds:
        parts.append(text[at:])
        pieces.copy(len(text) - at)
        yield Derived("".join(parts), kinds.pop() if len(kinds) == 1 else "escapes", pieces)


def _place(pieces: Pieces, escaped: str, plain: str) -> None:
    """A run in which every character took the same room is placed one by one, any other as a whole."""
    each, rest = divmod(len(escaped), len(plain) or 1)
    if plain.isascii() and not rest and each in (3, 4, 6):  # %xx, \xXX, \uXXXX
        for _ in plain:
            pieces.replace(1, each)
    else:
        pieces.replace(len(plain), len(escaped))


def _url(escaped: str) -> str:
    return bytes.fromhex(escaped.replace("%", "")).decode("utf-8", "replace")


def _backslash(escaped: str) -> str:
    mark = escaped[1]
    if mark == "u" and "{" not in escaped:
        units = b"".join(int(unit, 16).to_bytes(2, "little") for unit in escaped.split("\\u")[1:])
        return units.decode("utf-16-le", "replace")
    if mark == "x":
        return bytes.fromhex(escaped.replace("\\x", "")).decode("utf-8", "replace")
    if mark in "uU":
        code = int(escaped[2:].strip("{}"), 16)
        return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
    return _SIMPLE.get(mark, mark)


_UNESCAPE: dict[str, Callable[[str], str]] = {"url": _url, "html": html.unescape, "escapes": _backslash}


_TAG = re.compile("[\U000e0020-\U000e007e]+")
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}")


def tags(text: str) -> Iterator[Derived]:
    """What the Unicode tag characters of the text spell, one for one, flags left out."""
    pieces, at = Pieces(), 0
    parts: list[str] = []
    for found in _TAG.finditer(FLAG.sub(lambda flag: " " * len(flag[0]), text)):
        pieces.drop(found.start() - at)
        pieces.copy(len(found[0]))
        parts.append("".join(chr(ord(char) - 0xE0000) for char in found[0]))
        at = found.end()
    if parts:
        yield Derived("".join(parts), "tags", pieces)


def selectors(text: str) -> Iterator[Derived]:
    """The texts that runs of variation selectors spell, a byte each (as public proofs of concept do)."""
    for found in _SELECTORS.finditer(text):
        data = bytes(ord(c) - 0xFE00 if c < "\U000e0100" else ord(c) - 0xE0100 + 16 for c in found[0])
        payload = _readable(data)
        if payload is not None:
            yield Derived(payload, "selectors", Whole(*found.span()))
