"""Numbers, units and dates: what is read, and what is the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.detectors.groundedness.values import Date, Value, dates_in, readings, same, values_in


def value(text: str) -> Value:
    (only,) = values_in(text, dates_in(text))[0]
    return only


def date(text: str) -> tuple[int, int, int]:
    full = dates_in(text)
    (only,) = full or values_in(text, full)[1]
    return only.year, only.month, only.day


SAME = [
    ("1,000 people", "one thousand people"),
    ("1.5k users", "1,500 users"),
    ("$1.5 million", "1,500,000 dollars"),
    ("1.5 Mio. Euro", "€1500000"),
    ("twenty-five rows", "25 rows"),
    ("three hundred and five", "305"),
    ("3 km", "3000 m"),
    ("0.33 km", "330 metres"),
    ("5 kg", "5,000 g"),
    ("2 h", "120 minutes"),
    ("98.6 °F", "37 °C"),
    ("1 GB", "1000 MB"),
    ("45%", "45 percent"),
    ("45 %", "45"),
    ("8,50 Euro", "8.50 €"),
    ("36公里", "36 km"),
    ("about 330 m", "324 m"),
    ("more than 40 people", "47 people"),
    ("a hundred", "100"),
]
DIFFERENT = [
    ("12/hour", "10/hour"),
    ("5 kg", "5 mg"),
    ("10 days", "10 hours"),
    ("$5", "€5"),
    ("330 m", "324 m"),
    ("more than 40 people", "37 people"),
    ("1.5 million", "1.5 thousand"),
    ("two seats", "twenty seats"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_same(one: str, other: str) -> None:
    assert same(value(one), value(other))


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different(one: str, other: str) -> None:
    assert not same(value(one), value(other))


@pytest.mark.parametrize(
    "written",
    """12 March 2024|March 12, 2024|March 12th, 2024|12.03.2024|2024-03-12|12. März 2024|le 12 mars 2024
    12 de marzo de 2024|12 marzo 2024|12 de março de 2024|2024年3月12日""".replace("\n", "|").split("|"),
)
def test_dates_in_eight_languages(written: str) -> None:
    assert date(f"Seen {written.strip()}.") == (2024, 3, 12)


def test_parts_of_dates() -> None:
    assert date("in May 2020") == (2020, 5, 0)
    assert date("since 1999") == (1999, 0, 0)
    assert date("on 3 June") == (0, 6, 3)
    assert Date(0, 4, 2020).within(Date(0, 4, 2020, 5, 1))
    assert not Date(0, 4, 2020, 5).within(Date(0, 4, 2020))
    assert Date(0, 4, 2020, 5).contradicts(Date(0, 4, 2020, 6))


@pytest.mark.parametrize("text", ["the 1990s", "in his 70s", "due to rain", "one of them", "no numbers"])
def test_what_is_no_number(text: str) -> None:
    assert values_in(text, dates_in(text)) == ([], [])


@pytest.mark.parametrize(
    ("digits", "numbers"),
    [
        ("1.000", {1.0, 1000.0}),
        ("1,234.56", {1234.56}),
        ("1.234,56", {1234.56}),
        ("1.234.567", {1234567.0}),
        ("0.033", {0.033}),
        ("8,5", {8.5}),
    ],
)
def test_readings(digits: str, numbers: set[float]) -> None:
    assert readings(digits) == numbers


@settings(max_examples=200, deadline=None)
@given(st.integers(10_000, 10**12))
def test_thousands_marks_do_not_matter(number: int) -> None:
    plain = value(f"{number} parts")
    for mark in ",.’\u202f":
        assert same(value(f"{number:,} parts".replace(",", mark)), plain)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60) | st.text("0123456789.,-/ $%kmMarch年月日", max_size=40))
def test_any_text_is_read_and_places_are_in_it(text: str) -> None:
    dates = dates_in(text)
    values, years = values_in(text, dates)
    for thing in (*dates, *values, *years):
        assert 0 <= thing.start < thing.end <= len(text)
