"""Folding: one spelling for all the ways to write the same visible text.

``scrub`` takes away what cannot be seen and replaces look-alikes, keeping case and white space; ``fold``
also folds case and white space. Accents stay, so that text in other languages stays readable. Neither
undoes an encoding (``decode``) or a spelling trick (``derive``). Both are linear in the text.
"""

from __future__ import annotations

import re
import unicodedata

from safety.detectors.normalise.characters import (
    ASCII_FOLD,
    DISGUISES,
    INVISIBLE,
    INVISIBLE_CLASS,
    LINE_ENDS,
    LOOK_ALIKES,
    MARKS,
    ODD_SPACE,
    TYPOGRAPHY,
)
from safety.detectors.normalise.patterns import PatternSet
from safety.detectors.normalise.view import Pieces
from safety.detectors.text import common_prefix, encodable

_ALWAYS = str.maketrans({**TYPOGRAPHY, **DISGUISES})
_LOOK_ALIKE = re.compile(f"[{''.join(LOOK_ALIKES)}]")
# Which of the steps of ``scrub`` have something to do: one pass instead of three.
_PRESENT = PatternSet((MARKS.pattern, f"[{''.join(map(chr, _ALWAYS))}]", _LOOK_ALIKE.pattern))
_WORD = re.compile(r"[^\W\d_]+")
_LATIN = re.compile("[A-Za-z\u00c0-\u024f]")
_NOT_LATIN = re.compile("[^\\W\\d_A-Za-z\u00c0-\u024f]")
_MIXED = re.compile(
    "[A-Za-z\u00c0-\u024f][\u0370-\u058f\u13a0-\u13f5\ua4d0-\ua4f7]|"
    "[\u0370-\u058f\u13a0-\u13f5\ua4d0-\ua4f7][A-Za-z\u00c0-\u024f]"
)
_REAL = re.compile(f"[\u0370-\u058f\u13a0-\u13f5\ua4d0-\ua4f7](?<![{''.join(LOOK_ALIKES)}])")
_TOKEN = re.compile(r"([\t-\r\x1c-~]+)(?![^\t-\r\x1c-~])|.[^\t-\r\x1c-~]*", re.DOTALL)
_TRIM = re.compile(f"([{INVISIBLE_CLASS}]*)(.*?)([{INVISIBLE_CLASS}]*)", re.DOTALL)
# Hangul jamo compose with what stands before them without being marks; compatibility and halfwidth
# jamo and the halfwidth voiced sound marks become such characters under NFKC.
_JOINS_LEFT = re.compile("[\u1100-\u11ff\u3131-\u318e\ua960-\ua97f\ud7b0-\ud7ff\uff9e-\uffdc]")


def fold(text: str) -> str:
    """NFKC and case folding, without invisible characters, with look-alikes as the letters they stand for;
    a run of white space is one ``\\n`` if it holds a line end, else one space."""
    if text.isascii():
        return squeeze(text.translate(ASCII_FOLD))
    return fold_scrubbed(scrub(text))


def fold_scrubbed(scrubbed: str) -> str:
    """``fold`` of a text that ``scrub`` returned."""
    if scrubbed.isascii():
        return squeeze(scrubbed.translate(ASCII_FOLD))
    return squeeze(MARKS.sub("", _spaces(scrubbed.casefold())))


def scrub(text: str) -> str:
    """``fold`` without the folding of case and white space. ASCII text comes back as it is."""
    if text.isascii():
        return text
    text = INVISIBLE.sub("", text)
    text = encodable(text)
    text = unicodedata.normalize("NFKC", text)
    present = _PRESENT.match(text)
    if 0 in present:
        text = MARKS.sub("", text)
    if 1 in present:
        text = text.translate(_ALWAYS)
    return _letters(text) if 2 in present else text


def squeeze(text: str) -> str:
    """Runs of spaces and line ends as one character each. A few passes in C, whatever the runs."""
    while "  " in text:
        text = text.replace("  ", " ")
    if "\n" in text:
        text = text.replace(" \n", "\n").replace("\n ", "\n")
        while "\n\n" in text:
            text = text.replace("\n\n", "\n")
    return text


