"""From answers to pairs: every claim gets its own marks, at its own places."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.detectors.groundedness.claims import claims_of
from safety.training.grounding.answers import Answer, Wrong
from safety.training.grounding.pairs import LEAST, Labelled, labelled

SOURCE = "The tower in Lyon was built in 1890 by Anna Berg. It is 60 metres high and has two lifts."
RIGHT = "The tower in Lyon was built in 1890."
FALSE = "Anna Berg gave it four lifts."


def answer(text: str, *wrong: str, marked: bool = True, contradicts: bool | None = True) -> Answer:
    places = tuple(Wrong(text.index(one), text.index(one) + len(one), contradicts) for one in wrong)
    return Answer((SOURCE,), "Who built the tower?", text, places, marked, "org/a")


def marks(one: Labelled) -> list[str]:
    return [one.pair.claim[wrong.start : wrong.end] for wrong in one.wrong]


def test_each_claim_has_the_marks_that_stand_in_it() -> None:
    given_ = answer(f"{RIGHT} {FALSE} Hope this helps!", "four")
    first, second = labelled(given_)
    assert (first.pair.claim, first.wrong, first.exact, first.contradicts) == (RIGHT, (), True, None)
    assert (second.pair.claim, marks(second), second.exact, second.contradicts) == (
        FALSE,
        ["four"],
        True,
        True,
    )
    assert second.start == len(RIGHT) + 1
    assert second.answer is given_
    assert second.source == "org/a"


def test_a_sentence_is_split_at_a_semicolon_and_so_are_its_marks() -> None:
    text = "The tower was built in 1790; it has two lifts and is 50 metres high."
    first, second = labelled(answer(text, "1790", "50"))
    assert (first.pair.claim, marks(first)) == ("The tower was built in 1790", ["1790"])
    assert (second.pair.claim, marks(second)) == ("it has two lifts and is 50 metres high.", ["50"])


def test_a_mark_over_two_claims_is_cut_between_them() -> None:
    text = f"{RIGHT} {FALSE}"
    first, second = labelled(answer(text, "1890. Anna Berg"))
    assert (marks(first), marks(second)) == (["1890."], ["Anna Berg"])


def test_a_mark_between_claims_is_of_none() -> None:
    text = f"{RIGHT} Right? {FALSE}"
    assert [marks(one) for one in labelled(answer(text, "Right?"))] == [[], []]


@pytest.mark.parametrize("contradicts", [True, False, None])
def test_a_whole_labelled_answer_is_one_claim_whose_wrong_words_nobody_knows(
    contradicts: bool | None,
) -> None:
    text = f"{RIGHT} {FALSE}"
    (one,) = labelled(answer(text, text, marked=False, contradicts=contradicts))
    assert (one.pair.claim, one.start, one.exact) == (text, 0, False)
    assert one.contradicts is contradicts


def test_of_a_whole_labelled_answer_that_is_borne_out_every_word_is() -> None:
    (one,) = labelled(answer(RIGHT, marked=False))
    assert (one.exact, one.wrong) == (True, ())


def test_a_claim_contradicts_when_one_of_its_marks_does() -> None:
    wrong = (Wrong(0, 4, False), Wrong(10, 19, True), Wrong(20, 24, None))
    (one,) = labelled(Answer((SOURCE,), "", FALSE, wrong, True, "org/a"))
    assert one.contradicts is True


def test_without_sources_there_is_nothing_to_learn() -> None:
    assert list(labelled(Answer(("", " . "), "", RIGHT, (), True, "org/a"))) == []


def test_a_short_answer_brings_its_question_along() -> None:
    (one,) = labelled(answer("Anna Berg"))
    assert (one.pair.claim, one.pair.before) == ("Anna Berg", "Who built the tower?")


SENTENCES = st.lists(
    st.sampled_from(
        [RIGHT, FALSE, "- It opened on 3 May 1890; the mayor was there too [1].", "## Tower", "Sure!"]
    )
    | st.text(max_size=20),
    max_size=5,
)


@given(SENTENCES.map(" ".join), st.data())
def test_marks_are_inside_their_claims_and_say_what_was_marked(text: str, data: st.DataObject) -> None:
    places = st.tuples(st.integers(0, max(0, len(text) - 1)), st.integers(1, 12))
    drawn = data.draw(st.lists(places, max_size=4)) if text else []
    wrong = tuple(Wrong(start, min(len(text), start + long), True) for start, long in drawn)
    found = list(labelled(Answer((SOURCE,), "", text, wrong, True, "org/a")))
    assert len(found) == len(list(claims_of(text, LEAST, alone=True)))
    for one in found:
        assert text[one.start : one.start + len(one.pair.claim)] == one.pair.claim
        assert all(0 <= w.start < w.end <= len(one.pair.claim) for w in one.wrong)
        inside = {at for w in wrong for at in range(w.start, w.end)}
        mine = {one.start + at for w in one.wrong for at in range(w.start, w.end)}
        assert mine == inside & set(range(one.start, one.start + len(one.pair.claim)))
