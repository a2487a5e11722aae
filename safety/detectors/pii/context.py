"""Words near a value that say what it is: "my SSN is 123456789".

Presidio's own enhancer wants lemmas from a language model and takes "lic" in "public" for a licence. Here a
word counts only whole, with a plural s folded away, and a phrase only in its order. It knows no synonyms and
no negation ("not my SSN").
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from safety.detectors.text import UNSPACED

WORDS_BEFORE = 5  # as in Presidio's LemmaContextAwareEnhancer (context_prefix_count)
WORDS_AFTER = 3
_REACH_BEFORE = 90
_REACH_AFTER = 40
_WORD = re.compile(r"[^\W_]+")
_UNSPACED = re.compile(f"[{UNSPACED}]")


def normal(phrase: str) -> str:
    """The words of ``phrase``, lower case, singular, with one space between and around them; of a script
    that does not space its words the phrase itself."""
    if _UNSPACED.search(phrase):
        return phrase.strip().lower()
    return f" {' '.join(map(_singular, _WORD.findall(phrase.lower())))} "


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def stem(phrase: str) -> str:
    """A text that must stand somewhere, in lower case, for ``phrase`` (a normal one) to be near."""
    words = phrase.split()
    return words[0] if words else phrase


def around(text: str, start: int, end: int) -> str:
    """The words near ``text[start:end]``, as ``normal`` writes them: up to five before it and, on the same
    line, three after it."""
    before = text[max(start - _REACH_BEFORE, 0) : start]
    after = text[end : end + _REACH_AFTER].partition("\n")[0]
    words = _WORD.findall(before.lower())[-WORDS_BEFORE:] + _WORD.findall(after.lower())[:WORDS_AFTER]
    return f" {' '.join(map(_singular, words))} "


def mentions(near: str, phrases: Iterable[str]) -> bool:
    """Whether one of ``phrases`` (normal ones) is among the words of ``near``."""
    return any(phrase in near for phrase in phrases)
