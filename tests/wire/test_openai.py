from __future__ import annotations

import json
from typing import Any

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletion

from safety.errors import WireError
from safety.types import Action, DocumentMarks, Edit, Exchange, Finding, Hit, Origin, Span, Stage, Verdict
from safety.wire.codec import Refusal, Request
from safety.wire.openai import OpenAICodec

CODEC = OpenAICodec()

REQUEST = b'{"model": "phi-4", "messages": [{"role": "user", "content": "Hello"}], "n": 2, "user": "u1"}'

OPENAI = b"""{
  "id": "chatcmpl-CkQ1",
  "object": "chat.completion",
  "created": 1764000000,
  "model": "gpt-4o-2024-08-06",
  "choices": [
    {
      "index": 0,
      "message": {
        "role": "assistant",
        "content": "Call 0151 2345 \\u2013 or don\\u2019t.",
        "refusal": null,
        "annotations": []
      },
      "logprobs": {"content": [{"token": "0151", "logprob": -1.0e-2, "bytes": [48], "top_logprobs": []}]},
      "finish_reason": "stop"
    },
    {
      "index": 1,
      "message": {"role": "assistant", "content": "Fine \xf0\x9f\x98\x80", "refusal": null},
      "logprobs": null,
      "finish_reason": "stop"
    }
  ],
  "usage": {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21},
  "service_tier": "default",
  "system_fingerprint": "fp_65564d8ba5"
}
"""

OLLAMA = (
    b'{"id":"chatcmpl-606","object":"chat.completion","created":1764000000,"model":"phi4","system_fingerprint":'
    b'"fp_ollama","choices":[{"index":0,"message":{"role":"assistant","content":"","reasoning":"I need the to'
    b'ol.","tool_calls":[{"id":"call_7x","index":0,"type":"function","function":{"name":"weather","arguments":'
    b'"{\\"city\\":\\"Bonn\\"}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":5,"completion_tokens":'
    b'2,"total_tokens":7}}\n'
)

AZURE = (
    b'{"choices":[{"content_filter_results":{"hate":{"filtered":false,"severity":"safe"},"protected_material_code"'
    b':{"filtered":false,"detected":true,"citation":{"URL":"https://github.com/a/b","license":"MIT"}}},"finish_rea'
    b'son":"stop","index":0,"logprobs":null,"message":{"content":"Hi.","refusal":null,"role":"assistant"}}],"crea'
    b'ted":1764000000,"id":"chatcmpl-Az1","model":"gpt-4o","object":"chat.completion","prompt_filter_results":[{"'
    b'prompt_index":0,"content_filter_results":{"jailbreak":{"filtered":false,"detected":false}}}],"usage":{"comp'
    b'letion_tokens":2,"prompt_tokens":9,"total_tokens":11}}'
)

CONTENT = "/choices/0/message/content"


def request(body: bytes = REQUEST, **labels: str) -> Request:
    return CODEC.read_request(body, id="ev-1", labels=labels, marks=DocumentMarks())


def verdict(*hits: Hit, edits: tuple[Edit, ...] = (), stage: Stage = Stage.OUTPUT) -> Verdict:
    action = max((hit.action for hit in hits), default=Action.ALLOW)
    return Verdict(Exchange("ev-1", stage, ()), "default@1", action, action, hits, edits=edits)


def hit(category: str, path: str | None = None, action: Action = Action.BLOCK, message: str = "") -> Hit:
    span = None if path is None else Span(path, 0, 3)
    return Hit("rule-1", action, Finding("d", category, span=span, severity=6), message=message)


def client(refusal: Refusal) -> openai.OpenAI:
    """The real SDK, talking to an answer made of bytes."""

    def answer(_: httpx.Request) -> httpx.Response:
        headers = {"content-type": refusal.content_type}
        return httpx.Response(refusal.status, content=refusal.body, headers=headers)

    transport = httpx.MockTransport(answer)
    return openai.OpenAI(
        api_key="k", base_url="http://test/v1", max_retries=0, http_client=httpx.Client(transport=transport)
    )


