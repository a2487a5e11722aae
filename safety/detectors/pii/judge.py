"""How far a value is to be believed."""

from __future__ import annotations

import re

from safety.detectors.pii.checks import UNLIKELY
from safety.detectors.pii.context import around, mentions
from safety.detectors.pii.recognizers import Candidate
from safety.detectors.pii.table import EMAIL, WORD, Row

WITH_WORD = 0.35  # Presidio's context_similarity_factor
WITH_WORD_LEAST = 0.6  # a shape and the word for it: "account 12345678"
SURE = 0.9  # from here on a context word changes nothing

# What stands right before or after a number that is part of something longer: a word, a decimal, a UUID.
_PART_BEFORE = re.compile(r"(?:\w|[0-9]\.|\w*[0-9]\w*[-_]|[$€£¥])\Z", re.ASCII)
_PART_AFTER = re.compile(r"\w|[%°]|\.[0-9]|[-_]\w*[0-9]", re.ASCII)
# A number written with spaces among others is most often a row of a table. With letters in it, as in an
# IBAN, it is not: what stands beside it is another value.
_ROW_BEFORE = re.compile(r"[0-9] \Z")
_ROW_AFTER = re.compile(r" [0-9]{4,}\b(?!/)", re.ASCII)
_LOWER = re.compile(r"[a-z]")
_LETTER = re.compile(r"[A-Za-z]")
_EDGE = 24  # how far these see


def score(row: Row, phrases: tuple[str, ...], text: str, candidate: Candidate) -> float:
    """0 to 1; 0 for what is part of something longer."""
    before = text[max(candidate.start - _EDGE, 0) : candidate.start]
    after = text[candidate.end : candidate.end + _EDGE]
    if row.entity != EMAIL and (_PART_BEFORE.search(before) or _PART_AFTER.match(after)):
        return 0.0
    alone = min(candidate.score, _alone(row, text[candidate.start : candidate.end], before, after))
    if alone >= SURE or not mentions(around(text, candidate.start, candidate.end), phrases):
        return alone
    return min(1.0, max(candidate.score + WITH_WORD, WITH_WORD_LEAST))


def _alone(row: Row, value: str, before: str, after: str) -> float:
    """The most that ``value`` scores with no context word near it."""
    if row.before and re.search(f"(?:{row.before})\\Z", before, re.IGNORECASE):
        return UNLIKELY
    if row.after and re.match(row.after, after):
        return UNLIKELY
    row_of_numbers = " " in value and _LETTER.search(value) is None
    if row_of_numbers and (_ROW_BEFORE.search(before) or _ROW_AFTER.match(after)):
        return UNLIKELY
    if row.cased and _LOWER.search(value):
        return WORD
    return min(row.alone, row.check(value))
