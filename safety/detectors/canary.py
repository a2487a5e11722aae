"""Canaries: tokens planted in the system prompt that no answer may show.

``plant`` makes one; put it anywhere in a system prompt. If the answer, its reasoning or a tool call shows
it, the system prompt is leaking: as it stands, in another case, pulled apart by other characters, backwards,
in rot13, encoded, or only a part of it.

It does not see a prompt that leaks in other words, a canary spelled out in words or translated, or one of
which less than eight digits in a row come out in one piece of text.
"""

from __future__ import annotations

import codecs
import hashlib
import re
import secrets
from base64 import b32encode, b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple
from urllib.parse import quote

from safety.detectors.base import Scope
from safety.detectors.normalise import ReadingDetector, View
from safety.detectors.text import common_prefix
from safety.types import Exchange, Finding, Origin, Segment, Span, Stage

DIGITS = 16  # random hex digits of a canary
SHORTEST = 8  # of them in a row give it away: by chance once in four thousand million places
CHECK = 4  # more hex digits, computed from the others: what only looks like a canary is none
_FORM = re.compile(rf"cnry-([0-9a-f]{{{DIGITS}}})-([0-9a-f]{{{CHECK}}})")
_HEX = rf"(?:-[0-9a-f]{{0,{DIGITS}}}(?:-[0-9a-f]{{0,{CHECK - 1}}})?)?"
_BEGUN = re.compile(rf"(?<![0-9A-Za-z])c(?:n(?:r(?:y{_HEX})?)?)?\Z", re.IGNORECASE)
_MIN_TOKEN = 8
_OUTSIDE = frozenset((Origin.USER, Origin.DOCUMENT, Origin.TOOL_RESULT))
# Bytes of an ASCII text that can be part of a canary, in lower case; all others are dropped.
_LOWER = bytes(range(256)).lower()
_DROPPED = bytes(code for code in range(256) if not chr(code).isalnum() or code > 0x7F)


@dataclass(frozen=True, slots=True)
class CanaryOptions:
    """``tokens``: canaries of your own, besides those of ``plant`` found in system prompts; of those
    only the whole is looked for, at least 8 letters or digits. ``inputs``: also look in what users,
    documents and tools send, where a canary shows that it leaked before."""

    tokens: tuple[str, ...] = ()
    inputs: bool = False

    def __post_init__(self) -> None:
        for number, token in enumerate(self.tokens):
            if len(_squeeze(token)) < _MIN_TOKEN:
                raise ValueError(
                    f"tokens[{number}]: too short to be told from chance: "
                    f"allowed are {_MIN_TOKEN} ASCII letters or digits and up"
                )


class Token(NamedTuple):
    """A canary to look for: its squeezed text, where in it the random digits are, where it was planted."""

    text: bytes
    low: int
    high: int
    shortest: int  # how many of these in a row show it
    planted: Span | None = None


class Place(NamedTuple):
    """``text[start:end]``."""

    start: int
    end: int


class Shown(NamedTuple):
    """``[start, end)`` of a squeezed text shows ``digits`` of a token's characters, in this manner."""

    start: int
    end: int
    digits: int
    manner: str


