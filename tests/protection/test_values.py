"""Values of every shape that may be judged: read, put back changed, or refused by name."""

from __future__ import annotations

import json
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from guards import POLICY, guard_of
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionMessage
from pydantic import BaseModel

from safety.errors import Blocked, SafetyError
from safety.events.memory import MemoryLog
from safety.protection.decorator import protect
from safety.protection.values import answer_text, edited_messages
from safety.types import DocumentMarks, Edit, Span, Verdict
from safety.wire.openai import OpenAICodec
from safety.wire.plain import messages_exchange
from safety.wire.values import CannotRewrite


@dataclass(frozen=True)
class Frozen:
    page_content: str
    source: str = "s"


class Model(BaseModel):
    text: str
    source: str = "s"


class Plain:
    def __init__(self, content: str) -> None:
        self.content = content


class Stubborn:
    """Like a retriever's node, whose text can be read and not set."""

    @property
    def text(self) -> str:
        return "hidden"


class Forgetful:
    """Takes a new text and keeps the old one."""

    def __setattr__(self, name: str, value: object) -> None:
        pass

    text = "hidden"


Pair = namedtuple("Pair", "text score")

VALUES = [
    ("hidden", "[GONE]"),
    ({"page_content": "hidden", "id": 1}, {"page_content": "[GONE]", "id": 1}),
    (Frozen("hidden"), Frozen("[GONE]")),
    (Model(text="hidden"), Model(text="[GONE]")),
    (Pair("hidden", 0.5), Pair("[GONE]", 0.5)),
]


@pytest.mark.parametrize(("value", "redacted"), VALUES)
def test_documents_of_every_shape(value: Any, redacted: Any) -> None:
    seen: list[Any] = []
    echo = protect(guard_of())(lambda prompt, docs: seen.append(docs) or "fine")
    for wrap in (lambda v: v, lambda v: [v, "x"], lambda v: ("x", v)):
        seen.clear()
        given = wrap(value)
        echo("q", given)
        assert seen == [wrap(redacted)]
        assert type(seen[0]) is type(wrap(redacted))
        assert given == wrap(value)  # nothing was changed in place


def test_only_what_is_edited_is_made_anew() -> None:
    seen: list[Any] = []
    documents = [Plain("fine"), Plain("hidden")]
    protect(guard_of())(lambda prompt, docs: seen.append(docs) or "fine")("q", documents)
    assert seen[0][0] is documents[0]
    assert [document.content for document in seen[0]] == ["fine", "[GONE]"]
    assert documents[1].content == "hidden"


@pytest.mark.parametrize("document", [Stubborn(), Forgetful()])
def test_what_cannot_be_rewritten_is_blocked(document: Any) -> None:
    log = MemoryLog()
    with pytest.raises(Blocked, match="whose 'text' cannot be set"):
        protect(guard_of(log))(lambda prompt, docs: "fine")("q", [document])
    assert [str(event.action) for event in log.events] == ["block"]
    assert log.events[0].rules == ("protect", "hide")


def test_what_cannot_be_rewritten_stays_blocked_when_the_record_fails() -> None:
    log = MemoryLog()
    told: list[Verdict] = []
    guard = guard_of(log, policy=POLICY + "on_error: allow\n")
    ask = protect(guard, on_verdict=told.append)(lambda prompt, docs: "fine")
    log.refuse("disk full")
    with pytest.raises(Blocked, match="whose 'text' cannot be set"):
        ask("q", [Stubborn()])
    assert [hit.rule for hit in told[0].deciding] == ["protect"]
    assert [(o.detector, str(o.ran)) for o in told[0].outcomes][1:] == [("record@1", "failed")]


@pytest.mark.parametrize(
    ("documents", "where"),
    [
        (3, "in 'docs': of type int"),
        ({"a": "b"}, "in 'docs': of type dict"),
        (["fine", ("doc", 0.3)], "item 1 is of type tuple"),
        ([None], "item 0 is of type NoneType"),
        (iter(["x"]), "of type list_iterator"),
        (b"bytes", "of type bytes"),
        ([{"text": None}], "item 0 is of type dict"),
    ],
)
def test_other_documents_are_refused_by_name(documents: Any, where: str) -> None:
    with pytest.raises(
        TypeError, match=rf"{where}.* must be a str, an object or dict with one of page_content"
    ):
        protect(guard_of())(lambda prompt, docs: "fine")("q", documents)


@pytest.mark.parametrize("prompt", [3, b"x", [], ["x"], [{"role": "user"}, "x"], {"role": "user"}])
def test_other_prompts_are_refused_by_name(prompt: Any) -> None:
    with pytest.raises(TypeError, match="must be a str, or a list of OpenAI messages"):
        protect(guard_of())(lambda prompt: "fine")(prompt)


