"""Folding keeps every place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.detectors.pii.fold import Folded, fold


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("plain 12-3", "plain 12-3"),
        ("１２３", "123"),
        ("٤٢ ४२", "42 42"),
        ("𝟙𝟚", "12"),
        ("a\u00a0b–c\u2212d", "a b-c-d"),
        ("user＠x．org", "user@x.org"),
        ("1\u200b2\u00ad3", "123"),
        ("1\ufe0f\u20e32\ufe0f\u20e3", "12"),
        ("é e\u0301 👩", "é e\u0301 👩"),
    ],
)
def test_fold(text, folded):
    assert fold(text).text == folded


def test_ascii_is_not_touched():
    text = "x" * 9
    assert fold(text) == Folded(text)


SIGNS = st.text(st.sampled_from("1２٣a–\u200b\ufe0f\u00ad💳é \U000e0041"), max_size=30)


@given(text=SIGNS, data=st.data())
def test_a_span_of_the_folded_text_is_the_span_it_came_from(text, data):
    folded = fold(text)
    if not folded.text:
        return
    start = data.draw(st.integers(0, len(folded.text) - 1))
    end = data.draw(st.integers(start + 1, len(folded.text)))
    first, last = folded.original(start, end)
    assert fold(text[first:last]).text == folded.text[start:end]
    # no invisible character is taken along at either end
    assert len(fold(text[first]).text) == len(fold(text[last - 1]).text) == 1
