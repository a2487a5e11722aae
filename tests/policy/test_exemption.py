"""Exceptions of a policy: what they let pass, whole and streamed, and until when."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from words import RULES, Words, answered, exchange

from safety.guard import Guard
from safety.policy.model import Exemption, Policy, content_digest, decide
from safety.types import Action, Exchange, Finding, Origin, Outcome, Segment, Stage


def exempt(**kwargs: Any) -> Policy:
    return Policy("p", rules=RULES, exceptions=(Exemption("why", date(9999, 1, 1), **kwargs),))


WHOLE = "It is fine. It is not bad at all. Really."


@pytest.mark.parametrize(
    "policy",
    [
        exempt(text="not bad at all"),
        exempt(text="bad"),
        exempt(pattern=re.compile("not bad")),
        exempt(sha256=content_digest(WHOLE)),
    ],
    ids=["text around it", "the words", "pattern", "sha256"],
)
def test_an_exception_holds_for_the_whole_and_for_the_stream(policy: Policy) -> None:
    with Guard(policy, [Words()]) as guard:
        segment = Segment("/answer", Origin.ASSISTANT, WHOLE)
        whole = guard.check(Exchange("x", Stage.OUTPUT, (segment,)))
        out, streamed = answered(guard, *re.findall(".{1,6}", WHOLE))
    assert whole.action is Action.ALLOW
    assert [hit.excused for hit in whole.hits] == ["why"]
    assert (out, streamed.hits) == (WHOLE, whole.hits)


@pytest.mark.parametrize("text", ["bad at", "badly", "not  bad"])
def test_an_exception_for_other_words_does_not_hold(text: str) -> None:
    with Guard(exempt(text=text), [Words()]) as guard:
        assert guard.check(exchange("It is bad.")).blocked


def test_an_exception_ends_with_its_last_day() -> None:
    bad = exchange("bad")
    outcome = Outcome("words@1", (Finding("words", "bad", span=bad.segments[0].whole()),))
    policy = Policy("p", rules=RULES, exceptions=(Exemption("why", date(2026, 3, 1), text="bad"),))
    assert not decide(policy, bad, [outcome], today=date(2026, 3, 1)).blocked
    assert decide(policy, bad, [outcome], today=date(2026, 3, 2)).blocked
