"""The bare spelling keeps every place."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.detectors.normalise.bare import Bare, bare, readings
from safety.detectors.normalise.characters import INVISIBLE


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
def test_bare(text, folded):
    assert bare(text).text == folded


def test_ascii_is_not_touched():
    text = "x" * 9
    assert bare(text) == Bare(text)


def test_every_invisible_character_is_dropped():
    for code in range(sys.maxunicode + 1):
        if INVISIBLE.match(chr(code)):
            assert bare(f"4{chr(code)}2") == Bare("42", (1,)), hex(code)


def test_many_different_signs_are_replaced_like_few():
    signs = "".join(map(chr, range(0xFF01, 0xFF5F)))
    assert bare(signs).text == "".join(map(chr, range(0x21, 0x7F)))


def test_what_is_joined_is_also_read_apart():
    assert readings("1-2") == (Bare("1-2"),)
    assert [reading.text for reading in readings("x\u200b1")] == ["x1", "x\u200b1"]


SIGNS = st.text(st.sampled_from("1２٣a–\u200b\ufe0f\u00ad💳é \U000e0041"), max_size=30)


@given(text=SIGNS, data=st.data())
def test_a_span_of_the_folded_text_is_the_span_it_came_from(text, data):
    folded = bare(text)
    if not folded.text:
        return
    start = data.draw(st.integers(0, len(folded.text) - 1))
    end = data.draw(st.integers(start + 1, len(folded.text)))
    first, last = folded.original(start, end)
    assert bare(text[first:last]).text == folded.text[start:end]
    # no invisible character is taken along at either end
    assert len(bare(text[first]).text) == len(bare(text[last - 1]).text) == 1


def test_every_reading_has_the_same_spaces_and_digits():
    assert [one.text for one in readings("٤\u00a0f\u200bor")] == ["4 for", "4 f\u200bor"]
