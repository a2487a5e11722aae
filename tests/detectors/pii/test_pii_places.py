"""Clusters of digits and the windows around them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.detectors.pii.examples import POSITIVES
from safety.detectors.pii.load import load
from safety.detectors.pii.places import Cluster, Window, clusters, windows
from safety.detectors.pii.recognizers import Recognizer
from safety.detectors.pii.table import ROWS

RECOGNIZERS = [r for r in load(ROWS, ("US",)) if isinstance(r, Recognizer) and r.row.digits]
WORD = 79  # the longest word that is read


def test_digits_close_together_are_one_cluster():
    assert clusters("a1 b22-333 long words here 4") == [Cluster(1, 10, 6), Cluster(27, 28, 1)]


def test_the_bank_code_of_an_iban_does_not_cut_it():
    assert clusters("GB82 WEST 1234") == [Cluster(2, 14, 6)]


@pytest.mark.parametrize("text", ["", "none", "e\u0301👩"])
def test_no_digits_no_clusters(text):
    assert clusters(text) == []


def test_windows_skip_what_has_too_few_digits_and_join_where_they_touch():
    text = "1 ...... 12 ........ 123 ...................... 123"
    found = [Cluster(0, 1, 1), Cluster(9, 11, 2), Cluster(21, 24, 3), Cluster(48, 51, 3)]
    assert windows(text, found, 2, 5, 5) == [Window(4, 29), Window(43, 51)]


def test_a_window_ends_where_a_word_ends():
    text = "12345678 abcdef ghi"
    assert windows(text, clusters(text), 8, 0, 3) == [Window(0, 15)]


def test_a_word_too_long_to_be_a_value_is_passed_over():
    text = "12345678 " * 60 + "9" * 1000 + " 87654321"
    assert windows(text, clusters(text), 8, 1, 1) == [Window(0, 540), Window(1540, len(text))]


PIECES = st.lists(
    st.one_of(
        st.sampled_from([row.value for row in POSITIVES if row.value.isascii()]),
        st.text("0123456789 -./:ABXTabc", max_size=30),
        st.sampled_from(["some words without anything in them, and more of the like ", "\n", "🏳️‍🌈", "é"]),
    ),
    max_size=10,
).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(text=PIECES)
def test_reading_windows_finds_what_reading_all_finds(text):
    if any(len(word) > WORD for word in text.split()):
        return
    places = clusters(text)
    whole = [Window(0, len(text))]
    for recognizer in RECOGNIZERS:
        row = recognizer.row
        some = windows(text, places, row.digits, *row.reach)
        in_windows = list(recognizer.candidates(text, some, 0.0))
        in_all = list(recognizer.candidates(text, whole, 0.0))
        assert set(in_windows) <= set(in_all), row
        promised = {c for c in in_all if _promised(recognizer, text[c.start : c.end])}
        assert promised <= set(in_windows), row


def _promised(recognizer: Recognizer, value: str) -> bool:
    """Whether the row asks for ``value``: patterns may match less, such as "V3" for a driver's licence."""
    digits = sum(map(str.isdigit, value))
    return digits >= recognizer.row.digits and (not recognizer.hint or bool(recognizer.hint.search(value)))


@settings(max_examples=200, deadline=None)
@given(text=st.text("01a _", max_size=600), digits=st.integers(1, 9), reach=st.integers(0, 30))
def test_windows_are_sorted_disjoint_and_inside(text, digits, reach):
    found = windows(text, clusters(text), digits, reach, reach)
    assert all(0 <= w.start <= w.end <= len(text) for w in found)
    assert all(a.end <= b.start for a, b in pairwise(found))