@pytest.mark.parametrize("answer", [None, 3, b"x", ["x"], {"answer": "x"}, object()])
def test_other_answers_are_refused_by_name(answer: Any) -> None:
    log = MemoryLog()
    with pytest.raises(TypeError, match=r"must be a str, an object or dict with .* answer="):
        protect(guard_of(log))(lambda prompt: answer)("q")
    assert log.events[1].labels["end"] == "raised TypeError"


# --- messages ---------------------------------------------------------------------------------------------

MESSAGES: list[Any] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "a hidden one"}, {"type": "text", "text": "b"}]},
    ChatCompletionMessage(role="assistant", content="hidden too"),
    {"role": "tool", "tool_call_id": "c1", "content": "two"},
]


def test_messages_are_read_as_the_proxy_reads_them_and_rewritten() -> None:
    seen: list[Any] = []
    ask = protect(guard_of())(lambda messages: seen.append(messages) or "fine")
    ask(MESSAGES)
    assert seen[0][0] is MESSAGES[0]
    assert seen[0][1]["content"] == [{"type": "text", "text": "a [GONE] one"}, {"type": "text", "text": "b"}]
    assert seen[0][2]["content"] == "[GONE] too"
    assert seen[0][3] is MESSAGES[3]
    assert MESSAGES[1]["content"][0]["text"] == "a hidden one"
    with pytest.raises(Blocked):
        ask([{"role": "tool", "tool_call_id": "c1", "content": "forbidden"}])


def test_messages_and_documents_together_get_the_verdict_of_the_guard() -> None:
    told: list[Verdict] = []
    guard = guard_of()
    protect(guard, on_verdict=told.append)(lambda messages, docs: "fine")(MESSAGES, ["x hidden"])
    expected = guard.check_messages(MESSAGES)
    assert told[0].exchange.segments[:-1] == expected.exchange.segments
    assert told[0].exchange.segments[-1].path == "/documents/0"
    assert told[0].edits[1:] == expected.edits
    assert told[1].exchange.context == told[0].exchange.segments


def test_messages_of_another_shape_are_a_named_error() -> None:
    with pytest.raises(SafetyError, match="/messages/0/role: is not a known role"):
        protect(guard_of())(lambda messages: "fine")([{"role": "boss", "content": "x"}])


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=4), st.data())
def test_edits_change_their_own_code_points_and_nothing_else(texts: list[str], data: st.DataObject) -> None:
    messages = [{"role": "user", "content": text} for text in texts]
    edits, expected = [], []
    for number, text in enumerate(texts):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, len(text)))
        edits.append(Edit(Span(f"/messages/{number}/content", start, end), "[X]"))
        expected.append(text[:start] + "[X]" + text[end:])
    assert [m["content"] for m in edited_messages(messages, edits)] == expected
    assert [m["content"] for m in messages] == texts
    exchange = messages_exchange(messages, id="x", marks=DocumentMarks(tags=()))
    assert {s.path for s in exchange.segments} == {edit.span.path for edit in edits}


# --- answers ----------------------------------------------------------------------------------------------


def completion(*contents: str, **message: Any) -> dict[str, Any]:
    choices = [
        {"index": n, "finish_reason": "stop", "message": {"role": "assistant", "content": c, **message}}
        for n, c in enumerate(contents)
    ]
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": choices}


@pytest.mark.parametrize(
    ("answer", "redacted"),
    [
        *VALUES[:1],
        *VALUES[3:],
        (completion("fine", "a hidden one"), completion("fine", "a [GONE] one")),
        (
            ChatCompletion.model_validate(completion("hidden")),
            ChatCompletion.model_validate(completion("[GONE]")),
        ),
        ({"role": "assistant", "content": "hidden"}, {"role": "assistant", "content": "[GONE]"}),
        (
            ChatCompletionMessage(role="assistant", content="hidden"),
            ChatCompletionMessage(role="assistant", content="[GONE]"),
        ),
    ],
)
def test_answers_of_every_shape(answer: Any, redacted: Any) -> None:
    out = protect(guard_of())(lambda prompt: answer)("q")
    assert out == redacted
    assert type(out) is type(answer)


def test_a_clean_answer_is_the_same_object() -> None:
    for answer in (completion("fine"), ChatCompletion.model_validate(completion("fine")), Plain("fine")):
        assert protect(guard_of())(lambda prompt, answer=answer: answer)("q") is answer


