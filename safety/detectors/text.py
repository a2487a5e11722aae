"""What several detectors do to a text or to what they found in it, done once. Pure; no rules of its own."""

from __future__ import annotations

import base64
import re
from bisect import bisect
from collections.abc import Iterable
from itertools import chain
from typing import Protocol, TypeVar

# Scripts written without spaces, and Korean, which hangs particles on words: a word may begin anywhere.
# The inside of a character class.
UNSPACED = (
    "\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc\U00020000-\U0003ffff"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
# Letters that fold to two or three stand in these blocks: Latin to Armenian, more Latin and Greek, ligatures.
_GROWING = "".join(
    char
    for char in map(chr, chain(range(0x590), range(0x1E00, 0x2000), range(0xFB00, 0xFB20)))
    if len(char.casefold()) > 1
)
_FOLDABLE = re.compile(f"([^{_GROWING}]+)|.", re.DOTALL)
_STANDARD = {ord("-"): "+", ord("_"): "/"}


class Place(Protocol):
    """Something found: ``[start, end)`` of a text, and how sure that is."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def score(self) -> float: ...


_P = TypeVar("_P", bound=Place)


def encodable(text: str) -> str:
    """``text`` with U+FFFD for each lone surrogate: JSON can carry half a character, UTF-8 cannot."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def fold_case(text: str) -> str:
    """Case folding that keeps every code point in its place: those that fold to two keep their lower case."""
    folded = text.casefold()  # never shortens
    return folded if len(folded) == len(text) else _FOLDABLE.sub(_fold_run, text)


def _fold_run(found: re.Match[str]) -> str:
    return found[0].casefold() if found[1] else found[0].lower()[0]


def from_base64(blob: str) -> bytes:
    """The bytes of a text of base64's letters, in either alphabet, with or without padding at its end. A
    letter too many is left out."""
    letters = blob.rstrip("=").translate(_STANDARD)
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    return base64.b64decode(letters + "=" * (-len(letters) % 4))


def common_prefix(one: str | bytes, other: str | bytes) -> int:
    """How many characters both begin with."""
    return next(
        (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def best(found: Iterable[_P]) -> list[_P]:
    """Of overlapping ones the one with the highest score, then the longest, then the first given; sorted by
    place."""
    kept: list[_P] = []  # sorted by place, none overlapping another
    for one in sorted(found, key=lambda p: (-p.score, p.start - p.end)):
        at = bisect(kept, one.start, key=lambda p: p.start)
        free_before = at == 0 or kept[at - 1].end <= one.start
        if free_before and (at == len(kept) or one.end <= kept[at].start):
            kept.insert(at, one)
    return kept
