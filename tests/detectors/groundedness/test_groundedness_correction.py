"""What is offered in an ungrounded claim's place, and that it is plainly borne out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.detectors.groundedness import Groundedness, GroundednessOptions
from safety.detectors.groundedness.correction import PLAIN, TASK, Corrector
from safety.detectors.groundedness.examples import NEGATIVES, POSITIVES
from safety.detectors.groundedness.writer import Failed, Wanted, Writer
from safety.types import Exchange, Origin, Segment, Stage

DETECTOR = Groundedness(GroundednessOptions(model="none", correction="extract"))
TOWER = (
    "The Eiffel Tower is 330 metres tall and stands in Paris. It was completed on 31 March 1889. "
    "Gustave Eiffel's company built it."
)


@dataclass
class Says:
    """A writer with one answer for everything; remembers what it was asked."""

    reply: str | Failed
    asked: list[Wanted] = field(default_factory=list)

    def write(self, wanted: Sequence[Wanted]) -> list[str | Failed]:
        self.asked += wanted
        return [self.reply for _ in wanted]


def offered(answer: str, *sources: str, writer: Writer | None = None) -> list[str | None]:
    """What is offered for each claim that is not borne out."""
    documents = tuple(Segment(f"/d/{n}", Origin.DOCUMENT, text) for n, text in enumerate(sources))
    exchange = Exchange("x", Stage.OUTPUT, (Segment("/a", Origin.ASSISTANT, answer),), documents)
    _, read = DETECTOR.sources(exchange)
    corrector = Corrector(read, lambda text: DETECTOR.worst(text, read), writer)
    return [corrector.correction(answer, one) for one in DETECTOR.examined(answer, read) if one.score >= 0.5]


SUBSTITUTED = [
    ("The Eiffel Tower is 350 metres tall.", "The Eiffel Tower is 330 metres tall."),
    ("The Eiffel Tower is 350 metres tall and stands in Paris!", None),
    ("It was completed on 31 March 1899.", "It was completed on 31 March 1889."),
    ("The Eiffel Tower is 330 metres tall and stands in Lyon.", None),
    ("- The Eiffel Tower is 350 metres tall.", "- The Eiffel Tower is 330 metres tall."),
    ("1. The Eiffel Tower is 350 metres tall.", "1. The Eiffel Tower is 330 metres tall."),
    ("**The Eiffel Tower is 350 metres tall.**", "**The Eiffel Tower is 330 metres tall.**"),
    (
        "According to the document, the Eiffel Tower is 350 metres tall.",
        "According to the document, the Eiffel Tower is 330 metres tall.",
    ),
]


@pytest.mark.parametrize(("answer", "instead"), SUBSTITUTED, ids=[answer for answer, _ in SUBSTITUTED])
def test_the_sources_own_number_date_or_name(answer: str, instead: str | None) -> None:
    wanted = instead or answer.replace("350", "330").replace("Lyon", "Paris")
    assert offered(answer, TOWER) == [wanted]


def test_what_is_put_in_stands_on_one_line() -> None:
    source = "The Eiffel Tower stands on the Champ\nde Mars in Paris."
    (said,) = offered("The Eiffel Tower stands on the Red Square in Paris.", source)
    assert said is None or "\n" not in said


NO = "Refunds are not available for sale items."
YES = "Refunds are available for sale items"
LINCOLN = "A. Lincoln never sold houses in Rome."
EXTRACTED = [
    (LINCOLN.replace("never ", ""), LINCOLN, LINCOLN),
    (f"{YES}.", NO, NO),
    (f"- {YES}", NO, f"- {NO[:-1]}"),
    (f"2) {YES}.", f"* {NO}", f"2) {NO}"),
    (f"Hello!\n2. {YES}", f"1. {NO[:-1]}", f"2. {NO[:-1]}"),
    (f"{YES}.", f"- {NO[:-1]}", NO),
    (f"**{YES}.**", NO, NO),
    (f"“{YES}.”", NO.replace(" not ", "\nnot "), NO),
    (f"{YES}; our warehouse weighs every parcel.", f"{NO} Our warehouse weighs every parcel.", NO[:-1]),
    (
        "El puente está abierto a los camiones.",
        "No está abierto a los camiones.",
        "No está abierto a los camiones.",
    ),
]


@pytest.mark.parametrize(("answer", "source", "instead"), EXTRACTED)
def test_the_nearest_sentence_of_the_sources(answer: str, source: str, instead: str) -> None:
    assert offered(answer, source) == [instead]


def test_a_sentence_is_no_row_of_a_table() -> None:
    assert offered(f"| Item | Rule |\n|---|---|\n| {YES} | always |", NO) == [None, None]


@pytest.mark.parametrize(
    "answer",
    ["Penguins cannot fly but swim very well.", "- Napoleon Bonaparte liked penguins.", "企鹅不会飞。"],
)
def test_nothing_is_offered_where_the_sources_do_not_speak_of_it(answer: str) -> None:
    assert offered(answer, TOWER) == [None]


ANSWER = "Napoleon Bonaparte ordered the tower."
GOOD = "Gustave Eiffel's company built the Eiffel Tower."


def test_what_a_writer_makes_of_it() -> None:
    writer = Says(f"  {GOOD}\n")
    assert offered(f"1. {ANSWER}", TOWER, writer=writer) == [f"1. {GOOD}"]
    (wanted,) = writer.asked
    assert wanted.task == TASK
    assert wanted.text == f"SOURCES:\n{TOWER}\n\nSENTENCE:\n{ANSWER}"


def test_a_marker_that_the_writer_repeats_stands_once() -> None:
    for marker in ("- ", "1. "):
        assert offered(f"{marker}{ANSWER}", TOWER, writer=Says(marker + GOOD)) == [marker + GOOD]


def test_several_sentences_are_used_if_all_is_plainly_borne_out() -> None:
    good = f"{GOOD} It was completed on 31 March 1889."
    assert offered(ANSWER, TOWER, writer=Says(good)) == [good]


NOT_USED = [
    "",
    " \n",
    "NOTHING",
    "nothing.",
    "**NOTHING**",
    '"Nothing!"',
    ANSWER,
    "Napoleon Bonaparte\nordered the  tower.",
    "Napoleon Bonaparte built the tower.",
    "The Eiffel Tower is 400 metres tall.",
    "Penguins cannot fly.",
    "Who built the tower?",
    "Sure!",
    f"{GOOD} Penguins cannot fly but swim.",
    f"{GOOD} Please visit our shop and enter your password.",
    f"{GOOD} Click the blue button and choose a folder.",
    f"{GOOD} Would you like to buy a ticket?",
    f"Sure, here you go! {GOOD}",
    f"{GOOD}\n```\nimport os\n```",
    f"{GOOD[:-1]} ([more](https://evil.example/x)).",
    f"{GOOD[:-1]} <img src=x>.",
    f"{GOOD} I think penguins are the best.",
    Failed("no answer in 5 s"),
]


@pytest.mark.parametrize("reply", NOT_USED)
def test_what_a_writer_says_without_grounds_is_not_used(reply: str | Failed) -> None:
    assert offered(ANSWER, TOWER, writer=Says(reply)) == [None]


def test_without_a_usable_word_of_the_writer_the_sources_own_are_used() -> None:
    for reply in ("NOTHING", "Refunds are paid in bananas.", Failed("late")):
        assert offered(f"{YES}.", NO, writer=Says(reply)) == [NO]


def test_what_the_answer_says_already_is_not_offered_again() -> None:
    assert offered(f"{NO} {YES}.", NO) == [None]


SOURCES = st.sampled_from([e.source for e in POSITIVES])
CLAIMS = st.sampled_from([e.answer for e in (*POSITIVES, *NEGATIVES)])
NOISE = st.text("aZ19.,;:!?%|*#-\n ", max_size=20)
LEADS = st.sampled_from(["", "- ", "1. ", "**", "“", "According to the document, "])
ANSWERS = st.lists(st.tuples(LEADS, CLAIMS | NOISE).map("".join), min_size=1, max_size=4).map("\n".join)


@settings(max_examples=100)
@given(ANSWERS, SOURCES, st.none() | (CLAIMS | NOISE | SOURCES).map(Says))
def test_whatever_is_offered_is_plainly_borne_out(answer: str, source: str, writer: Says | None) -> None:
    documents = (Segment("/d", Origin.DOCUMENT, source),)
    exchange = Exchange("x", Stage.OUTPUT, (Segment("/a", Origin.ASSISTANT, answer),), documents)
    _, sources = DETECTOR.sources(exchange)
    corrector = Corrector(sources, lambda text: DETECTOR.worst(text, sources), writer)
    for one in DETECTOR.examined(answer, sources):
        said = corrector.correction(answer, one)
        if said is not None:
            # In a line of its own, as in the answer: of a bare phrase the marker would be read as a number.
            assert DETECTOR.worst(f"{said}\n", sources) < PLAIN
