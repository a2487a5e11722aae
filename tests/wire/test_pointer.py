from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.wire import pointer

BODY = {"a": [{"b": "one"}, {"b": "two", "c/d": {"~": "three"}}], "e": 5}


@pytest.mark.parametrize(
    ("spelt", "tokens"),
    [("", ()), ("/", ("",)), ("/a/0", ("a", "0")), ("/a~1b", ("a/b",)), ("/~01", ("~1",)), ("/~0", ("~",))],
)
def test_tokens(spelt: str, tokens: tuple[str, ...]) -> None:
    assert pointer.tokens(spelt) == tokens


def test_a_pointer_begins_with_a_slash() -> None:
    with pytest.raises(ValueError, match="must be empty or begin with"):
        pointer.tokens("a/b")


@given(st.lists(st.text()))
def test_escape_and_tokens_are_inverse(parts: list[str]) -> None:
    assert list(pointer.tokens("".join(f"/{pointer.escape(part)}" for part in parts))) == parts


def test_strings_in_document_order() -> None:
    assert list(pointer.strings(BODY)) == [("/a/0/b", "one"), ("/a/1/b", "two"), ("/a/1/c~1d/~0", "three")]


@pytest.mark.parametrize(
    ("pattern", "places"),
    [
        ("/a/*/b", ["/a/0/b", "/a/1/b"]),
        ("/a/1/c~1d", ["/a/1/c~1d"]),
        ("/*/0", ["/a/0"]),
        ("/a/7/b", []),
        ("/e/x", []),
        ("", [""]),
    ],
)
def test_expand(pattern: str, places: list[str]) -> None:
    assert [place for place, _ in pointer.expand(BODY, pattern)] == places
