"""Which digits are a telephone number."""

from __future__ import annotations

import pytest

from safety.detectors.pii.load import load
from safety.detectors.pii.places import Window
from safety.detectors.pii.table import PHONE, ROWS

COMPLETE, NATIONAL = load([row for row in ROWS if row.entity == PHONE], ("US", "GB", "DE"))


def found(phones, text: str) -> list[tuple[str, float]]:
    return [(text[c.start : c.end], c.score) for c in phones.candidates(text, [Window(0, len(text))], 0.5)]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("+1 212 555 0143", [("+1 212 555 0143", 0.75)]),
        ("at +44 (0)20 7946 0958.", [("+44 (0)20 7946 0958", 0.75)]),
        ("+49-30-901820, +33 6 12 34 56 78", [("+49-30-901820", 0.75), ("+33 6 12 34 56 78", 0.75)]),
        ("1-212-555-0143", [("1-212-555-0143", 0.6)]),
        ("212.555.0143", [("212.555.0143", 0.6)]),
        ("(212)555-0143", [("(212)555-0143", 0.6)]),
        ("+999 12345678", []),
        ("212 555 0143", []),
        ("x+12125550143", []),
        ("$212-555-0143", []),
        ("212-555-0143%", []),
        ("112-555-0143", []),
        ("3 +4 5 +6 7 +8 9", []),
    ],
)
def test_numbers_that_say_where_they_belong(text, numbers):
    assert found(COMPLETE, text) == numbers


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("call 020 7946 0958", [("020 7946 0958", 0.4)]),
        ("Telefon 030/901820", [("030/901820", 0.4)]),
        ("order 020 7946 0958", []),
        ("call on 2024-01-15 1030", []),
        ("call 1111111", []),
    ],
)
def test_numbers_that_need_a_word(text, numbers):
    assert found(NATIONAL, text) == numbers
