"""A claim beside its evidence: manner, slots, and the sum of the marks."""

from __future__ import annotations

from safety.detectors.groundedness.comparison import Case, Manner, open_case
from safety.detectors.groundedness.examples import KNOWN_FALSE_ALARMS, NEGATIVES, POSITIVES
from safety.detectors.groundedness.index import Index
from safety.detectors.groundedness.passage import read
from safety.detectors.groundedness.score import CHECKS, CONTRADICTIONS, WEIGHTS, log_odds

SOURCE = "The committee approved the new budget in Berlin after a long debate."


def case(claim: str, source: str = SOURCE) -> Case:
    found = open_case(claim, read(claim), Index((source,)), (source,), frozenset())
    assert found is not None
    return found


def test_manners() -> None:
    assert case("The committee approved the new budget in Paris after a long debate.").manner is Manner.COPY
    assert case("After debating, a budget was passed.").manner is Manner.FREE
    assert case("Blue Spice is Italian.", "name: Blue Spice\nfood: Italian").manner is Manner.RECORD


def test_slots_of_a_copy() -> None:
    copy = case("The committee rejected the new budget in Paris after a long debate.")
    pairs = [(copy.said(slot.claim), copy.written(slot.source)) for slot in copy.slots]
    assert pairs == [("rejected", "approved"), ("Paris", "Berlin")]


def test_every_mark_has_a_weight_and_every_contradiction_is_a_mark() -> None:
    emitted = {
        mark.reason
        for example in (*POSITIVES, *NEGATIVES, *KNOWN_FALSE_ALARMS)
        if (
            found := open_case(
                example.answer, read(example.answer), Index((example.source,)), (example.source,), frozenset()
            )
        )
        for check in CHECKS
        for mark in check(found)
    }
    assert emitted <= WEIGHTS.keys()
    assert WEIGHTS.keys() >= CONTRADICTIONS


def test_more_marks_raise_the_odds() -> None:
    clean, _ = log_odds(case(SOURCE))
    one, mark = log_odds(case("The committee approved the new budget in Paris after a long debate."))
    two, _ = log_odds(case("The committee approved the old budget in Paris after a long debate."))
    assert clean < -1 < 0 < one < two
    assert mark is not None
    assert (mark.reason, mark.detail) == ("name_differs", "name differs: Paris against Berlin")
