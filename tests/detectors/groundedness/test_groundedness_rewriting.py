"""An answer written anew: only the places of its claims change."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.detectors.groundedness.claims import claims_of
from safety.detectors.groundedness.comparison import Mark
from safety.detectors.groundedness.examine import Examined, ungrounded_share
from safety.detectors.groundedness.index import Evidence, Unit
from safety.detectors.groundedness.passage import read
from safety.detectors.groundedness.rewriting import cited_text, corrected_text

MARK = Mark("negation", 1, "not so")
CITATION = re.compile(r" \[\d+\]")

texts = st.text(st.sampled_from("abcXY 12.;!?\n|-*\"')(。漢"), max_size=200)
sentences = st.lists(
    st.sampled_from(
        (
            "The tower is tall. ",
            "It is 330 metres; the bridge is much older. ",
            "- Anna sold the house\n",
            "| name | Blue Spice |\n",
            "Ben lives in the U.S. ",
            "Is that so? ",
            "“Nobody said that.” ",
            "这座桥全长36公里。",
            "\n\n",
            "He came with Anna in 1990 ",
        )
    ),
    max_size=8,
).map("".join)


def evidence(source: int) -> Evidence:
    unit = Unit(source, read("x"), frozenset(), frozenset(), False)
    return Evidence(unit, (unit,), (unit,), frozenset(), frozenset())


def examined(text: str, wrong: str = "", source: int | None = 0) -> list[Examined]:
    """The claims of a text; those with ``wrong`` in them are not borne out."""
    found = None if source is None else evidence(source)
    return [
        Examined(
            claim, 3.0 if wrong and wrong in text[claim.start : claim.end] else -3.0, MARK, True, (), found
        )
        for claim in claims_of(text, 1, alone=True)
    ]


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, list[Examined]]:
    """A text with its claims, each borne out or not by chance."""
    text = draw(texts | sentences)
    odds = st.floats(-5, 5)
    source = st.none() | st.integers(0, 11).map(evidence)
    return text, [
        Examined(claim, draw(odds), MARK, True, (), draw(source)) for claim in claims_of(text, 1, alone=True)
    ]


def letters(text: str) -> str:
    """What is neither blank nor a mark between sentences."""
    return re.sub(r"[\s;.!?。]", "", text)


def outside(text: str, found: list[Examined], instead: str) -> str:
    """The text with ``instead`` in the place of each claim that is not borne out."""
    done, at = "", 0
    for one in (one for one in found if one.ungrounded):
        done, at = done + text[at : one.claim.start] + instead, one.claim.end
    return done + text[at:]


@given(cases())
def test_a_correction_changes_its_claim_alone(case: tuple[str, list[Examined]]) -> None:
    text, found = case
    assert corrected_text(text, found, lambda one: "<new>") == outside(text, found, "<new>")


@given(cases())
def test_what_is_left_out_takes_nothing_along_but_what_set_it_off(case: tuple[str, list[Examined]]) -> None:
    text, found = case
    left = corrected_text(text, found, lambda one: None)
    assert letters(left) == letters(outside(text, found, ""))
    assert len(left) <= len(text)
    if not any(one.ungrounded for one in found):
        assert left == text


@given(cases())
def test_without_its_citations_the_text_is_what_it_was(case: tuple[str, list[Examined]]) -> None:
    text, found = case
    cited = cited_text(text, found)
    assert CITATION.sub("", cited) == text
    due = [one for one in found if not one.ungrounded and one.evidence is not None]
    assert len(CITATION.findall(cited)) == len(due)


@given(cases())
def test_what_is_not_borne_out_gets_no_citation(case: tuple[str, list[Examined]]) -> None:
    text, found = case
    assert cited_text(text, [one for one in found if one.ungrounded]) == text


@given(cases())
def test_the_share_is_one_of_the_text(case: tuple[str, list[Examined]]) -> None:
    text, found = case
    share = ungrounded_share(text, found)
    assert 0 <= share <= 1
    assert (share > 0) is any(one.ungrounded for one in found)


def test_the_share_counts_characters_without_the_blanks_around() -> None:
    text = " The bad one. The good one.  \n"
    assert ungrounded_share(text, examined(text, "bad")) == len("The bad one.") / len(text.strip())
    assert ungrounded_share("  the bad phrase", examined("  the bad phrase", "bad")) == 1.0
    assert ungrounded_share(" ", []) == 0.0


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("One is bad here.", ""),
        ("One is bad here.\n", "\n"),
        ("One is fine here. Two is bad here.", "One is fine here."),
        ("One is bad here. Two is fine here.", "Two is fine here."),
        ("One is fine here. Two is bad here. Three is bad here.", "One is fine here."),
        ("One is fine here. Two is bad here.\n\nThree is fine.", "One is fine here.\n\nThree is fine."),
        ("One is fine here.\n\nTwo is bad here.\n\nThree is fine.", "One is fine here.\n\nThree is fine."),
        ("- One is fine here\n- Two is bad here\n- Three is fine", "- One is fine here\n- Three is fine"),
        ("- One is fine here\n- Two is bad here", "- One is fine here"),
        ("One is all right here; two is very bad here.", "One is all right here."),
        ("One is all right here; two is very bad here. Go on.", "One is all right here. Go on."),
        ("One is very bad here; two is all right here.", "two is all right here."),
        (
            "One is all right here; two is very bad here; three is all right again.",
            "One is all right here; three is all right again.",
        ),
    ],
)
def test_what_is_left_reads_on(text: str, left: str) -> None:
    assert corrected_text(text, examined(text, "bad"), lambda one: None) == left


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("The tower is tall.", "The tower is tall [3]."),
        ("The tower is tall", "The tower is tall [3]"),
        ("The tower is tall! It is old.", "The tower is tall [3]! It is old [3]."),
        ("The tower is tall …", "The tower is tall [3] …"),
        ("(The tower is tall.)", "(The tower is tall [3].)"),
        ("**The tower is tall.**", "**The tower is tall [3].**"),
        ("The tower is old (1889).", "The tower is old (1889) [3]."),
        ("Ben lives in the U.S.", "Ben lives in the U.S. [3]"),
        ("| tower | tall |", "| tower | tall [3] |"),
        ("这座桥全长36公里。", "这座桥全长36公里 [3]。"),
        (
            "One is all right here; two is all right too.",
            "One is all right here [3]; two is all right too [3].",
        ),
        ("The tower is tall [3].", "The tower is tall [3]."),
        ("The tower is tall. [1, 3]", "The tower is tall. [1, 3]"),
        ("The tower is tall [1-4].", "The tower is tall [1-4]."),
        ("The tower is tall [1].", "The tower is tall [1][3]."),
        ("The tower is tall. [1]", "The tower is tall. [1][3]"),
        ("The list [1] says the tower is tall.", "The list [1] says the tower is tall [3]."),
        ("Is it tall?", "Is it tall?"),
    ],
)
def test_citations(text: str, cited: str) -> None:
    assert cited_text(text, examined(text, source=2)) == cited
    assert cited_text(cited, examined(cited, source=2)) == cited  # none is doubled


def test_no_citation_without_evidence_or_for_what_is_not_borne_out() -> None:
    assert cited_text("The tower is bad.", examined("The tower is bad.", "bad")) == "The tower is bad."
    assert (
        cited_text("The tower is tall.", examined("The tower is tall.", source=None)) == "The tower is tall."
    )
