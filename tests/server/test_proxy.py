"""The proxy as real clients see it: the OpenAI SDK, and bytes."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

import httpx
import openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rigs import POLICY, RigMaker
from upstreams import completion, event, events, streamed, whole

from safety.wire.openai import OpenAICodec

QUESTION: list[Any] = [{"role": "user", "content": "How are you?"}]
ASK: dict[str, Any] = {"model": "m", "messages": QUESTION}
ATTACK: list[Any] = [{"role": "user", "content": "say the forbidden thing"}]


def sdk(url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0, timeout=20)


def texts(stream: Any) -> tuple[str, list[str]]:
    text, finishes = "", []
    for chunk in stream:
        for choice in chunk.choices:
            text += choice.delta.content or ""
            if choice.finish_reason:
                finishes.append(choice.finish_reason)
    return text, finishes


def test_a_clean_answer_is_the_one_the_endpoint_gave(rig: RigMaker) -> None:
    body = completion("Fine, thank you. ✓")
    one = rig(whole(body))
    with httpx.Client() as client:
        request = {"model": "m", "messages": QUESTION}
        direct = client.post(one.upstream.url + "/v1/chat/completions", json=request)
        guarded = client.post(one.url + "/v1/chat/completions", json=request)
    assert guarded.content == direct.content == body
    assert guarded.headers["content-type"] == direct.headers["content-type"]
    assert guarded.headers["x-safety-action"] == "allow"
    assert one.upstream.requests[0].body == one.upstream.requests[1].body
    assert one.stages() == [("input", "allow"), ("output", "allow")]
    assert {e.exchange for e in one.log.events} == {guarded.headers["x-safety-event-id"]}


def test_the_request_body_goes_through_byte_for_byte(rig: RigMaker) -> None:
    one = rig(whole(completion("ok")))
    body = b'{ "messages":[ {"role":"user","content":"caf\\u00e9 \xc3\xa9"} ],\n"model":"m", "n":1 }'
    httpx.post(one.url + "/v1/chat/completions", content=body, headers={"content-type": "application/json"})
    assert one.upstream.requests[0].body == body


def test_sdk_clean_whole_and_streamed_equal_going_direct(rig: RigMaker) -> None:
    one = rig(whole(completion("All good.")))
    answers = [
        sdk(u).chat.completions.create(model="m", messages=QUESTION) for u in (one.upstream.url, one.url)
    ]
    assert answers[0].model_dump() == answers[1].model_dump()
    two = rig(streamed(events(["One. ", "Two ", "and three. ", "Four"])))
    streams = [
        list(sdk(u).chat.completions.create(model="m", messages=QUESTION, stream=True))
        for u in (two.upstream.url, two.url)
    ]
    assert [c.model_dump() for c in streams[0]] == [c.model_dump() for c in streams[1]]


def test_sdk_gets_bad_request_on_an_attack(rig: RigMaker) -> None:
    one = rig(whole(completion("never seen")))
    with pytest.raises(openai.BadRequestError) as caught:
        sdk(one.url).chat.completions.create(model="m", messages=ATTACK)
    assert caught.value.code == "content_filter"
    assert caught.value.body["innererror"]["code"] == "ResponsibleAIPolicyViolation"  # type: ignore[index]
    assert one.upstream.requests == []
    assert one.stages() == [("input", "block")]
    assert caught.value.response.headers["x-safety-event-id"] == one.log.events[0].exchange


def test_sdk_gets_content_filter_on_a_blocked_answer(rig: RigMaker) -> None:
    one = rig(whole(completion("a forbidden word")))
    answer = sdk(one.url).chat.completions.create(model="m", messages=QUESTION)
    assert answer.choices[0].finish_reason == "content_filter"
    assert not answer.choices[0].message.content
    assert one.stages() == [("input", "allow"), ("output", "block")]


def test_sdk_gets_a_stream_cut_where_it_was_blocked(rig: RigMaker) -> None:
    one = rig(streamed(events(["All ", "is well. ", "The for", "bidden ", "word. ", "More."])))
    text, finishes = texts(sdk(one.url).chat.completions.create(model="m", messages=QUESTION, stream=True))
    assert text.strip() == "All is well."
    assert finishes == ["content_filter"]
    assert one.stages() == [("input", "allow"), ("output", "block")]


def test_a_cut_stream_ends_in_the_protocols_own_way(rig: RigMaker) -> None:
    one = rig(streamed(events(["forbidden. ", "x"])))
    response = httpx.post(
        one.url + "/v1/chat/completions", json={"model": "m", "messages": QUESTION, "stream": True}
    )
    *_, last, done = response.text.strip().split("\n\n")
    assert done == "data: [DONE]"
    choice = json.loads(last.removeprefix("data: "))["choices"][0]
    assert (choice["finish_reason"], choice["delta"]) == ("content_filter", {})


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_redacted_stream_is_the_redacted_text(rig: RigMaker, data: st.DataObject) -> None:
    text = "First. The hidden thing ✓ is hidden. Last é."
    edges = sorted({0, len(text), *data.draw(st.lists(st.integers(0, len(text)), max_size=12))})
    body = b"".join(events([text[a:b] for a, b in itertools.pairwise(edges)]))
    cuts = sorted({0, len(body), *data.draw(st.lists(st.integers(0, len(body)), max_size=12))})
    one = rig(streamed([body[a:b] for a, b in itertools.pairwise(cuts)]))
    got, finishes = texts(sdk(one.url).chat.completions.create(model="m", messages=QUESTION, stream=True))
    assert got == text.replace("hidden", "[HIDDEN]")
    assert finishes == ["stop"]


def test_a_redacted_answer_keeps_every_other_byte(rig: RigMaker) -> None:
    one = rig(whole(completion("the hidden \u2713 word")))
    response = httpx.post(one.url + "/v1/chat/completions", json={"model": "m", "messages": QUESTION})
    assert response.content == completion("the hidden \u2713 word").replace(b"hidden", b"[HIDDEN]")
    assert response.headers["x-safety-action"] == "redact"
    assert (
        sdk(one.url).chat.completions.create(model="m", messages=QUESTION).choices[0].finish_reason == "stop"
    )


def test_the_azure_client_names_its_model_in_the_path(rig: RigMaker) -> None:
    one = rig(whole(completion("ok")))
    azure = openai.AzureOpenAI(azure_endpoint=one.url, api_key="k", api_version="2024-10-21", max_retries=0)
    azure.chat.completions.create(model="phi-4-mini", messages=QUESTION)
    assert one.upstream.requests[0].target.startswith("/openai/deployments/phi-4-mini/chat/completions?api-v")
    assert one.upstream.requests[0].headers["api-key"] == "k"
    assert {e.labels["model"] for e in one.log.events} == {"phi-4-mini"}


def test_a_redacted_prompt_reaches_the_endpoint_redacted(rig: RigMaker) -> None:
    one = rig(whole(completion("ok")))
    body = b'{"model":"m",  "messages":[{"role":"user","content":"the hidden \\u0041"}]}'
    httpx.post(one.url + "/v1/chat/completions", content=body)
    assert one.upstream.requests[0].body == body.replace(b"hidden", b"[HIDDEN]")


def test_each_of_several_choices_is_judged_by_itself(rig: RigMaker) -> None:
    good, bad = ("Fine. ", "It is good."), ("The forbidden. ", "More.")
    mixed = [
        event({"content": piece}, index=i)
        for pair in zip(good, bad, strict=True)
        for i, piece in enumerate(pair)
    ]
    parts = [*mixed, event({}, "stop", 0), event({}, "stop", 1), b"data: [DONE]\n\n"]
    one = rig(streamed(parts))
    got: dict[int, str] = {0: "", 1: ""}
    finish = {}
    for chunk in sdk(one.url).chat.completions.create(model="m", messages=QUESTION, stream=True, n=2):
        for choice in chunk.choices:
            got[choice.index] += choice.delta.content or ""
            if choice.finish_reason:
                finish[choice.index] = choice.finish_reason
    assert got == {0: "Fine. It is good.", 1: ""}
    assert finish == {0: "stop", 1: "content_filter"}


def test_tool_call_arguments_are_judged(rig: RigMaker) -> None:
    call = {"index": 0, "id": "t", "type": "function", "function": {"name": "f", "arguments": ""}}
    pieces = [{"index": 0, "function": {"arguments": a}} for a in ('{"q": "for', 'bidden"', "}")]
    parts = [
        event({"role": "assistant", "tool_calls": [call]}),
        *(event({"tool_calls": [p]}) for p in pieces),
        event({}, "tool_calls"),
        b"data: [DONE]\n\n",
    ]
    one = rig(streamed(parts))
    response = httpx.post(
        one.url + "/v1/chat/completions", json={"model": "m", "messages": QUESTION, "stream": True}
    )
    assert "bidden" not in response.text
    assert "content_filter" in response.text


@pytest.mark.parametrize(("mode", "first"), [("observe", "a forbidden"), ("buffered", "")])
def test_stream_modes(rig: RigMaker, mode: str, first: str) -> None:
    one = rig(streamed(events(["a forbidden ", "word."])), policy=POLICY + f"stream: {{mode: {mode}}}\n")
    text, finishes = texts(sdk(one.url).chat.completions.create(model="m", messages=QUESTION, stream=True))
    assert text.startswith(first)
    assert bool(text) == bool(first)
    assert finishes == (["stop"] if mode == "observe" else ["content_filter"])
    last = one.events(2)[-1]
    assert (str(last.action), str(last.would)) == ("allow" if mode == "observe" else "block", "block")


def test_other_paths_pass_only_if_configured_and_leave_an_event(rig: RigMaker) -> None:
    body = b'{"object": "list",  "data": []}'
    closed = rig(whole(body))
    refused = httpx.get(closed.url + "/v1/models")
    assert refused.status_code == 404
    assert refused.json()["error"]["code"] == "path_not_guarded"
    assert closed.upstream.requests == []
    opened = rig(whole(body), passthrough=("GET /v1/models",))
    passed = httpx.get(opened.url + "/v1/models?x=1")
    assert passed.content == body
    assert opened.upstream.requests[0].target == "/v1/models?x=1"
    assert opened.categories() == ["proxy.passed_through"]


def test_the_endpoints_own_errors_come_through(rig: RigMaker) -> None:
    body = b'{"error": {"message": "slow down", "code": "rate_limit"}}'
    one = rig(whole(body, "429 Too Many Requests", "retry-after: 1\r\n"))
    response = httpx.post(one.url + "/v1/chat/completions", json={"model": "m", "messages": QUESTION})
    assert (response.status_code, response.content, response.headers["retry-after"]) == (429, body, "1")
    assert one.stages() == [("input", "allow"), ("output", "allow")]


def test_monitor_mode_changes_nothing_and_records_all(rig: RigMaker) -> None:
    one = rig(whole(completion("a forbidden word")), policy=POLICY + "mode: monitor\n")
    response = httpx.post(one.url + "/v1/chat/completions", json={"model": "m", "messages": ATTACK})
    assert response.content == completion("a forbidden word")
    assert [(str(e.action), str(e.would)) for e in one.log.events] == [("allow", "block")] * 2


CHARSETS = ["utf-7", '"utf-16"', "UTF-8x", "'utf-8'", '"utf-8', "utf-8; CharSet=utf-7"]


@pytest.mark.parametrize("charset", CHARSETS)
def test_a_charset_other_than_utf_8_is_refused(rig: RigMaker, charset: str) -> None:
    kind = f"application/json; charset={charset}"
    one = rig(whole(completion("never")))
    body = json.dumps(ASK).encode()
    response = httpx.post(one.url + "/v1/chat/completions", content=body, headers={"content-type": kind})
    assert (response.status_code, response.json()["error"]["code"]) == (415, "unsupported_charset")
    assert one.upstream.requests == []
    assert one.stages() == [("input", "block")]


@pytest.mark.parametrize("charset", CHARSETS)
def test_an_answer_in_a_charset_other_than_utf_8_is_refused(rig: RigMaker, charset: str) -> None:
    one = rig(whole(completion("fine"), headers=f"content-type: text/plain; charset={charset}\r\n"))
    response = httpx.post(one.url + "/v1/chat/completions", json=ASK, timeout=20)
    assert (response.status_code, response.json()["error"]["code"]) == (502, "upstream_unsupported_charset")
    assert one.stages() == [("input", "allow"), ("output", "block")]


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"', "Utf-8; x=y"])
def test_utf_8_is_taken_however_it_is_spelled(rig: RigMaker, charset: str) -> None:
    kind = f"application/json; charset={charset}"
    one = rig(whole(completion("fine"), headers=f"content-type: {kind}\r\n"))
    body = json.dumps(ASK).encode()
    response = httpx.post(one.url + "/v1/chat/completions", content=body, headers={"content-type": kind})
    assert response.content == completion("fine")


@pytest.mark.parametrize("large", [False, True])
def test_a_large_body_is_read_beside_the_event_loop(rig: RigMaker, large: bool) -> None:
    beside: list[bool] = []

    def note() -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            beside.append(True)
        else:
            beside.append(False)

    class Noting(OpenAICodec):
        def read_request(self, body: bytes, **more: Any) -> Any:
            note()
            return super().read_request(body, **more)

        def read_response(self, body: bytes, request: Any) -> Any:
            note()
            return super().read_response(body, request)

        def apply(self, body: bytes, edits: Any) -> bytes:
            note()
            return super().apply(body, edits)

    text = "fine " * (60_000 if large else 1)
    one = rig(whole(completion(text)), codec=Noting())
    ask = {"model": "m", "messages": [{"role": "user", "content": text}]}
    response = httpx.post(one.url + "/v1/chat/completions", json=ask, timeout=20)
    assert response.content == completion(text)
    assert beside == [large] * 4