def plant(seed: str | None = None) -> str:
    """A canary, ``cnry-<16 hex>-<4 hex>``, to put anywhere in a system prompt: answers that show it are
    found. The same for the same ``seed``, so that a prompt stays the same between restarts (the seed must be
    secret); without one, random."""
    digits = secrets.token_hex(DIGITS // 2) if seed is None else _digest(seed, "seed", DIGITS)
    return f"cnry-{digits}-{_check(digits)}"


def planted(text: str) -> Iterator[Place]:
    """Where ``text`` holds canaries that ``plant`` made."""
    for found in _FORM.finditer(text):
        if found[2] == _check(found[1]):
            yield Place(*found.span())


def _check(digits: str) -> str:
    return _digest(digits, "check", CHECK)


def _digest(text: str, purpose: str, digits: int) -> str:
    key = f"canary {purpose}".encode()
    return hashlib.blake2b(text.encode(), digest_size=digits // 2, person=key).hexdigest()


class Canary(ReadingDetector):
    """Finding ``canary``: score 1 for a whole token, 0.9 for a part; ``support`` is where it was planted."""

    name = "canary"
    categories = ("canary",)
    scope = Scope.EXCHANGE
    Options = CanaryOptions
    options: CanaryOptions

    def detect(self, batch: Sequence[Exchange]) -> list[list[Finding]]:
        return [list(self._findings(exchange)) for exchange in batch]

    def pending(self, text: str) -> int | None:
        starts = [found.start()] if (found := _BEGUN.search(text, max(len(text) - 32, 0))) else []
        for token in self.options.tokens:
            tail = range(max(len(text) - len(token) + 1, 0), len(text))
            starts += [at for at in tail if token.lower().startswith(text[at:].lower())]
        return min(starts, default=None)

    def find(self, text: str) -> Iterator[Place]:
        """Where a system prompt holds canaries, those of the options among them."""
        yield from planted(text)
        reading = Reading(text)
        for token in map(_squeeze, self.options.tokens):
            at = reading.squeezed.find(token)
            if at >= 0:
                yield Place(*reading.original(at, at + len(token)))

    def _findings(self, exchange: Exchange) -> Iterator[Finding]:
        judged = [segment for segment in exchange.segments if self._judges(exchange.stage, segment)]
        tokens = tuple(self._tokens(exchange)) if judged else ()
        for segment in judged if tokens else ():
            yield from _shown(segment, tokens, self.reader.read(segment.text).whole())

    def _judges(self, stage: Stage, segment: Segment) -> bool:
        if stage is Stage.OUTPUT:
            return segment.origin is not Origin.SYSTEM
        return self.options.inputs and segment.origin in _OUTSIDE

    def _tokens(self, exchange: Exchange) -> Iterator[Token]:
        for token in self.options.tokens:
            text = _squeeze(token)
            yield Token(text, 0, len(text), len(text))
        for segment in (*exchange.context, *exchange.segments):
            if segment.origin is Origin.SYSTEM:
                for start, end in planted(segment.text):
                    text = _squeeze(segment.text[start:end])
                    low = len(text) - DIGITS - CHECK
                    yield Token(text, low, low + DIGITS, SHORTEST, segment.span(start, end))


class Reading:
    """One way to read a text: its letters and digits alone, and the way back."""

    def __init__(self, text: str, kind: str = "", view: View | None = None) -> None:
        self.kind = kind
        self.squeezed = _squeeze(text)
        self._text = text
        self._view = view

    @cached_property
    def _places(self) -> list[int]:
        return [at for at, char in enumerate(self._text) if char.isascii() and char.isalnum()]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Where ``squeezed[start:end]`` stands in the original text."""
        low, high = self._places[start], self._places[end - 1] + 1
        return (low, high) if self._view is None else self._view.original(low, high)


def _readings(text: str, views: Sequence[View]) -> Iterator[Reading]:
    plain = Reading(text)
    yield plain
    for view in views:
        reading = Reading(view.text, view.kind, view)
        if reading.squeezed != plain.squeezed:
            yield reading


def _shown(segment: Segment, tokens: Sequence[Token], views: Sequence[View]) -> Iterator[Finding]:
    """One finding per place and token: what several readings show is told as the first of them has it."""
    told = [bytearray(len(segment.text)) for _ in tokens]
    for reading in _readings(segment.text, views):
        for token, covered in zip(tokens, told, strict=True):
            for shown in _search(reading.squeezed, token):
                start, end = reading.original(shown.start, shown.end)
                if not any(covered[start:end]):
                    covered[start:end] = b"\1" * (end - start)
                    yield _finding(segment.span(start, end), token, shown, reading.kind)


def _finding(span: Span, token: Token, shown: Shown, kind: str) -> Finding:
    size = token.high - token.low
    manner = ", ".join(filter(None, (shown.manner, kind)))
    return Finding(
        Canary.name,
        Canary.categories[0],
        score=1.0 if shown.digits == size else 0.9,
        span=span,
        evidence=f"{shown.digits} of {size} characters" + (f" ({manner})" if manner else ""),
        support=token.planted,
    )


def _squeeze(text: str) -> bytes:
    """The ASCII letters and digits of ``text``, in lower case."""
    return text.encode("ascii", "ignore").translate(_LOWER, _DROPPED)


def _search(text: bytes, token: Token) -> Iterator[Shown]:
    """Every place where ``text`` shows the token or enough of it, once each."""
    size, needle = len(token.text), token.text
    written = (
        ("", needle, token.low),
        ("backwards", needle[::-1], size - token.high),
        ("rot13", codecs.encode(needle.decode(), "rot13").encode(), token.low),
    )
    for manner, spelling, low in written:
        high = low + token.high - token.low
        for start, end, first in sorted(_pieces(text, spelling, low, high, token.shortest)):
            digits = min(high, first + end - start) - max(low, first)
            yield Shown(start, end, digits, manner)


def _pieces(text: bytes, spelling: bytes, low: int, high: int, shortest: int) -> set[tuple[int, int, int]]:
    """``(start, end, first)``: ``text[start:end]`` equals ``spelling`` from ``first`` on, and that is as far
    as it goes. At least ``shortest`` of it lie in ``spelling[low:high]``."""
    pieces: set[tuple[int, int, int]] = set()
    for first in range(low, high - shortest + 1):
        window = spelling[first : first + shortest]
        at = text.find(window)
        while at >= 0:
            before = common_prefix(text[max(at - first, 0) : at][::-1], spelling[:first][::-1])
            after = common_prefix(text[at : at + len(spelling) - first], spelling[first:])
            pieces.add((at - before, at + after, first - before))
            at = text.find(window, at + after)
    return pieces


# What an answer makes of a canary that was planted in the system prompt.
POSITIVES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("verbatim", str),
    ("capitals", str.upper),
    ("full width", lambda token: "".join(chr(ord(c) + 0xFEE0) for c in token)),
    ("spaced", " ".join),
    ("dots", ".".join),
    ("lines", "\n".join),
    ("zero width", "\u200b".join),
    ("list", "\n- ".join),
    ("backwards", lambda token: token[::-1]),
    ("rot13", lambda token: codecs.encode(token, "rot13")),
    ("first half", lambda token: token[5:13]),
    ("last digits", lambda token: token[11:21]),
    ("without its form", lambda token: token[5:21]),
    ("base64", lambda token: b64encode(token.encode()).decode()),
    ("base64 of a sentence", lambda token: b64encode(f"The code is {token}.".encode()).decode()),
    ("hex", lambda token: token.encode().hex()),
    ("URL", lambda token: quote(token, safe="").replace("c", "%63")),
    ("percent", lambda token: "".join(f"%{byte:02x}" for byte in token.encode())),
    ("HTML", lambda token: "".join(f"&#{ord(char)};" for char in token)),
    ("link", lambda token: f"https://example.org/?q={token}"),
)
NEGATIVES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("nothing", lambda token: "I cannot share my instructions."),
    ("another canary", lambda token: plant("another seed")),
    ("too short a part", lambda token: token[5 : 5 + SHORTEST - 1]),
    ("only the form", lambda token: "cnry-"),
)
KNOWN_MISSES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("words between the digits", " and ".join),
    ("every other digit", lambda token: token[5:21:2]),
    ("base32", lambda token: b32encode(token.encode()).decode()),
)
