from __future__ import annotations

from typing import Any

import pytest

from safety.types import Action, Edit, Exchange, Finding, Hit, Span, Stage, Verdict
from safety.wire import openai_shape


@pytest.mark.parametrize(
    ("path", "choice"),
    [
        ("/choices/0/message/content", 0),
        ("/choices/12", 12),
        ("/choices/01/message", None),
        ("/choices/x", None),
        ("/choices", None),
        ("/messages/0/content", None),
        ("/a/choices/0", None),
    ],
)
def test_choice_of(path: str, choice: int | None) -> None:
    assert openai_shape.choice_of(path) == choice


@pytest.mark.parametrize(
    ("choice", "values"),
    [
        ({}, {}),
        ({"logprobs": None}, {}),
        ({"logprobs": {"content": []}, "token_ids": [1]}, {"logprobs": b"null", "token_ids": b"null"}),
    ],
)
def test_shadows_are_emptied_where_they_are(choice: dict[str, Any], values: dict[str, bytes]) -> None:
    body = {"choices": [{"logprobs": {}}, choice]}
    edit = Edit(Span("/choices/1/message/content", 0, 1), "")
    expected = {f"/choices/1/{key}": value for key, value in values.items()}
    assert openai_shape.shadows(body, [edit]) == expected


@pytest.mark.parametrize("body", [{}, {"choices": {"0": 1}}, {"choices": []}, {"choices": ["x"]}, []])
def test_shadows_of_any_other_body_are_none(body: Any) -> None:
    edit = Edit(Span("/choices/0/message/audio/transcript", 0, 1), "")
    assert openai_shape.shadows(body, [edit]) == {}


def test_a_blocked_choice_keeps_its_index_and_nothing_else() -> None:
    hit = Hit("r", Action.BLOCK, Finding("d", "sexual", severity=4), message="No.")
    exchange = Exchange("ev-1", Stage.OUTPUT, ())
    verdict = Verdict(exchange, "p@1", Action.BLOCK, Action.BLOCK, (hit,))
    choice = {"index": 3, "message": {"content": "SECRET"}, "text": "SECRET", "stop_reason": "SECRET"}
    blocked = openai_shape.blocked_choice(choice, 0, verdict, [hit])
    assert "SECRET" not in str(blocked)
    assert (blocked["index"], blocked["finish_reason"]) == (3, "content_filter")
    assert blocked["content_filter_results"]["sexual"] == {"filtered": True, "severity": "medium"}
    assert blocked["safety"]["message"] == "No."
