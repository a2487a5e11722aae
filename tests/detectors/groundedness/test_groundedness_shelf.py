"""How many indexes are kept."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from safety.detectors.groundedness.shelf import Shelf


def test_the_same_sources_are_read_once() -> None:
    shelf = Shelf()
    assert shelf.index(("It is tall.",)) is shelf.index(["It is tall."])
    assert shelf.index(("It is tall.", "")) is not shelf.index(["It is tall."])


def test_the_newest_stays_whatever_its_size() -> None:
    shelf = Shelf(kept=10)
    first = shelf.index(("It is very tall indeed.",))
    assert shelf.index(("It is very tall indeed.",)) is first
    shelf.index(("Short.",))
    assert shelf.index(("It is very tall indeed.",)) is not first


@given(st.lists(st.text("ab .", max_size=30), max_size=12))
def test_what_is_kept_is_bounded(texts: list[str]) -> None:
    shelf = Shelf(kept=40)
    for text in texts:
        shelf.index((text,))
        assert shelf.characters <= max(40, len(text))