def test_tool_calls_are_judged_or_refused() -> None:
    calls = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":"forbidden"}'}}]
    with pytest.raises(Blocked):
        protect(guard_of())(lambda prompt: completion("", tool_calls=calls))("q")

    class Message(Plain):
        tool_calls = ({"name": "f"},)

    with pytest.raises(TypeError, match="with 'tool_calls', which would go unjudged"):
        protect(guard_of())(lambda prompt: Message("x"))("q")


UNREAD: list[tuple[Any, str]] = [
    ({"content": "ok", "tool_calls": [{"function": {"arguments": "forbidden"}}]}, "tool_calls"),
    ({"choices": [], "content": "forbidden"}, "content"),
    ({"choices": [{"message": {"content": "ok"}}], "content": "forbidden"}, "content"),
    (completion("ok") | {"output_text": "forbidden"}, "output_text"),
    ({"choices": [{"delta": {"content": "forbidden"}}], "content": "ok"}, "content"),
    ({"content": "ok", "text": "forbidden"}, "text"),
    ({"text": "ok", "answer": "forbidden"}, "answer"),
    (SimpleNamespace(content="ok", reasoning_content="forbidden"), "reasoning_content"),
    (SimpleNamespace(content="", refusal="forbidden"), "refusal"),
    (
        SimpleNamespace(content="", additional_kwargs={"function_call": {"arguments": "forbidden"}}),
        "additional_kwargs",
    ),
]


@pytest.mark.parametrize(("value", "field"), UNREAD)
def test_text_beside_the_one_that_is_read_is_refused_by_name(value: Any, field: str) -> None:
    with pytest.raises(TypeError, match=rf"with '{field}', which would go unjudged: .* answer="):
        protect(guard_of())(lambda prompt: value)("q")


@pytest.mark.parametrize("value", [value for value, _ in UNREAD])
def test_text_beside_the_one_of_a_piece_is_refused(value: Any) -> None:
    @protect(guard_of())
    def ask(prompt: str) -> Iterator[Any]:
        yield value

    with pytest.raises((Blocked, TypeError), match=r"which would go unjudged|not that"):
        list(ask("q"))


class Message(Plain):
    """As LangChain's: the text is there under a second name, and the other fields are there and empty."""

    tool_calls = ()
    additional_kwargs: Any = {"refusal": None, "prompt_tokens": 3, "calls": []}  # noqa: RUF012

    @property
    def text(self) -> str:
        return self.content

    def answer(self) -> str:
        return self.content


def test_empty_fields_and_the_same_text_again_are_no_other_text() -> None:
    ask = protect(guard_of())(lambda prompt: Message("a hidden b"))
    assert ask("q").text == "a [GONE] b"


def test_a_copy_of_the_text_that_stays_is_blocked() -> None:
    with pytest.raises(Blocked, match="which 'text' holds as well"):
        protect(guard_of())(lambda prompt: {"content": "hidden", "text": "hidden"})("q")


def test_a_completion_gets_the_verdict_of_the_proxy() -> None:
    told: list[Verdict] = []
    guard = guard_of()
    body = completion("a hidden one")
    protect(guard, on_verdict=told.append)(lambda messages: body)(MESSAGES)
    codec = OpenAICodec()
    wire = {"messages": [m if isinstance(m, dict) else m.model_dump(exclude_none=True) for m in MESSAGES]}
    request = codec.read_request(json.dumps(wire).encode(), id="x", labels={}, marks=guard.policy.documents)
    response = codec.read_response(json.dumps(body).encode(), request)
    for verdict, exchange in zip(told, (request.exchange, response), strict=True):
        same = guard.check(exchange)
        assert verdict.exchange.segments == exchange.segments
        assert verdict.exchange.context == exchange.context
        assert (verdict.action, verdict.hits, verdict.edits) == (same.action, same.hits, same.edits)


def test_other_answers_through_a_callable() -> None:
    guard = guard_of()
    ask = protect(guard, answer=lambda r: r["answer"])(lambda prompt: {"answer": prompt.upper()})
    assert ask("fine") == {"answer": "FINE"}
    with pytest.raises(Blocked, match="which only answer= can read"):
        protect(guard, answer=lambda r: r["answer"])(lambda prompt: {"answer": "hidden"})("q")
    with pytest.raises(TypeError, match="answer= returned of type int"):
        protect(guard, answer=len)(lambda prompt: ["x"])("q")


def test_the_text_of_an_answer_alone() -> None:
    assert answer_text(Plain("x")).text == "x"
    with pytest.raises(CannotRewrite):
        answer_text(["x"], "".join).put("y")
