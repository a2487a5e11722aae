"""Offset maps: pieces, whole passages, reversal, and composition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.detectors.normalise import View
from safety.detectors.normalise.view import Late, Pieces, Reversed, Whole


def test_pieces_copy_one_to_one_and_replace_as_a_whole() -> None:
    pieces = Pieces()  # "abc%41d" -> "abcAd"
    pieces.copy(3)
    pieces.replace(1, 3)
    pieces.copy(1)
    assert [pieces(i, i + 1) for i in range(5)] == [(0, 1), (1, 2), (2, 3), (3, 6), (6, 7)]
    assert pieces(2, 4) == (2, 6)


def test_dropped_text_is_covered_only_from_both_sides() -> None:
    pieces = Pieces()  # "a.b" -> "ab"
    pieces.copy(1)
    pieces.drop(1)
    pieces.copy(1)
    assert (pieces(0, 1), pieces(1, 2), pieces(0, 2)) == ((0, 1), (2, 3), (0, 3))


def test_a_widened_piece_stands_for_more() -> None:
    pieces = Pieces()  # " \x00 x" -> " x"
    pieces.replace(1, 1)
    pieces.drop(1)
    pieces.widen(1)
    pieces.copy(1)
    assert (pieces(0, 1), pieces(1, 2)) == ((0, 3), (3, 4))


@pytest.mark.parametrize(("at", "expected"), [(0, (2, 2)), (1, (3, 3)), (2, (4, 4))])
def test_an_empty_range_stays_empty(at: int, expected: tuple[int, int]) -> None:
    pieces = Pieces(2)
    pieces.copy(2)
    assert pieces(at, at) == expected


def test_an_empty_map_has_one_place() -> None:
    assert Pieces()(0, 0) == (0, 0)


def test_whole_and_reversed() -> None:
    assert (Whole(3, 9)(1, 2), Whole(3, 9)(1, 1)) == ((3, 9), (3, 3))
    assert Reversed(10)(0, 3) == (7, 10)


def test_late_makes_its_map_once() -> None:
    made: list[Pieces] = []

    def make() -> Pieces:
        pieces = Pieces(5)
        pieces.copy(2)
        made.append(pieces)
        return pieces

    late = Late(make)
    assert (late(0, 1), late(1, 2), len(made)) == ((5, 6), (6, 7), 1)


@pytest.mark.parametrize(
    ("kind", "encoded"),
    [("text", False), ("joined", False), ("joined+leet", False), ("base64", True), ("url+leet", True)],
)
def test_which_views_came_out_of_an_encoding(kind: str, encoded: bool) -> None:
    assert View("x", kind).encoded is encoded


@given(
    st.lists(st.tuples(st.sampled_from(["copy", "replace", "drop"]), st.integers(1, 4), st.integers(1, 4)))
)
def test_pieces_agree_with_a_table(steps: list[tuple[str, int, int]]) -> None:
    pieces, table, at = Pieces(), [], 0
    for step, made, read in steps:
        if step == "copy":
            pieces.copy(made)
            table += [(at + i, at + i + 1) for i in range(made)]
            at += made
        elif step == "replace":
            pieces.replace(made, read)
            table += [(at, at + read)] * made
            at += read
        else:
            pieces.drop(read)
            at += read
    for start in range(len(table)):
        for end in range(start + 1, len(table) + 1):
            assert pieces(start, end) == (table[start][0], table[end - 1][1])
