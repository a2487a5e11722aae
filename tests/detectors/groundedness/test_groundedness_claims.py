"""What of an answer is a claim."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.detectors.groundedness.claims import claims_of


def claims(text: str) -> list[str]:
    return [text[claim.start : claim.end] for claim in claims_of(text, 2)]


@pytest.mark.parametrize(
    "text",
    [
        "Hello!",
        "Sure, happy to help.",
        "How tall is the old tower?",
        "I'm sorry, but I can't find that in the documents.",
        "The documents do not mention the price.",
        "There is no information about opening hours.",
        "I think blue suits the room better.",
        "Please let me know if you need anything else.",
        "As an AI language model, opinions are not my thing.",
        "# Results of the trial",
        "Here are the main points:",
        "```python",
        "total = price == other;",
        "Leider kann ich das nicht beantworten.",
        "抱歉，我不知道。",
        "It is.",
    ],
)
def test_no_claim(text: str) -> None:
    assert claims(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "The tower is 330 metres tall.",
        "- The tower is tall and old",
        "1. Opened in 1889",
        "| Height | 330 m |",
        "We are open from 9 to 5.",
        "Click the blue button and choose a folder.",
        "Please pay 12 euros at the desk.",
        "这座桥全长36公里。",
    ],
)
def test_a_claim_is_the_whole_line(text: str) -> None:
    assert claims(text) == [text]


def test_sentences_and_clauses() -> None:
    text = "The tower is very tall; the bridge is quite long. Both are old!"
    assert claims(text) == ["The tower is very tall", "the bridge is quite long."]
    assert claims("Red; green; blue things.") == ["Red; green; blue things."]


def test_what_the_source_says_is_the_claim_without_saying_so() -> None:
    (claim,) = claims_of("According to the document, the tower is tall.", 2)
    assert [word.lower for word in claim.passage.words] == ["the", "tower", "is", "tall"]


def test_a_phrase_is_a_claim_if_it_is_all_there_is() -> None:
    (claim,) = claims_of("Arden Vale", 2, alone=True)
    assert (claim.start, claim.end, claim.bare) == (0, 10, True)
    for text in ("Arden Vale ", "Arden Vale:", "It is tall. Arden Vale", "Yes", "Arden Vale?", "阿登谷。`"):
        assert not any(claim.bare for claim in claims_of(text, 2, alone=True)), text
    assert list(claims_of("Arden Vale", 2)) == []


def test_the_sentence_before_comes_along_if_it_is_near() -> None:
    text = f"Acme makes kites. It was founded in 1987. {'It is very old, ' * 20}indeed. It is in Lyon now."
    before = [claim.before and text[slice(*claim.before)] for claim in claims_of(text, 2)]
    assert before == [None, "Acme makes kites. ", "It was founded in 1987. ", None]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80) | st.text("ab1.;:!? \n-*#|\"'", max_size=80))
def test_claims_are_in_order_and_apart(text: str) -> None:
    last = 0
    for claim in claims_of(text, 1):
        assert last <= claim.start < claim.end <= len(text)
        assert claim.start <= claim.passage.start <= claim.passage.end == claim.end
        last = claim.end
