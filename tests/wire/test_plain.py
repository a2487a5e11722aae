from __future__ import annotations

import json

import pytest
from openai.types.chat import ChatCompletionMessage

from safety.errors import WireError
from safety.types import DocumentMarks, Origin, Segment, Stage
from safety.wire.openai import OpenAICodec
from safety.wire.plain import answer_exchange, messages_exchange, prompt_exchange


def test_a_prompt_and_its_documents() -> None:
    exchange = prompt_exchange("Who? <document>c</document>", ["a", "", "b"], id="e1", labels={"route": "r"})
    assert (exchange.id, exchange.stage, exchange.labels) == ("e1", Stage.INPUT, {"route": "r"})
    assert exchange.segments == (
        Segment("/prompt", Origin.USER, "Who? "),
        Segment("/prompt", Origin.DOCUMENT, "c", 15),
        Segment("/documents/0", Origin.DOCUMENT, "a"),
        Segment("/documents/2", Origin.DOCUMENT, "b"),
    )


def test_an_answer_has_what_it_answers_as_context() -> None:
    exchange = answer_exchange("Ada.", "Who?", ["a"], id="e1")
    assert exchange.stage is Stage.OUTPUT
    assert exchange.segments == (Segment("/answer", Origin.ASSISTANT, "Ada."),)
    assert exchange.context == prompt_exchange("Who?", ["a"], id="e1").segments
    assert answer_exchange("", id="e2").segments == ()


MESSAGES = [
    {"role": "system", "content": "Be kind."},
    {
        "role": "user",
        "content": [{"type": "text", "text": "q <document>d</document>"}, {"type": "file", "file": {}}],
    },
    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]},
    {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]},
    {"role": "tool", "tool_call_id": "1", "content": "result"},
]


def test_messages_are_read_as_over_the_wire() -> None:
    body = json.dumps({"messages": MESSAGES}).encode()
    wire = OpenAICodec().read_request(body, id="e1", labels={"route": "r"}, marks=DocumentMarks())
    assert messages_exchange(MESSAGES, id="e1", labels={"route": "r"}) == wire.exchange
    assert wire.exchange.labels == {"route": "r", "unjudged": "image_url"}


def test_the_sdks_own_messages_are_read() -> None:
    answer = ChatCompletionMessage.model_validate({"role": "assistant", "content": "hi"})
    exchange = messages_exchange([{"role": "user", "content": "q"}, answer], id="e1")
    assert exchange.segments[1] == Segment("/messages/1/content", Origin.ASSISTANT, "hi")


def test_other_shapes_are_refused() -> None:
    with pytest.raises(WireError, match="/messages/0/role: is missing"):
        messages_exchange([{"content": "x"}], id="e1")
