"""Other spellings: letters set apart, digits for letters, accents, rot13, text written backwards.

Each function takes a scrubbed text and yields what could be read in it instead. They guess generously:
a reading that says nothing costs a match and finds nothing. Words cut into pieces, other Caesar shifts,
pig Latin and transpositions are not undone.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from safety.detectors.normalise.characters import MARKS
from safety.detectors.normalise.patterns import PatternSet
from safety.detectors.normalise.view import Pieces, Reversed, Step


@dataclass(frozen=True, slots=True)
class Derived:
    """A text made from another, and the way back (none: one to one)."""

    text: str
    kind: str
    step: Step | None = None


_TRIGGERS = (
    "ignore", "previous", "instructions", "instruction", "system", "prompt", "reveal", "password", "secret",
    "disregard", "forget", "rules", "guidelines", "please", "print", "write", "show", "without", "your",
    "the", "and", "you", "with", "this", "that", "from", "what", "tell",
)  # fmt: skip
_STRONG = frozenset(_TRIGGERS[:13])


def _rot13(text: str) -> str:
    return codecs.encode(text, "rot13")


def _backwards(text: str) -> str:
    return text[::-1]


# Words of one reading that are no words of the other: the prefilter for it.
ROT13_WORDS = tuple(_rot13(word) for word in _TRIGGERS)
REVERSED_WORDS = tuple(_backwards(word) for word in _TRIGGERS if word not in ("tell", "the"))
_ROT13 = re.compile(rf"\b(?:{'|'.join(ROT13_WORDS)})\b", re.IGNORECASE)
_REVERSED = re.compile(rf"\b(?:{'|'.join(REVERSED_WORDS)})\b", re.IGNORECASE)
_PLAIN = PatternSet([rf"(?i)\b{word}\b" for word in sorted(_STRONG)])
_WORD = re.compile(r"\S+")


def _speaks(found: list[str], strong: frozenset[str]) -> bool:
    words = {word.lower() for word in found}
    return len(words) > 1 or not strong.isdisjoint(words)


def rot13(text: str) -> Iterator[Derived]:
    """The text with its letters moved by 13, if that makes common words of non-words."""
    if _speaks(_ROT13.findall(text), frozenset(map(_rot13, _STRONG))):
        yield Derived(_rot13(text), "rot13")


def reversed_text(text: str) -> Iterator[Derived]:
    """The text read from its end, and with each word read from its end, if non-words become words."""
    if not _speaks(_REVERSED.findall(text), frozenset(map(_backwards, _STRONG))):
        return
    yield Derived(_backwards(text), "reversed", Reversed(len(text)))
    pieces, at = Pieces(), 0
    for found in _WORD.finditer(text):
        pieces.copy(found.start() - at)
        pieces.replace(len(found[0]), len(found[0]))
        at = found.end()
    pieces.copy(len(text) - at)
    yield Derived(_WORD.sub(lambda found: _backwards(found[0]), text), "reversed", pieces)


def unaccented(text: str) -> Iterator[Derived]:
    """The text without accents, if that makes English trigger words appear."""
    bare = MARKS.sub("", unicodedata.normalize("NFD", text))
    if len(bare) != len(text):  # something else came apart too
        bare = "".join(char if char.isascii() else _bare(char) for char in text)
    if bare != text and not set(_PLAIN.match(bare)) <= set(_PLAIN.match(text)):
        yield Derived(bare, "unaccented")


def _bare(char: str) -> str:
    base = unicodedata.normalize("NFD", char)[0]
    return base if base.isascii() else char


# One letter, then at least four more, each after one to six separators and alone.
GAP = r"[\s.\-_*|/,·•~+=:]{1,6}"
SPACED = re.compile(rf"(?<![^\W_])[^\W_](?:{GAP}[^\W_](?![^\W_])){{4,}}")
_GAPS = re.compile(GAP)


def joined(text: str) -> Iterator[Derived]:
    """The text with letters that stand apart put together. The commonest gap in a run stands between
    letters; any other is a gap between words and becomes a space."""
    pieces, at = Pieces(), 0
    parts: list[str] = []
    for found in SPACED.finditer(text):
        if sum(map(str.isalpha, found[0])) < 5:  # a row of digits
            continue
        parts.append(text[at : found.start()])
        pieces.copy(found.start() - at)
        parts.append(_join(found[0], pieces))
        at = found.end()
    if at:
        parts.append(text[at:])
        pieces.copy(len(text) - at)
        yield Derived("".join(parts), "joined", pieces)


def _join(run: str, pieces: Pieces) -> str:
    between = Counter(_GAPS.findall(run)).most_common(1)[0][0]
    letters, at = [], 0
    for gap in _GAPS.finditer(run):
        letters.append(run[at : gap.start()])
        pieces.copy(gap.start() - at)
        at = gap.end()
        if gap[0] == between:
            pieces.drop(len(gap[0]))
        else:
            letters.append(" ")
            pieces.replace(1, len(gap[0]))
    pieces.copy(len(run) - at)
    return "".join((*letters, run[at:]))


_LEET = str.maketrans("013457@$|+", "oieastasit")
_LEET_L = str.maketrans("013457@$|+", "oleastaslt")
# The letter and the sign that it must have are looked for in its own length, not in all that follows.
_LEET_TOKEN = re.compile(
    r"(?<![A-Za-z0-9+/=])(?=[0134578@$!|+]{0,23}[A-Za-z])(?=[A-Za-z!|+]{0,23}[01345789@$!|])"
    r"[A-Za-z01345789@$!|+]{2,24}(?![A-Za-z0-9+/=])"
)
_LEET_CORE = re.compile(r"[A-Za-z][013457@$!|]+[A-Za-z]|\b[013457@$][A-Za-z]+[013457@$]")


def leet(text: str) -> Iterator[Derived]:
    """The text with digits and signs in words read as the letters they look like: once with ``1`` as
    *i*, and once as *l* where that makes a difference."""
    for reading in dict.fromkeys((_unleet(text, _LEET), _unleet(text, _LEET_L))):
        if reading != text:
            yield Derived(reading, "leet")


def _unleet(text: str, table: dict[int, int]) -> str:
    # One odd word may be a product name; several are a way of writing, and then every word counts.
    thorough = sum(1 for token in _LEET_TOKEN.findall(text) if _LEET_CORE.search(token)) > 2
    return _LEET_TOKEN.sub(lambda found: _unleet_token(found, table, thorough), text)


def _unleet_token(found: re.Match[str], table: dict[int, int], thorough: bool) -> str:
    token = found[0]
    mail = "@" in token and found.string.startswith(".", found.end())
    if mail or (not thorough and not _LEET_CORE.search(token)):
        return token
    end = len(token.rstrip("!"))
    return token[:end].replace("!", "i").translate(table) + token[end:]