def _spaces(text: str) -> str:
    return ODD_SPACE.sub(lambda found: "\n" if found[0] in LINE_ENDS else " ", text)


def _letters(text: str) -> str:
    """Look-alikes folded, one for one, in words that otherwise read as Latin: those with a Latin letter in
    them, and those made of look-alikes alone when nothing else in the text is of such a script."""
    foreign = _REAL.search(text) is not None
    if foreign and not _MIXED.search(text):
        return text
    return _WORD.sub(lambda found: _word(found[0], foreign), text)


def _word(word: str, foreign: bool) -> str:
    if word.isascii() or not _LOOK_ALIKE.search(word):
        return word
    latin = _LATIN.search(word) is not None
    if any(letter not in LOOK_ALIKES for letter in _NOT_LATIN.findall(word)) or (foreign and not latin):
        return word
    return _LOOK_ALIKE.sub(lambda found: LOOK_ALIKES[found[0]], word)


def scrub_map(text: str) -> Pieces:
    """Maps ranges of ``scrub(text)`` to ranges of ``text``."""
    pieces = Pieces()
    for found in _TOKEN.finditer(text):
        if found[1]:
            pieces.copy(len(found[1]))
        else:
            _trace(pieces, found[0])
    return pieces


def fold_map(scrubbed: str) -> Pieces:
    """Maps ranges of ``fold_scrubbed(scrubbed)`` to ranges of ``scrubbed``."""
    pieces = Pieces()
    after_space = False
    for found in _FOLD_TOKEN.finditer(scrubbed):
        token = found[0]
        length = len(token)
        if found.lastgroup == "space":
            if after_space:
                pieces.widen(length)
            else:
                pieces.replace(1, length)
            after_space = True
        elif found.lastgroup == "gone":
            pieces.drop(length)
        else:
            after_space = False
            if token.isascii():
                pieces.copy(length)
            else:
                _trace_case(pieces, token)
    return pieces


# Controls are gone only from ASCII text: others never reach this step. Kept in one class so that the
# white space on both sides of one still counts as one run.
_FOLD_TOKEN = re.compile(r"(?P<space>\s+)|(?P<gone>[\x00-\x08\x0e-\x1b\x7f]+)|[!-~]+|[^\x00-\x7f\s]+")


def _trace_case(pieces: Pieces, token: str) -> None:
    if len(token.casefold()) == len(token) and not MARKS.search(token.casefold()):
        pieces.copy(len(token))
        return
    for char in token:
        pieces.replace(len(MARKS.sub("", char.casefold())), 1)


def _trace(pieces: Pieces, token: str) -> None:
    """One run of characters that may compose with each other: one to one where nothing changes, else
    cluster by cluster."""
    if unicodedata.is_normalized("NFKC", token) and not INVISIBLE.search(token) and not MARKS.search(token):
        pieces.copy(len(token))
        return
    for cluster in _clusters(token):
        before, core, after = _TRIM.fullmatch(cluster).groups()  # type: ignore[union-attr]
        pieces.drop(len(before))
        folded = MARKS.sub("", unicodedata.normalize("NFKC", _visible(core)))
        same = common_prefix(folded, core)
        pieces.copy(same)
        pieces.replace(len(folded) - same, len(core) - same)
        pieces.drop(len(after))


def _visible(text: str) -> str:
    return encodable(INVISIBLE.sub("", text))


def _clusters(token: str) -> list[str]:
    """``token`` cut where normalising the parts is the same as normalising the whole."""
    parts: list[str] = []
    for char in token:
        if parts and _joins(char):
            parts[-1] += char
        else:
            parts.append(char)
    return parts


def _joins(char: str) -> bool:
    if unicodedata.category(char)[0] == "M" or _JOINS_LEFT.match(char):
        return True
    return INVISIBLE.match(char) is not None