def ask(refusal: Refusal) -> Any:
    with client(refusal) as sdk:
        return sdk.chat.completions.create(model="phi-4", messages=[{"role": "user", "content": "x"}])


# Requests.


def test_a_request() -> None:
    read = request(route="chat")
    assert (read.model, read.stream, read.n, read.usage, read.body) == ("phi-4", False, 2, False, REQUEST)
    assert read.exchange.stage is Stage.INPUT
    assert read.exchange.labels == {"model": "phi-4", "user": "u1", "route": "chat"}
    assert [segment.text for segment in read.exchange.segments] == ["Hello"]


def test_settings_and_labels() -> None:
    body = {
        "stream": True,
        "stream_options": {"include_usage": True},
        "n": None,
        "user": "x" * 500,
        "metadata": {"thread_id": "t1"},
        "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]}],
    }
    read = request(json.dumps(body).encode(), model="deployment-1", user="from the key")
    assert (read.stream, read.usage, read.n, read.model) == (True, True, 1, "deployment-1")
    assert read.unjudged == ("/messages/0/content/0/image_url",)
    assert read.exchange.labels == {
        "model": "deployment-1",
        "user": "from the key",
        "conversation": "t1",
        "unjudged": "image_url",
    }


def test_a_label_is_cut() -> None:
    read = request(REQUEST.replace(b'"u1"', b'"' + b"x" * 500 + b'"'))
    assert read.exchange.labels["user"] == "x" * 200


@pytest.mark.parametrize(
    ("member", "path"),
    [
        ('"stream": "true"', "/stream"),
        ('"stream": 1', "/stream"),
        ('"n": true', "/n"),
        ('"n": 1.5', "/n"),
        ('"model": ["a"]', "/model"),
        ('"stream_options": "usage"', "/stream_options"),
    ],
)
def test_settings_of_another_type_are_refused(member: str, path: str) -> None:
    with pytest.raises(WireError) as caught:
        request(b'{%s, "messages": [{"role": "user", "content": "x"}]}' % member.encode())
    assert (caught.value.code, caught.value.path, caught.value.status) == ("wrong_type", path, 400)


def test_a_request_is_edited_in_place() -> None:
    assert CODEC.apply(REQUEST, [Edit(Span("/messages/0/content", 0, 5), "[X]")]) == REQUEST.replace(
        b'"Hello"', b'"[X]"'
    )
    assert CODEC.apply(REQUEST, []) is REQUEST


def test_a_refused_prompt_has_azures_shape() -> None:
    refusal = CODEC.refuse_request(verdict(hit("prompt_attack", "/messages/0/content"), stage=Stage.INPUT))
    with pytest.raises(openai.BadRequestError) as caught:
        ask(refusal)
    error = caught.value
    assert (error.status_code, error.code, error.param, error.type) == (400, "content_filter", "prompt", None)
    body: Any = error.body
    assert "ev-1" in body["message"]
    assert body["status"] == 400
    assert body["innererror"]["code"] == "ResponsibleAIPolicyViolation"
    calm = {"filtered": False, "severity": "safe"}
    assert body["innererror"]["content_filter_result"] == {
        "hate": calm,
        "self_harm": calm,
        "sexual": calm,
        "violence": calm,
        "jailbreak": {"filtered": True, "detected": True},
        "indirect_attack": {"filtered": False, "detected": False},
    }
    assert body["innererror"]["content_filter_results"] == body["innererror"]["content_filter_result"]
    assert body["safety"]["event_id"] == "ev-1"


