"""Numbers, amounts and dates in a text, in a form that can be compared.

``1,000`` = ``1000`` = ``one thousand`` = ``1k``; ``1.000`` may be one or a thousand, and both readings are
kept. Amounts are turned into the base of their unit. It does not do arithmetic ("the two sums together"),
Roman numerals, or numbers written in Chinese signs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from safety.detectors.groundedness.vocabulary import (
    FAHRENHEIT,
    MONTHS,
    MULTIPLES,
    NUMBER_WORDS,
    ORDINAL_WORDS,
    RELATIONS,
    UNITS,
    words,
)


@dataclass(frozen=True, slots=True)
class Value:
    """A number at ``[start, end)``. ``readings`` are the numbers it may mean, ``base`` the same in the base
    of ``dimension`` (empty: no unit). ``relation`` is one of ``= ~ < >``. ``weak``: a word such as *first*
    that supports a claim but needs no support."""

    start: int
    end: int
    readings: frozenset[float]
    dimension: str = ""
    base: frozenset[float] = frozenset()
    relation: str = "="
    weak: bool = False

    @property
    def small(self) -> bool:
        """A bare count that may come from counting rather than from reading."""
        return not self.dimension and max(self.readings) <= 12


@dataclass(frozen=True, slots=True)
class Date:
    """A date at ``[start, end)`` with the parts that are written; 0 for the others."""

    start: int
    end: int
    year: int = 0
    month: int = 0
    day: int = 0

    def within(self, other: Date) -> bool:
        """Whether ``other`` says all that this says."""
        return all(mine in (0, theirs) for mine, theirs in self._parts(other))

    def contradicts(self, other: Date) -> bool:
        """Whether both name a part and differ in it."""
        return any(mine and theirs and mine != theirs for mine, theirs in self._parts(other))

    def _parts(self, other: Date) -> tuple[tuple[int, int], ...]:
        return (self.year, other.year), (self.month, other.month), (self.day, other.day)


_MONTH = "|".join(sorted(map(re.escape, MONTHS), key=len, reverse=True))
_DAY = r"(?P<day>[0-3]?\d)(?:st|nd|rd|th|er|º|\.)?"
_YEAR = r"(?P<year>1\d{3}|20\d\d)"
_DATES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?<![\d-])(?P<year>\d{4})\s?[-/]\s?(?P<month>[01]?\d)\s?[-/]\s?(?P<day>[0-3]?\d)(?!\d)",
        r"(?<![\d.])(?P<day>[0-3]?\d)\.(?P<month>[01]?\d)\.(?P<year>\d{4})(?!\d)",
        rf"\b{_DAY}\s(?:de\s|of\s)?(?P<month>{_MONTH})\b\.?(?:,?\s(?:de\s|del\s)?{_YEAR}\b)?",
        rf"\b(?P<month>{_MONTH})\.?\s{_DAY}(?!\d)(?:,?\s{_YEAR}\b)?",
        rf"\b(?P<month>{_MONTH})\.?,?\s(?:de\s|del\s|of\s)?{_YEAR}\b",
        r"(?P<year>\d{4})年(?:(?P<month>\d{1,2})月)?(?:(?P<day>\d{1,2})日)?",
        r"(?<!\d)(?P<month>\d{1,2})月(?:(?P<day>\d{1,2})日)?",
    )
)
_YEAR_ALONE = re.compile(r"(?:1[2-9]|20)\d\d")
# Units that need no space after them.
_SIGNS = sorted((u for u in UNITS if not u.isalpha() or u[0] > "\u3000"), key=len, reverse=True)
_CURRENCY = r"[$€£¥]"
_NUMBER = re.compile(
    rf"(?P<sign>{_CURRENCY})?\s?(?<![A-Za-zÀ-ɏ\d.,])(?P<digits>\d+(?:[.,'’\u202f\u00a0]\d+)*)"
    r"(?P<ordinal>(?:st|nd|rd|th)\b)?",
    re.IGNORECASE,
)
_AFTER = re.compile(r"[ \u00a0\u202f-]?(?P<word>[°%$€£¥]?[^\W\d_]*)")
_GROUPED = re.compile(r"[1-9]\d{0,2}(?:[.,]\d{3})+")
_WORD = re.compile(r"[^\W\d_]+")
_WORD_BEFORE = re.compile(r"(?P<word>[^\W\d_]+|[~≈<>≤≥])\s?[$€£¥]?\s?\Z")
_TENS = frozenset(word for word, number in NUMBER_WORDS.items() if number >= 20)
_DECADE = re.compile(r"['’]?s\b")  # "the 1990s", "in his 70s": no number that could be compared
_SHORTENED = words("mio mrd")  # written with a stop: "3 Mio. Euro"
_ONE = words("a one ein eine un une una uno um uma")  # numbers only before a multiple: "a hundred"
_AND = words("and und et y e")


def dates_in(text: str) -> list[Date]:
    """Dates with a month or in full, then years that stand alone, in order."""
    if not any(sign.isdigit() for sign in text):
        return []
    found: list[Date] = []
    for pattern in _DATES:
        for match in pattern.finditer(text):
            date = _date(match)
            if date is not None and not _taken(found, match.start(), match.end()):
                found.append(date)
    return sorted(found, key=lambda date: date.start)


def _date(match: re.Match[str]) -> Date | None:
    parts = match.groupdict()
    month = (parts.get("month") or "0").lower()
    date = Date(
        *match.span(),
        int(parts.get("year") or 0),
        MONTHS.get(month) or int(month),
        int(parts.get("day") or 0),
    )
    return date if date.month <= 12 and date.day <= 31 else None


def _taken(found: list[Date], start: int, end: int) -> bool:
    return any(date.start < end and start < date.end for date in found)


def values_in(text: str, dates: list[Date]) -> tuple[list[Value], list[Date]]:
    """The numbers of ``text`` outside ``dates``, and the years that stand alone among them."""
    values: list[Value] = []
    years: list[Date] = []
    end = 0
    if any(sign.isdigit() for sign in text):
        for match in _NUMBER.finditer(text):
            if (
                match.start("digits") < end
                or _DECADE.match(text, match.end("digits"))
                or _taken(dates, match.start("digits"), match.end())
            ):
                continue
            value, is_year = _written(text, match)
            end = value.end
            if is_year:
                years.append(Date(value.start, value.end, int(match["digits"])))
            else:
                values.append(value)
    values += _spelled(text)
    return sorted(values, key=lambda value: value.start), years


def readings(digits: str) -> frozenset[float]:
    """The numbers that ``digits`` may mean: ``1.000`` is 1 in one country and 1000 in another."""
    plain = re.sub(r"['’\u202f\u00a0]", "", digits)
    marks = [mark for mark in plain if mark in ".,"]
    joined = float(re.sub(r"[.,]", "", plain))
    if not marks:
        return frozenset({joined})
    found: set[float] = set()
    if marks.count(marks[-1]) == 1:  # the last mark may stand before the decimals
        whole, _, decimals = plain.rpartition(marks[-1])
        found.add(float(re.sub(r"[.,]", "", whole) + "." + decimals))
    if len(set(marks)) == 1 and _GROUPED.fullmatch(plain):
        found.add(joined)
    return frozenset(found or {joined})


def _written(text: str, match: re.Match[str]) -> tuple[Value, bool]:
    """The number at ``match`` with the multiple and unit after it, and whether it is a year."""
    numbers, start, end = readings(match["digits"]), match.start(), match.end()
    times, end, unit = _multiple_and_unit(text, end, bool(match["sign"]))
    unit = match["sign"] or unit
    if match["sign"] is None:
        start = match.start("digits")
    year = (
        times == 1
        and not unit
        and not match["ordinal"]
        and _YEAR_ALONE.fullmatch(match["digits"]) is not None
    )
    numbers = frozenset(number * times for number in numbers)
    return _value(start, end, numbers, unit, _relation(text, start)), year


def _multiple_and_unit(text: str, end: int, money: bool) -> tuple[float, int, str]:
    times, unit = 1.0, ""
    for _ in range(2):
        after = _AFTER.match(text, end)
        word = after["word"] if after else ""
        folded = word.lower()
        if after is None or not word:
            break
        if times == 1 and (folded in MULTIPLES or (word in ("M", "m") and (money or word == "M"))):
            times = MULTIPLES.get(folded, 1e6)
            end = after.end()
            end += folded in _SHORTENED and text.startswith(".", end)
        elif (found := _unit(word)) is not None:
            return times, after.start("word") + len(found), found
        else:
            break
    return times, end, unit


def _unit(word: str) -> str | None:
    folded = word.lower()
    if folded in UNITS or folded in FAHRENHEIT:
        return folded
    return next((sign for sign in _SIGNS if folded.startswith(sign)), None)


def _value(start: int, end: int, numbers: frozenset[float], unit: str, relation: str) -> Value:
    if unit in FAHRENHEIT:
        return Value(start, end, numbers, "celsius", frozenset((n - 32) * 5 / 9 for n in numbers), relation)
    dimension, factor = UNITS.get(unit, ("", 1.0))
    return Value(start, end, numbers, dimension, frozenset(n * factor for n in numbers), relation)


def _relation(text: str, start: int) -> str:
    before = _WORD_BEFORE.search(text, max(0, start - 16), start)
    if before is None:
        return "="
    word = before["word"].lower()
    if word == "than":
        than = text[max(0, start - 16) : start].lower()
        return (
            ">" if "more" in than or "greater" in than else "<" if "less" in than or "fewer" in than else "="
        )
    return RELATIONS.get(word, "=")


def _spelled(text: str) -> Iterator[Value]:
    """Numbers in words: "twenty-five", "three hundred", "two million euros"."""
    at = 0
    for match in _WORD.finditer(text):
        word = match[0].lower()
        if match.start() < at or not (word in NUMBER_WORDS or word in ORDINAL_WORDS or word in _ONE):
            continue
        if word in _ONE and not _multiple_follows(text, match.end()):
            continue
        if word in ORDINAL_WORDS:
            number = frozenset({float(ORDINAL_WORDS[word])})
            yield Value(*match.span(), number, base=number, weak=True)
            continue
        total, at = _compose(text, match)
        unit_word = _AFTER.match(text, at)
        unit = (_unit(unit_word["word"]) or "") if unit_word else ""
        yield _value(match.start(), at, frozenset({total}), unit, _relation(text, match.start()))


def _compose(text: str, first: re.Match[str]) -> tuple[float, int]:
    """The number that begins with ``first``, and where it ends."""
    total, group, end = 0.0, float(NUMBER_WORDS.get(first[0].lower(), 1)), first.end()
    last = first[0].lower()
    while (after := _AFTER.match(text, end)) is not None and (word := after["word"].lower()):
        if word in MULTIPLES and len(word) > 2:
            if MULTIPLES[word] == 100:
                group *= 100
            else:
                total, group = total + group * MULTIPLES[word], 0.0
        elif word in NUMBER_WORDS and (last in _TENS or last in MULTIPLES) and word not in _TENS | {last}:
            group += NUMBER_WORDS[word]
        elif not (word in _AND and last in MULTIPLES and _number_follows(text, after.end())):
            break
        last, end = word if word not in _AND else last, after.end()
    return total + group, end


def _multiple_follows(text: str, at: int) -> bool:
    after = _AFTER.match(text, at)
    word = after["word"].lower() if after else ""
    return len(word) > 2 and word in MULTIPLES


def _number_follows(text: str, at: int) -> bool:
    after = _AFTER.match(text, at)
    return after is not None and after["word"].lower() in NUMBER_WORDS


def same(claim: Value, other: Value) -> bool:
    """Whether ``other`` bears ``claim`` out."""
    if claim.dimension and other.dimension:
        if claim.dimension != other.dimension:
            return False
        mine, theirs = claim.base, other.base
    else:
        mine, theirs = claim.readings, other.readings
    return any(_holds(a, claim.relation, b, other.relation) for a in mine for b in theirs)


def same_amount(one: Value, other: Value) -> bool:
    """Whether both are the same number, whatever is said about rounding."""
    if one.dimension and other.dimension:
        return one.dimension == other.dimension and any(_close(a, b) for a in one.base for b in other.base)
    return not one.readings.isdisjoint(other.readings)


def _close(one: float, other: float) -> bool:
    return abs(one - other) <= 0.005 * abs(other) if one % 1 or other % 1 else one == other


def _holds(claimed: float, relation: str, known: float, known_relation: str) -> bool:
    close = _close(claimed, known)
    if close or relation == "=":
        return close
    if relation == "~" or known_relation == "~":
        return abs(claimed - known) <= 0.1 * abs(known)
    return known > claimed if relation == ">" else known < claimed
