"""The examples that stand beside the detector: found, let pass, and known to be judged wrongly."""

from __future__ import annotations

import pytest

from safety.detectors.groundedness import Groundedness
from safety.detectors.groundedness.examples import (
    KNOWN_FALSE_ALARMS,
    KNOWN_MISSES,
    NEGATIVES,
    POSITIVES,
    Example,
)
from safety.types import Exchange, Finding, Origin, Segment, Stage

DETECTOR = Groundedness()
THRESHOLD = 0.5  # of the shipped policies


def findings(example: Example) -> list[Finding]:
    context = [Segment("/messages/0/content", Origin.DOCUMENT, example.source)]
    if example.question:
        context.append(Segment("/messages/1/content", Origin.USER, example.question))
    answer = Segment("/choices/0/message/content", Origin.ASSISTANT, example.answer)
    (found,) = DETECTOR.detect([Exchange("x", Stage.OUTPUT, (answer,), tuple(context))])
    return [finding for finding in found if finding.score >= THRESHOLD]


def answers(examples: tuple[Example, ...]) -> list[str]:
    return [example.answer for example in examples]


@pytest.mark.parametrize("example", POSITIVES, ids=answers(POSITIVES))
def test_finds(example: Example) -> None:
    found = findings(example)
    assert [finding.evidence for finding in found] == [example.reason]
    assert found[0].detail


@pytest.mark.parametrize("example", NEGATIVES, ids=answers(NEGATIVES))
def test_lets_pass(example: Example) -> None:
    assert findings(example) == []


@pytest.mark.parametrize("example", KNOWN_MISSES, ids=answers(KNOWN_MISSES))
def test_still_misses(example: Example) -> None:
    assert example.reason
    assert findings(example) == [], "no longer missed: move it to POSITIVES"


@pytest.mark.parametrize("example", KNOWN_FALSE_ALARMS, ids=answers(KNOWN_FALSE_ALARMS))
def test_still_a_false_alarm(example: Example) -> None:
    assert findings(example), "no longer found: move it to NEGATIVES"
