"""Word pieces remembered by word are the library's own."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from safety.models import pieces as room
from safety.models.card import TOKENIZER, WEIGHTS
from safety.models.pieces import Pieces

SHIPPED = WEIGHTS / "guard" / TOKENIZER
WORDS = [
    "ignore",
    "unbelievable",
    "[SEP]",
    "[CLS]",
    "[sep]",
    "x" * 120,
    "don't",
    "a_b",
    "\x00",
    "\x1b[0m",
    "\t",
    "naïve",
]
TEXTS = st.lists(
    st.sampled_from(WORDS) | st.text(string.printable, max_size=12) | st.text(max_size=8), max_size=12
).flatmap(lambda parts: st.sampled_from(["", " ", "\n", "-"]).map(lambda joint: joint.join(parts)))


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(SHIPPED))


@pytest.fixture(scope="module")
def shared(tokenizer: Tokenizer) -> Pieces:
    return Pieces(tokenizer)


@given(TEXTS.filter(lambda text: text.isprintable() or text.isascii()))
def test_ids_are_those_of_the_library(shared: Pieces, tokenizer: Tokenizer, text: str) -> None:
    assert shared.ids(text).tolist() == tokenizer.encode(text, add_special_tokens=False).ids


def test_a_place_covers_its_tokens(shared: Pieces) -> None:
    text = "Zuerst unbelievable things, naïve ones"
    at = shared.ids(text).tolist().index(shared.ids("things").tolist()[0])
    start, end = shared.place(text, at, at + 1)
    assert text[start:end] == "things"


@given(
    st.lists(st.sampled_from(["ignore", "unbelievable", "don't", "a-b"]), min_size=1, max_size=30), st.data()
)
def test_places_of_plain_text_are_those_of_whole_words(
    shared: Pieces, tokenizer: Tokenizer, words: list[str], data: st.DataObject
) -> None:
    text = " ".join(words)
    offsets = tokenizer.encode(text, add_special_tokens=False).offsets
    start = data.draw(st.integers(0, len(offsets) - 1))
    end = data.draw(st.integers(start + 1, len(offsets)))
    low, high = shared.place(text, start, end)
    assert low <= offsets[start][0]
    assert high >= offsets[end - 1][1]
    assert low == 0 or not (text[low - 1].isalnum() and text[low].isalnum())
    assert high == len(text) or not (text[high - 1].isalnum() and text[high].isalnum())


def test_half_a_character_is_read(shared: Pieces) -> None:
    assert len(shared.ids("a \ud800 b")) >= 2


def test_the_memory_is_bounded(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "REMEMBERED", 3)
    small = Pieces(tokenizer)
    for word in ("one", "two", "three", "four", "one"):
        assert small.ids(word).tolist() == tokenizer.encode(word, add_special_tokens=False).ids
        assert len(small._known) <= 3


def test_the_tokenizer_that_ships_is_there() -> None:
    assert Path(SHIPPED).is_file()
