from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.models.windows import batches, windows


@st.composite
def cuts(draw):
    size = draw(st.integers(1, 40))
    return draw(st.integers(0, 500)), size, draw(st.integers(0, size - 1))


@given(cut=cuts())
def test_no_token_is_left_out(cut):
    count, size, overlap = cut
    assert {at for window in windows(count, size, overlap) for at in range(*window)} == set(range(count))


@given(cut=cuts())
def test_windows_have_one_length_and_are_within_the_text(cut):
    count, size, overlap = cut
    (length,) = {end - start for start, end in windows(count, size, overlap)}
    assert length <= size
    assert all(0 <= start < end <= count or end == 0 == count for start, end in windows(count, size, overlap))


@given(cut=cuts())
def test_they_move_on_and_overlap(cut):
    count, size, overlap = cut
    found = windows(count, size, overlap)
    for (start, end), (later, _) in pairwise(found):
        assert start < later <= end - overlap


@given(cut=cuts())
def test_there_are_no_more_than_it_takes(cut):
    count, size, overlap = cut
    new = size - overlap
    assert len(windows(count, size, overlap)) == 1 + max(0, -((size - count) // new))


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, [(0, 0)]),
        (10, [(0, 10)]),
        (11, [(0, 7), (4, 11)]),
        (18, [(0, 10), (8, 18)]),
        (19, [(0, 8), (5, 13), (11, 19)]),
    ],
)
def test_what_does_not_fit_is_shared_out(count, expected):
    assert windows(count, 10, 2) == expected


@pytest.mark.parametrize(("size", "overlap"), [(0, 0), (5, 5), (5, -1)])
def test_windows_that_cannot_be(size, overlap):
    with pytest.raises(ValueError, match="allowed are"):
        windows(20, size, overlap)


@given(lengths=st.lists(st.integers(1, 30)), budget=st.integers(0, 100))
def test_batches_hold_everything_once_and_keep_to_the_budget(lengths, budget):
    found = batches(lengths, budget)
    assert sorted(at for batch in found for at in batch) == list(range(len(lengths)))
    for batch in found:
        assert len(batch) == 1 or len(batch) * max(lengths[at] for at in batch) <= budget


def test_similar_lengths_run_together():
    assert batches([9, 1, 10, 2], 20) == [[1, 3], [0, 2]]
    assert batches([3, 3], 0) == [[0], [1]]
    assert batches([], 10) == []