def test_the_rules_own_message_is_told() -> None:
    refusal = CODEC.refuse_request(verdict(hit("prompt_attack", message="Not here."), stage=Stage.INPUT))
    with pytest.raises(openai.BadRequestError, match="Not here"):
        ask(refusal)


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, openai.BadRequestError, "invalid_request_error"),
        (401, openai.AuthenticationError, "authentication_error"),
        (413, openai.APIStatusError, "invalid_request_error"),
        (429, openai.RateLimitError, "rate_limit_error"),
        (502, openai.InternalServerError, "server_error"),
    ],
)
def test_errors_reach_the_sdk(status: int, error: type[openai.APIStatusError], kind: str) -> None:
    with pytest.raises(error) as caught:
        ask(CODEC.error(status, "invalid_json", "not JSON", "ev-1"))
    assert (caught.value.status_code, caught.value.code, caught.value.type) == (status, "invalid_json", kind)
    assert caught.value.body == {
        "message": "not JSON",
        "type": kind,
        "param": None,
        "code": "invalid_json",
        "safety": {"event_id": "ev-1"},
    }


@pytest.mark.parametrize(
    "choices", ['{"0": {"a": "x y"}}', '[["x y"]]', '[{"audio": {"transcript": "x y"}}]']
)
def test_a_request_that_looks_like_an_answer_is_edited_all_the_same(choices: str) -> None:
    body = f'{{"choices": {choices}, "messages": [{{"role": "user", "content": "q"}}]}}'.encode()
    (stray, _) = request(body).exchange.segments
    assert CODEC.apply(body, [Edit(stray.span(0, 1), "[X]")]) == body.replace(b"x y", b"[X] y")


# Answers.


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            OPENAI,
            [
                ("/choices/0/message/content", "Call 0151 2345 \u2013 or don\u2019t."),
                ("/choices/1/message/content", "Fine \U0001f600"),
            ],
        ),
        (
            OLLAMA,
            [
                ("/choices/0/message/reasoning", "I need the tool."),
                ("/choices/0/message/tool_calls/0/function/arguments", '{"city":"Bonn"}'),
            ],
        ),
        (AZURE, [("/choices/0/message/content", "Hi.")]),
    ],
)
def test_real_answers(body: bytes, expected: list[tuple[str, str]]) -> None:
    ChatCompletion.model_validate_json(body)
    exchange = CODEC.read_response(body, request())
    assert [(segment.path, segment.text) for segment in exchange.segments] == expected
    assert (exchange.id, exchange.stage, exchange.labels["model"]) == ("ev-1", Stage.OUTPUT, "phi-4")
    assert exchange.context == request().exchange.segments


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<html>502</html>", "invalid_json"),
        (b"[]", "not_a_completion"),
        (b'{"error": {"message": "overloaded"}}', "not_a_completion"),
        (b'{"choices": {}}', "not_a_completion"),
        (b'{"choices": [5]}', "wrong_type"),
        (b'{"choices": [{"index": 0}]}', "wrong_type"),
        (b'{"choices": [{"message": {"content": 5}}]}', "wrong_type"),
    ],
)
def test_what_is_no_completion_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(WireError) as caught:
        CODEC.read_response(body, request())
    assert (caught.value.code, caught.value.status) == (code, 502)


def test_every_string_of_an_error_is_judged() -> None:
    body = b'{"error": {"message": "Hello \\u2713", "code": 7, "type": "t", "param": ""}, "detail": ["x"]}'
    exchange = CODEC.read_error(body, request())
    found = [(segment.path, segment.origin, segment.text) for segment in exchange.segments]
    assert found == [
        ("/error/message", Origin.ASSISTANT, "Hello \u2713"),
        ("/error/type", Origin.ASSISTANT, "t"),
        ("/detail/0", Origin.ASSISTANT, "x"),
    ]
    assert (exchange.id, exchange.stage, exchange.labels["model"]) == ("ev-1", Stage.OUTPUT, "phi-4")
    assert exchange.context == request().exchange.segments
    assert CODEC.apply(body, [Edit(Span("/error/message", 0, 5), "[X]")]) == body.replace(b"Hello", b"[X]")
    assert CODEC.read_error(b"", request()).segments == ()
    with pytest.raises(WireError, match="not JSON"):
        CODEC.read_error(b"<html>Hello</html>", request())


