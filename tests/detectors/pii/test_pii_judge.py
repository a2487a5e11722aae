"""Scores, context words, checks and the choice between readings."""

from __future__ import annotations

import pytest

from safety.detectors.pii import checks
from safety.detectors.pii.context import around, mentions, normal, stem
from safety.detectors.pii.judge import score
from safety.detectors.pii.recognizers import Candidate
from safety.detectors.pii.table import Row

ROW = Row("X", "XRecognizer", 0.5, 4)


def scored(
    text: str, value: str, base: float = 0.5, row: Row = ROW, words: tuple[str, ...] = ("tag",)
) -> float:
    start = text.index(value)
    phrases = tuple(map(normal, words))
    return score(row, phrases, text, Candidate(start, start + len(value), base))


@pytest.mark.parametrize(
    "text",
    [
        *("a12345678", "12345678a", "0.12345678", "12345678.5", "12345678%", "$12345678", "ab1-12345678"),
        *("12345678-9", "_12345678"),
    ],
)
def test_part_of_something_longer_scores_nothing(text):
    assert scored("tag " + text, "12345678") == 0


@pytest.mark.parametrize(
    "text", ["12345678.", "(12345678)", "no-12345678", "12345678-", "12345678, 9", "漢12345678字"]
)
def test_a_value_by_itself(text):
    assert scored(text, "12345678") == 0.5


def test_the_row_caps_a_checksum_unless_a_word_is_near():
    assert scored("12345678", "12345678", 1.0) == 0.5
    assert scored("tag 12345678", "12345678", 1.0) == 1.0
    assert scored("tag 12345678", "12345678", 0.05) == 0.6


def test_small_letters_need_a_word():
    assert scored("ab123456", "ab123456") == 0.4
    assert scored("tag ab123456", "ab123456") == 0.85


def test_numbers_in_rows_need_a_word():
    assert scored("11 1234 5678", "1234 5678") == 0.3
    assert scored("1234 5678 9999", "1234 5678") == 0.3
    assert scored("1234 5678 12/27", "1234 5678") == 0.5
    assert scored("tag 1234 5678 9999", "1234 5678") == 0.85


@pytest.mark.parametrize(
    ("phrase", "text", "near"),
    [
        ("ssn", "my SSNs: #", True),
        ("lic", "the public #", False),
        ("driver's license", "a driver’s license, #", True),
        ("driver license", "a license, driver #", False),
        ("여권", "여권번호는 #", True),
        ("card", "#\ncard", False),
        ("card", "# is my card", True),
        ("card", "# is not at all my card", False),
        ("pass", "bypass #", False),
        ("social", "social x x x x #", True),
        ("social", "social x x x x x #", False),
    ],
)
def test_context(phrase, text, near):
    at = text.index("#")
    assert mentions(around(text, at, at + 1), [normal(phrase)]) is near
    assert not near or stem(normal(phrase)) in text.lower()


@pytest.mark.parametrize(
    ("number", "likely"),
    [
        *(("4111 1111 1111 1111", True), ("378282246310005", True), ("30569309025904", True)),
        *(
            ("1111222233334444", False),
            ("0000000000000000", False),
            ("9" * 16, False),
            ("490154203237518", False),
        ),
    ],
)
def test_card_ranges(number, likely):
    assert (checks.card(number) == 1) is likely


@pytest.mark.parametrize(
    ("address", "likely"),
    [
        *(("8.8.8.8", True), ("10.1.2.3", True), ("2001:4860:4860::8888", True), ("192.168.0.0/16", True)),
        *(
            ("127.0.0.1", False),
            ("0.0.0.0", False),
            ("255.255.0.0", False),
            ("::1", False),
            ("fe80::1", False),
        ),
        *(("10::2", False), ("face::bad", False), ("999.1.1.1", False), ("224.0.0.1", False)),
    ],
)
def test_addresses(address, likely):
    assert (checks.ip(address) == 1) is likely
