"""Citations: which sources a claim names, and whether those bear it out."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.detectors.groundedness import Groundedness, GroundednessOptions
from safety.detectors.groundedness.citations import cited, miscited
from safety.detectors.groundedness.claims import claims_of
from safety.detectors.groundedness.comparison import Mark
from safety.detectors.groundedness.examine import Examined
from safety.types import Exchange, Finding, Origin, Segment, Stage

TOWER = "The tower is 330 metres tall. It was opened in 1889."
BRIDGE = "The bridge is 2 kilometres long. It was painted red."
BANANA = "Bananas are rich in potassium. They grow in bunches."
DETECTOR = Groundedness(GroundednessOptions(model="none", citations="verify"))


def examined(text: str, odds: float = -2.0) -> list[Examined]:
    return [Examined(claim, odds, Mark("none", 1), False) for claim in claims_of(text, 1)]


def named(text: str) -> list[list[tuple[str, list[int]]]]:
    """For each claim the brackets and the numbers in them."""
    return [[(text[a:b], numbers) for a, b, numbers in cited(text, one)] for one in examined(text)]


NAMED = [
    ("The tower is tall [1].", [("[1]", [1])]),
    ("The tower is tall. [1]", [("[1]", [1])]),
    ("The tower is tall.[1] [2]", [("[1]", [1]), ("[2]", [2])]),
    ("The tower is tall [2, 3].", [("[2, 3]", [2, 3])]),
    ("The tower is tall [2; 3 ,5].", [("[2; 3 ,5]", [2, 3, 5])]),
    ("The tower is tall [1-3].", [("[1-3]", [1, 2, 3])]),
    ("The tower is tall [1 – 3, 7].", [("[1 – 3, 7]", [1, 2, 3, 7])]),
    ("The tower is tall [3-1].", [("[3-1]", [1, 2, 3])]),
    ("The tower [1] is tall [2][3].", [("[1]", [1]), ("[2]", [2]), ("[3]", [3])]),
    ("- The tower is tall and old [4]", [("[4]", [4])]),
    ("塔高三百三十米。[1]", [("[1]", [1])]),
    ("The tower is tall [a].", []),
    ("The tower is tall [].", []),
    ("The tower is tall [1.5].", []),
    ("The tower is tall [1,].", []),
    ("The tower is tall [2023].", []),
    ("The tower is tall (1).", []),
    ("The tower is tall [[1]].", [("[1]", [1])]),
]


@pytest.mark.parametrize(("text", "brackets"), NAMED, ids=[text for text, _ in NAMED])
def test_what_is_named(text: str, brackets: list[tuple[str, list[int]]]) -> None:
    assert named(text) == [brackets]


def test_a_list_of_sources_below_is_not_the_last_claims_citation() -> None:
    assert named("The tower is tall.\n\n[1] On towers")[0] == []


def found(answer: str, *sources: str) -> list[tuple[str, str]]:
    """The brackets that are found fault with, and why."""
    documents = tuple(Segment(f"/d/{n}", Origin.DOCUMENT, text) for n, text in enumerate(sources))
    segment = Segment("/a", Origin.ASSISTANT, answer)
    (findings,) = DETECTOR.detect([Exchange("x", Stage.OUTPUT, (segment,), documents)])
    return [_said(segment, one) for one in findings if one.category == "ungrounded.citation"]


def _said(segment: Segment, finding: Finding) -> tuple[str, str]:
    assert finding.span is not None
    assert finding.score >= 0.5
    return segment.excerpt(finding.span), finding.detail


ANOTHER = "the cited source does not say it, another does"


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        ("The tower is 330 metres tall [1].", []),
        ("The tower is 330 metres tall. [1]", []),
        ("The tower is 330 metres tall [2].", ["[2]"]),
        ("The tower is 330 metres tall. [2]", ["[2]"]),
        ("The tower is 330 metres tall [1, 2].", []),
        ("The tower is 330 metres tall [1-3].", []),
        ("The tower is 330 metres tall [1]. The bridge is 2 kilometres long [1].", ["[1]"]),
        ("The tower is 330 metres tall. [1] The bridge is 2 kilometres long. [2]", []),
        ("The tower is 330 metres tall.[1;2] The bridge is 2 kilometres long. [2]", []),
    ],
)
def test_a_cited_source_must_say_it(answer: str, wrong: list[str]) -> None:
    assert found(answer, TOWER, BRIDGE, BANANA) == [(bracket, ANOTHER) for bracket in wrong]


def test_sources_named_in_one_sentence_bear_it_out_together() -> None:
    answer = "The tower is 330 metres tall [1], and the bridge is 2 kilometres long [2]."
    assert found(answer, TOWER, BRIDGE, BANANA) == []


@pytest.mark.parametrize("bracket", ["[0]", "[4]", "[1, 9]", "[2-4]", "[999]"])
def test_numbers_beyond_the_sources(bracket: str) -> None:
    why = "no such source: there are 3"
    assert found(f"The tower is 330 metres tall {bracket}.", TOWER, BRIDGE, BANANA) == [(bracket, why)]


def test_a_wrong_number_does_not_spoil_the_right_one() -> None:
    answer = "The tower is 330 metres tall [1] [7]."
    assert [bracket for bracket, _ in found(answer, TOWER, BRIDGE)] == ["[7]"]


def test_what_no_source_bears_out_is_not_blamed_on_the_citation() -> None:
    assert found("The tower is 350 metres tall [2].", TOWER, BRIDGE) == []


@pytest.mark.parametrize(
    ("brackets", "asked", "wrong"),
    [
        ("[2, 3]", [1, 2], ["[2, 3]"]),
        ("[2][3]", [1, 2], ["[2]", "[3]"]),
        ("[3] [2]", [1, 2], ["[3]", "[2]"]),
        ("[2-4]", [1, 2], ["[2-4]"]),
        ("[2] [9]", [1], ["[2]", "[9]"]),
    ],
)
def test_brackets_that_do_not_bear_it_out_together_are_all_wrong(
    brackets: str, asked: list[int], wrong: list[str]
) -> None:
    def score(_: Examined, numbers: Sequence[int]) -> float:
        assert list(numbers) == asked
        return 0.7

    text = f"The tower is tall {brackets}."
    said = [(text[one.start : one.end], one.score) for one in miscited(text, examined(text), 3, score)]
    beyond = ("[2-4]", "[9]")
    assert said == [(bracket, 1.0 if bracket in beyond else 0.7) for bracket in wrong]


def test_each_claim_is_judged_once_however_many_brackets_it_has() -> None:
    text = f"The tower is tall {'[1]' * 50}."
    asked: list[Sequence[int]] = []

    def score(_: Examined, numbers: Sequence[int]) -> float:
        asked.append(numbers)
        return 0.9

    assert len(list(miscited(text, examined(text), 2, score))) == 50
    assert asked == [[0]]


HOSTILE = {
    "digits": f"The tower is tall [{'9' * 100_000}].",
    "numbers": f"The tower is tall [{'1-999,' * 20_000}1].",
    "open": f"The tower is tall {'[' * 100_000}",
    "open with digits": f"The tower is tall {'[1' * 30_000}",
    "nested": f"The tower is tall {'[' * 50_000}1{']' * 50_000}.",
    "behind": f"The tower is tall.{' [1]' * 20_000}",
    "blanks": f"The tower is tall. {' ' * 100_000}[1{' ' * 100_000}",
    "half open": f"The tower is tall.{' [1 ' * 20_000}",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_brackets_are_read_fast(text: str) -> None:
    claims = examined(text)
    begun = time.process_time()
    wrong = list(miscited(text, claims, 3, lambda *_: 0.0))
    assert time.process_time() - begun < 1
    assert all(text[one.start] == "[" and text[one.end - 1] == "]" for one in wrong)


@given(st.text("[]0123 ,;-–.\na", max_size=200), st.integers(0, 5))
def test_places_are_brackets_and_in_order(text: str, count: int) -> None:
    last = 0
    for one in miscited(text, examined(text), count, lambda *_: 1.0):
        assert last <= one.start < one.end <= len(text)
        assert text[one.start] + text[one.end - 1] == "[]"
        last = one.end