def test_a_redacted_answer_keeps_no_copy_of_the_text() -> None:
    after = CODEC.apply(OPENAI, [Edit(Span(CONTENT, 5, 14), "[PHONE]")])
    begin, end = OPENAI.index(b'{"content": ['), OPENAI.index(b',\n      "finish_reason"')
    assert after == (OPENAI[:begin] + b"null" + OPENAI[end:]).replace(b"0151 2345", b"[PHONE]")


def test_redacted_speech_loses_its_sound() -> None:
    body = b'{"choices":[{"message":{"audio":{"id":"a","data":"UklG","expires_at":1,"transcript":"0151"}}}]}'
    edit = Edit(Span("/choices/0/message/audio/transcript", 0, 4), "[PHONE]")
    assert CODEC.apply(body, [edit]) == body.replace(b"0151", b"[PHONE]").replace(b"UklG", b"")


def test_a_blocked_choice_is_emptied_and_the_others_are_not_touched() -> None:
    blocked = verdict(
        hit("violence", CONTENT), hit("pii.PHONE", "/choices/1/message/content", Action.ANNOTATE)
    )
    after = CODEC.refuse_response(OPENAI, blocked)
    first, second = OPENAI.index(b'{\n      "index": 0'), OPENAI.index(b',\n    {\n      "index": 1')
    assert after.startswith(OPENAI[:first])
    assert after.endswith(OPENAI[second:])
    assert b"0151" not in after
    choice = ask(Refusal(200, after)).choices[0]
    assert (choice.index, choice.finish_reason, choice.message.content) == (0, "content_filter", None)
    assert (choice.message.tool_calls, choice.logprobs) == (None, None)
    assert choice.content_filter_results["violence"] == {"filtered": True, "severity": "high"}
    assert "personally_identifiable_information" not in choice.content_filter_results


def test_a_hit_without_a_place_blocks_every_choice() -> None:
    for where in (None, "/messages/0/content", "/choices/7/message/content"):
        answer = ask(Refusal(200, CODEC.refuse_response(OPENAI, verdict(hit("violence", where)))))
        assert [choice.finish_reason for choice in answer.choices] == ["content_filter"] * 2
        assert answer.usage.total_tokens == 21


def test_tool_calls_and_reasoning_of_a_blocked_choice_go() -> None:
    path = "/choices/0/message/tool_calls/0/function/arguments"
    after = CODEC.refuse_response(OLLAMA, verdict(hit("egress", path)))
    message = ask(Refusal(200, after)).choices[0].message
    assert message.model_dump(exclude_none=True) == {"role": "assistant"}
    assert b"Bonn" not in after
    assert b"I need" not in after


def test_edits_in_blocked_choices_are_moot_and_others_are_applied() -> None:
    edits = (Edit(Span(CONTENT, 0, 4), "[A]"), Edit(Span("/choices/1/message/content", 0, 4), "[B]"))
    after = CODEC.refuse_response(OPENAI, verdict(hit("violence", CONTENT), edits=edits))
    answer = ChatCompletion.model_validate_json(after)
    assert [choice.message.content for choice in answer.choices] == [None, "[B] \U0001f600"]


@pytest.mark.parametrize("n", [0, -1])
def test_n_below_one_is_refused(n: int) -> None:
    with pytest.raises(WireError, match="1 or more is allowed") as caught:
        request(json.dumps({"messages": [{"role": "user", "content": "q"}], "n": n}).encode())
    assert (caught.value.path, caught.value.status) == ("/n", 400)


def test_an_answer_with_text_in_place_of_choices_is_refused() -> None:
    with pytest.raises(WireError) as caught:
        CODEC.read_response(b'{"choices":[],"output_text":"forbidden"}', request())
    assert (caught.value.code, caught.value.status) == ("not_a_completion", 502)
    assert CODEC.read_response(b'{"id":"c-1","choices":[],"usage":{}}', request()).segments == ()
