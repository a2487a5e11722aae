"""Sentence boundaries: what they are, and that a growing text never takes one back."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from safety.sentences import boundaries, ends_unspaced


def sentences(text: str) -> list[str]:
    """``text`` cut at its boundaries."""
    ends = boundaries(text, final=True)
    return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]


# One row per text; "|" stands where a boundary is expected.
WRITTEN = [
    "It rained. |It stopped! |Did it? |Yes.",
    "Dr. Smith met Mrs. Jones. |They talked.",
    "Use a tool, e.g. a saw, i.e. this one. |Good.",
    "J. R. R. Tolkien wrote it. |C. S. Lewis read it.",
    "He lives in the U.S. |The winters are cold.",
    "He lives in the U.S. Virgin Islands.",
    "See No. 5 and fig. 3. |Then p. 12.",
    "Acme Inc. Berlin is small. |Acme Inc. |The firm is old.",
    "It costs 3.5 dollars and runs 1.2.3. |Good.",
    "It happened in 2024. |The year was dry.",
    "Wait... what? |Well... |Now go.",
    "Really?! |Yes!! |Good.",
    'He said "Stop." |Then he left.',
    '"Why?" she asked. |(Nobody knew.) |He left.',
    "**Bold claim.** |Next *one.* |Last",
    "The tower is 330 m tall. [1] |It is old.[2][3] |It stands. [1, 4–6] |End",
    "Am 12. März 2024 kam z. B. Herr Müller. |Im 19. Jahrhundert nicht.",
    "El Sr. García, p. ej. Juan, vino. |¿Qué tal? |¡Muy bien! |Sí.",
    "M. Dupont est là. |Il attend.",
    "今日は晴れ。|明日は雨！|本当？|はい",
    "「本当？」と彼は言った。|「はい。」|終わり",
    "他说：“好。”|然后走了。[1]|完",
    "Intro:\n|1. First item. |More.\n|2. Second\n|- third\n\n|a. fourth\n|End",
    "## 2.1. Heading\n|Text",
    "```py\n|x = a.b\n|```\n|Done",
    "A paragraph that is\nwrapped at the margin,\nand goes on.\n|Another one",
    "A line\r\nthat wraps.\r\n|A new one",
    "An item\n\n|in lower case",
    "Visit example.com. |Then write to a.b@example.org.",
    "It is version 2.0 (see sect. 4.). |It works.",
    "यह सच है। |वह झूठ है।",
    "He spoke to me. |Then to us.",
]


@pytest.mark.parametrize("written", WRITTEN)
def test_where_sentences_end(written: str) -> None:
    assert sentences(written.replace("|", "")) == written.split("|")


# Decided the safe way (no boundary, or one more) because knowing better takes a parser.
@pytest.mark.parametrize(
    "written", ["He ended it.She began.", "We chose plan B. Nobody liked it.", "The foobarabbr. |Smith case."]
)
def test_known_misses(written: str) -> None:
    assert sentences(written.replace("|", "")) == written.split("|")


def test_a_stop_at_the_end_of_the_text_so_far_is_not_yet_one() -> None:
    assert boundaries("One. Two.") == [5]
    assert boundaries("One. Two. ") == [5]
    assert boundaries("One. Two. T") == [5, 10]
    assert boundaries("One. Two.", final=True) == [5, 9]


def test_a_citation_and_an_unfinished_word_are_waited_for() -> None:
    assert boundaries("It is so. [") == []
    assert boundaries("It is so. [1] ") == []
    assert boundaries("It is so. [1] N") == [14]
    assert boundaries("In the U.S. Th") == []
    assert boundaries("In the U.S. The ") == [12]


def test_rows_of_a_table_are_units() -> None:
    assert sentences("| a. b | c. |\n| d | e. |\n") == ["| a. b | c. |\n", "| d | e. |\n"]


def test_nothing_and_white_space() -> None:
    assert boundaries("", final=True) == []
    assert boundaries(" ", final=True) == [1]
    assert boundaries("One.", 4, final=True) == []


WORDS = "Dr U.S No e.g März The word Word 12 3.5 1 A a é II"
SIGNS = '。 ？ 」 「 と । . .. ! ? … " ) ( * [ [1] ] ; | ``` ,'
SPACES = [" ", "  ", "\n", "\r\n", "\n\n", "\u2028", "\u00a0", "\n- ", "1. "]
PIECES = st.sampled_from([*WORDS.split(), *SIGNS.split(), *SPACES])
TEXTS = st.lists(PIECES, max_size=30).map("".join) | st.text(max_size=60)


@settings(max_examples=400, deadline=None)
@given(TEXTS)
@example("In the U.S. The end. [1] Ok")
def test_no_prefix_says_what_the_whole_does_not(text: str) -> None:
    whole = boundaries(text, final=True)
    seen: set[int] = set()
    for length in range(len(text) + 1):
        found = boundaries(text[:length])
        assert seen <= set(found), "a boundary was taken back"
        seen = set(found)
    assert seen <= set(whole)


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.data())
def test_resuming_from_a_boundary_gives_the_rest(text: str, data: st.DataObject) -> None:
    whole = boundaries(text, final=True)
    start = data.draw(st.sampled_from([0, *whole]))
    rest = [end for end in whole if end > start]
    assert boundaries(text, start, final=True) == rest
    assert [start + end for end in boundaries(text[start:], final=True)] == rest


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_any_chunking_cuts_alike(text: str, sizes: list[int]) -> None:
    ends: list[int] = []
    length = 0
    for step in range(len(text)):
        length = min(length + sizes[step % len(sizes)], len(text))
        ends += boundaries(text[:length], ends[-1] if ends else 0)
    ends += boundaries(text, ends[-1] if ends else 0, final=True)
    assert ends == boundaries(text, final=True)


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_boundaries_partition_the_text(text: str) -> None:
    assert "".join(sentences(text)) == text
    for end in boundaries(text):
        assert not text[end].isspace()


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_a_sentence_of_a_growing_text_ends_in_a_blank_or_unspaced(text: str) -> None:
    ends = boundaries(text)
    for start, end in zip([0, *ends], ends, strict=False):
        assert text[end - 1].isspace() or ends_unspaced(text[start:end])
