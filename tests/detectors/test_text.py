from __future__ import annotations

import base64
import sys
from itertools import pairwise
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from safety.detectors.text import best, common_prefix, encodable, fold_case, from_base64

ANY = st.text(st.characters(exclude_categories=()), max_size=40)


class Found(NamedTuple):
    start: int
    end: int
    score: float
    name: str = ""


@given(ANY)
def test_encodable_is_as_long_and_has_an_encoding(text):
    safe = encodable(text)
    assert len(safe) == len(text)
    assert safe.encode().decode() == safe
    assert all(
        a == b or (b == "\ufffd" and 0xD800 <= ord(a) < 0xE000) for a, b in zip(text, safe, strict=True)
    )


def test_every_character_keeps_its_place_when_folded():
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    assert all(len(fold_case(char)) == 1 for char in every)
    assert fold_case(every) == "".join(map(fold_case, every))


def test_fold_case():
    assert fold_case("AÉΣς") == "aéσσ"
    assert fold_case("Straße İ ﬁ ẞ") == "straße i ﬁ ß"


@given(st.binary(max_size=40), st.sampled_from((base64.b64encode, base64.urlsafe_b64encode)), st.booleans())
def test_base64_comes_back_padded_or_not_in_either_alphabet(data, encode, padded):
    text = encode(data).decode()
    assert from_base64(text if padded else text.rstrip("=")) == data


@given(st.text("Aa0+/-_=", max_size=40).map(lambda text: text.rstrip("=").replace("=", "")))
def test_any_letters_of_base64_are_bytes(text):
    assert len(from_base64(text)) == len(text) * 3 // 4


@given(st.text("ab", max_size=6), st.text("ab", max_size=6))
def test_common_prefix(one, other):
    size = common_prefix(one, other)
    assert one[:size] == other[:size]
    assert one[size : size + 1] != other[size : size + 1] or size == len(one) == len(other)
    assert common_prefix(one.encode(), other.encode()) == size


def test_best_keeps_the_surest_then_the_longest():
    a, b, c = Found(0, 5, 0.5), Found(3, 9, 0.9), Found(9, 12, 0.5)
    d, e = Found(20, 25, 0.5), Found(20, 28, 0.5)
    assert best([e, d, c, b, a]) == [b, c, e]
    assert best([]) == []


def test_best_lets_two_short_ones_stand_beside_a_lost_long_one():
    long, left, right = Found(0, 20, 0.5), Found(0, 8, 0.6), Found(12, 20, 0.6)
    assert best([long, left, right]) == [left, right]


def test_best_of_equals_is_the_first_given():
    one, other = Found(0, 5, 0.5, "one"), Found(0, 5, 0.5, "other")
    assert best([one, other]) == [one]
    assert best([other, one]) == [other]


PLACES = st.builds(
    lambda start, size, score: Found(start, start + size, score),
    st.integers(0, 20),
    st.integers(1, 6),
    st.sampled_from((0.3, 0.6, 0.9)),
)


@given(st.lists(PLACES, max_size=12))
def test_what_best_leaves_out_overlaps_something_as_sure(found):
    kept = best(found)
    assert all(a.end <= b.start for a, b in pairwise(kept))
    for one in found:
        rivals = [k for k in kept if k.start < one.end and one.start < k.end]
        assert any(k.score >= one.score for k in rivals)
