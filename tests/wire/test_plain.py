from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletionMessage

from safety.errors import WireError
from safety.types import DocumentMarks, Origin, Segment, Stage
from safety.wire.openai import OpenAICodec
from safety.wire.plain import (
    answer_exchange,
    messages_exchange,
    prompt_exchange,
    segments_of,
    text_segments,
)


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
    request = prompt_exchange("Who?", ["a"], id="e1", labels={"route": "r"})
    exchange = answer_exchange("Ada.", request)
    assert (exchange.id, exchange.stage, exchange.labels) == ("e1", Stage.OUTPUT, {"route": "r"})
    assert exchange.segments == (Segment("/answer", Origin.ASSISTANT, "Ada."),)
    assert exchange.context == request.segments
    assert answer_exchange("", request).segments == ()


def test_every_text_has_its_path_and_origin() -> None:
    segments = segments_of(system="s", prompt="p", documents="d", tool_results=["", "r"], answer="a")
    assert [(s.path, s.origin, s.text) for s in segments] == [
        ("/system", Origin.SYSTEM, "s"),
        ("/prompt", Origin.USER, "p"),
        ("/documents/0", Origin.DOCUMENT, "d"),
        ("/tool_results/1", Origin.TOOL_RESULT, "r"),
        ("/answer", Origin.ASSISTANT, "a"),
    ]
    assert segments_of() == ()


@pytest.mark.parametrize("origin", Origin)
def test_a_text_is_split_as_over_the_wire(origin: Origin) -> None:
    marks = DocumentMarks(tags=("extract",), pointers=("/metadata/*",))
    parts = [s.origin for s in text_segments("/text", origin, "q <extract>d</extract>", marks)]
    splits = origin in (Origin.USER, Origin.SYSTEM)
    assert parts == ([origin, Origin.DOCUMENT] if splits else [origin])


@pytest.mark.parametrize("text", [None, 3, b"x", ["x"], {"text": "x"}])
def test_what_is_no_text_is_refused(text: Any) -> None:
    with pytest.raises(TypeError, match=r"the prompt is of type .*: it must be a str"):
        prompt_exchange(text, id="e1")
    with pytest.raises(TypeError, match=r"the answer is of type .*: it must be a str"):
        answer_exchange(text, prompt_exchange("q", id="e1"))


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
    more = messages_exchange(MESSAGES, "beside", id="e1")
    assert more.segments == (*wire.exchange.segments, *segments_of(documents="beside"))


def test_the_sdks_own_messages_are_read() -> None:
    answer = ChatCompletionMessage.model_validate({"role": "assistant", "content": "hi"})
    exchange = messages_exchange([{"role": "user", "content": "q"}, answer], id="e1")
    assert exchange.segments[1] == Segment("/messages/1/content", Origin.ASSISTANT, "hi")


def test_other_shapes_are_refused() -> None:
    with pytest.raises(WireError, match="/messages/0/role: is missing"):
        messages_exchange([{"content": "x"}], id="e1")
