"""A piece of text read once: its words, numbers and dates with their places.

Words are stemmed lightly and by the same rules in every language, so a stem is a key for comparing and not
a word. Chinese and Japanese are read as overlapping pairs of signs, because they have no spaces.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace

from safety.detectors.groundedness.values import Date, Value, dates_in, values_in
from safety.detectors.groundedness.vocabulary import NEGATIONS, NUMBER_WORDS, STOPWORDS

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(
    rf"(?P<cjk>[{_CJK}]+)|\d+(?:[.,]\d+)*(?![^\W_])|(?:(?![{_CJK}])[^\W_])+(?:['’](?:(?![{_CJK}])[^\W\d_])+)?"
)
_PARTS = re.compile(r"[a-z]{3,}(?=[A-Z][a-z])|(?<=[a-z]{3})[A-Z][a-z].*|.+", re.DOTALL)  # priceRange
_SHOUTED = re.compile(r"[\W\d_]*+[^\W\d_].*[A-Z\d]")  # from the first letter on: one look at a long word
_NOT_NEGATION = (("non", "-"), ("no", "."), ("no", ","))  # "non-linear", "No. 5", "No, it is"
_HIRAGANA = re.compile(r"[\u3040-\u309f]+")
_ENDINGS = (
    *(("iveness", "ive"), ("fulness", "ful"), ("ations", "ate"), ("ation", "ate"), ("ically", "ic")),
    *(("ments", "ment"), ("ities", "ity"), ("ingly", ""), ("edly", ""), ("sses", "ss"), ("ies", "y")),
    *(
        ("ings", ""),
        ("ing", ""),
        ("ally", "al"),
        ("ers", "er"),
        ("ely", "e"),
        ("ly", ""),
        ("ed", ""),
        ("es", ""),
    ),
    *(("'s", ""), ("’s", ""), ("s", ""), ("en", ""), ("e", "")),
)
_CUTS = (re.compile(r"[,;|}\]>]\s+"), re.compile(r"\s+"))
PREFIX = 5  # words with so many first letters in common count as related


@dataclass(frozen=True, slots=True)
class Word:
    """A word at ``[start, end)`` of its text. ``content`` words are what coverage counts."""

    start: int
    end: int
    lower: str
    stem: str
    content: bool
    capital: bool
    shouted: bool = False  # a capital or digit after the first letter: an acronym or a made-up name

    @property
    def numeric(self) -> bool:
        """Whether it is a number, in figures or written out."""
        return self.lower[0].isdigit() or self.lower in NUMBER_WORDS

    @property
    def negates(self) -> bool:
        """Whether it turns what follows into its opposite."""
        return self.lower in NEGATIONS or self.lower.endswith(("n't", "n’t"))


@dataclass(frozen=True, slots=True)
class Passage:
    """``text[start:end]`` read. All places count from the beginning of the whole ``text``."""

    start: int
    end: int
    words: tuple[Word, ...]
    values: tuple[Value, ...]
    dates: tuple[Date, ...]

    @property
    def stems(self) -> frozenset[str]:
        """The stems of all its words."""
        return frozenset(word.stem for word in self.words)


def stem(lower: str) -> str:
    """A lower-case word without its ending and accents: ``cities`` -> ``city``."""
    if not lower.isascii():
        lower = "".join(c for c in unicodedata.normalize("NFKD", lower) if not unicodedata.combining(c))
    if len(lower) <= 3 or lower[0].isdigit():
        return lower
    for ending, instead in _ENDINGS:
        if lower.endswith(ending) and len(lower) - len(ending) >= 3:
            lower = lower[: len(lower) - len(ending)] + instead
            break
    lower = lower[:-1] if len(lower) > 3 and lower[-1] == lower[-2] and lower[-1] not in "lse" else lower
    return lower[:-1] if len(lower) > 4 and lower.endswith("e") else lower


def read(text: str, start: int = 0, end: int | None = None) -> Passage:
    """Read ``text[start:end]``."""
    end = len(text) if end is None else end
    piece = text[start:end]
    dates = dates_in(piece)
    values, years = values_in(piece, dates)
    words: list[Word] = []
    for match in _WORD.finditer(piece):
        if match["cjk"] is not None:
            words += _pairs(match[0], start + match.start())
        else:
            follows = piece[match.end() : match.end() + 1]
            words += [
                _word(p[0], start + match.start() + p.start(), follows) for p in _PARTS.finditer(match[0])
            ]
    return Passage(
        start,
        end,
        tuple(words),
        tuple(replace(value, start=value.start + start, end=value.end + start) for value in values),
        tuple(replace(date, start=date.start + start, end=date.end + start) for date in (*dates, *years)),
    )


def _word(written: str, start: int, follows: str) -> Word:
    lower = written.lower()
    plain = lower[:-2] if lower.endswith(("'s", "’s")) else lower
    numeric = lower[0].isdigit() or lower in NUMBER_WORDS
    content = not numeric and len(plain) > 1 and plain not in STOPWORDS
    if (lower, follows) in _NOT_NEGATION:
        plain += follows
    shouted = _SHOUTED.match(written) is not None
    return Word(start, start + len(written), plain, stem(plain), content, written[0].isupper(), shouted)


def _pairs(run: str, start: int) -> list[Word]:
    pairs = [run[at : at + 2] for at in range(max(len(run) - 1, 1))]
    return [
        Word(start + at, start + at + len(pair), pair, pair, _HIRAGANA.fullmatch(pair) is None, False)
        for at, pair in enumerate(pairs)
    ]


def pieces(text: str, start: int, end: int, most: int) -> Iterator[tuple[int, int]]:
    """``[start, end)`` in pieces of at most ``most`` code points, cut where a field ends or at a blank."""
    while end - start > most:
        cut = start + most
        for pattern in _CUTS:
            ends = [match.end() for match in pattern.finditer(text, start + most // 3, cut)]
            if ends:
                cut = ends[-1]
                break
        yield start, cut
        start = cut
    yield start, end
