"""What an address carries besides where it leads: its parts, what they say when decoded, and how much
they look like data.

Pure and bounded. Compression, encryption and codes spread over several addresses are not read.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal
from urllib.parse import unquote, unquote_plus

from safety.detectors.egress.target import Target
from safety.detectors.text import from_base64

MAX_PART = 8192  # code points of a part that are read; longer ones count as data anyway
_MAX_PARTS = 64
_PLAIN_LABELS = 2  # of a host name, from the right: what is registered carries nothing
_LONG = 200  # no page needs a longer value

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,2}")
_BASE32 = re.compile(r"(?:[A-Z2-7]{16,}|[a-z2-7]{16,})={0,6}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){6,}")
_TEXT = re.compile(r"[\w\s.,;:!?@'\"/=+&%#$€£()\[\]{}<>|*-]+")
_WORDS = re.compile(r"[^\W_]+")
_UNBROKEN = re.compile(r"[A-Za-z0-9+/=]{16,}")
_HUMPS = re.compile("[a-z][A-Z]")  # names in camel case have one every few letters
_ENTROPY = 3.4  # bits per character: of 16 random hex digits 3.4 on average, of a word of English under 3


class Weight(IntEnum):
    """How much a part looks like data."""

    NONE = 0
    OPAQUE = 1  # random characters: an identifier, or something encrypted
    READABLE = 2  # decodes to text, or is text of several words


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an address, percent-decoded, and which."""

    text: str
    where: Literal["query", "path", "fragment", "subdomain", "user", "data"]

    @property
    def readings(self) -> tuple[str, ...]:
        """The part as it stands, then what it decodes to, at most twice over, in rot13 and backwards."""
        first = tuple(_decoded(self.text))
        again = (text for one in first for text in _decoded(one))
        return (self.text, *first, *again, codecs.encode(self.text, "rot13"), self.text[::-1])

    @property
    def weight(self) -> Weight:
        """See ``Weight``. The words of a path say what the page is about; elsewhere they are data."""
        if any(_decoded(self.text)) or len(self.text) >= _LONG:
            return Weight.READABLE
        words = _WORDS.findall(self.text)
        if self.where not in ("path", "fragment") and len(words) > 3 and len(self.text) >= 16:
            return Weight.READABLE
        return Weight.OPAQUE if any(map(_random, _UNBROKEN.findall(self.text))) else Weight.NONE


def parts(target: Target) -> tuple[Part, ...]:
    """The parts of ``target`` that can carry data, the likeliest first."""
    return tuple(_parts(target))[:_MAX_PARTS]


def _parts(target: Target) -> Iterator[Part]:
    for name, value in _pairs(target.query):
        yield Part(value[:MAX_PART], "query")
        if len(name) >= 16 or not value:
            yield Part(name[:MAX_PART], "query")
    labels = target.host.split(".")[:-_PLAIN_LABELS]
    if labels and labels != ["www"]:
        yield Part("".join(labels), "subdomain")  # labels end at 63 characters: data comes in pieces
    if target.user and target.scheme != "mailto":
        yield Part(unquote(target.user)[:MAX_PART], "user")
    if target.host:
        segments = [unquote(segment)[:MAX_PART] for segment in target.path.split("/") if segment]
        yield from (Part(segment, "path") for segment in segments)
        if len(segments) > 1:  # base64 has slashes of its own; other data comes in pieces
            yield from (Part(glue.join(segments)[:MAX_PART], "path") for glue in ("/", ""))
    elif target.path:
        yield Part(unquote(target.path)[:MAX_PART], "data")
    if target.fragment:
        yield Part(unquote(target.fragment)[:MAX_PART], "fragment")


def _pairs(query: str) -> Iterator[tuple[str, str]]:
    for pair in re.split("[&;]", query, maxsplit=_MAX_PARTS):
        name, _, value = pair.partition("=")
        if pair:
            yield unquote_plus(name), unquote_plus(value)


def _decoded(text: str) -> Iterator[str]:
    """What ``text`` as a whole says in base64, base32, hexadecimal or when percent-decoded once more."""
    for form, decode in _DECODERS:
        if form.fullmatch(text) and (said := _readable(decode(text))) is not None:
            yield said
    if "%" in text and (again := unquote(text)) != text:
        yield again


def _readable(data: bytes) -> str | None:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return text if len(text) >= 6 and _TEXT.fullmatch(text) else None


def _debase32(text: str) -> bytes:
    letters = text.rstrip("=").upper()
    try:
        return base64.b32decode(letters + "=" * (-len(letters) % 8))
    except binascii.Error:
        return b""


_DECODERS: tuple[tuple[re.Pattern[str], Callable[[str], bytes]], ...] = (
    (_BASE64, from_base64),
    (_BASE32, _debase32),
    (_HEX, bytes.fromhex),
)


def _random(text: str) -> bool:
    """Whether an unbroken run of letters and digits looks drawn by lot: mixed, and of high entropy."""
    digits = sum(map(str.isdigit, text))
    mixed = 0 < digits < len(text) or len(_HUMPS.findall(text)) > len(text) / 5
    return mixed and _entropy(text) >= _ENTROPY


def _entropy(text: str) -> float:
    size = len(text)
    return -sum(count / size * math.log2(count / size) for count in Counter(text).values())
