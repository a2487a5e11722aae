"""What the endpoint answers with statuses other than 200: judged like everything else."""

from __future__ import annotations

import json
from typing import Any

import httpx
import openai
import pytest
from rigs import Rig, RigMaker
from upstreams import completion, event, events, streamed, whole

from safety.guard import Guard

ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "How are you?"}]}
STREAM = {**ASK, "stream": True}


def ask(one: Rig, body: dict[str, Any] = ASK) -> httpx.Response:
    return httpx.post(one.url + "/v1/chat/completions", json=body, timeout=20)


def code(response: httpx.Response) -> str:
    value: str = response.json()["error"]["code"]
    return value


def said(message: str) -> bytes:
    """An endpoint's error, spelled unusually."""
    return b'{ "error" : {"message":%b, "param": null ,"code":"bad"} }' % json.dumps(message).encode()


@pytest.mark.parametrize("status", ["201 Created", "203 Other", "206 Partial Content", "299 Odd"])
def test_every_2xx_is_an_answer(rig: RigMaker, status: str) -> None:
    one = rig(whole(completion("the hidden word"), status))
    response = ask(one)
    assert response.status_code == int(status[:3])
    assert response.content == completion("the hidden word").replace(b"hidden", b"[HIDDEN]")
    assert one.stages() == [("input", "allow"), ("output", "redact")]
    two = rig(whole(completion("a forbidden word"), status))
    assert "forbidden" not in ask(two).text
    assert two.stages() == [("input", "allow"), ("output", "block")]


@pytest.mark.parametrize("body", [b"a forbidden word", b'{"text": "a forbidden word"}'])
def test_a_2xx_that_is_no_completion_is_refused(rig: RigMaker, body: bytes) -> None:
    one = rig(whole(body, "201 Created"))
    response = ask(one)
    assert response.status_code == 502
    assert "forbidden" not in response.text
    assert one.stages() == [("input", "allow"), ("output", "block")]


def test_a_202_with_nothing_in_it_is_refused(rig: RigMaker) -> None:
    one = rig(whole(b"", "202 Accepted"))
    assert ask(one).status_code == 502


@pytest.mark.parametrize("status", ["201 Created", "206 Partial Content"])
def test_a_stream_with_another_2xx_is_judged(rig: RigMaker, status: str) -> None:
    one = rig(streamed(events(["All well. ", "The forbidden ", "word."]), status=status))
    response = ask(one, STREAM)
    assert response.status_code == int(status[:3])
    assert "All well." in response.text
    assert "forbidden" not in response.text
    assert one.stages() == [("input", "allow"), ("output", "block")]


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
def test_a_redirect_is_neither_followed_nor_passed_on(rig: RigMaker, status: str) -> None:
    one = rig(whole(completion("a forbidden word"), status, "location: http://elsewhere.example/\r\n"))
    response = ask(one)
    assert (response.status_code, code(response)) == (502, "upstream_redirect")
    assert "location" not in response.headers
    assert "forbidden" not in response.text
    assert len(one.upstream.requests) == 1
    assert one.stages() == [("input", "allow"), ("output", "block")]
    assert one.categories() == ["proxy.upstream_redirect"]


def test_a_status_that_means_nothing_is_refused(rig: RigMaker) -> None:
    one = rig(whole(completion("a forbidden word"), "700 Odd"))
    response = ask(one)
    assert (response.status_code, code(response)) == (502, "upstream_status")
    assert one.stages() == [("input", "allow"), ("output", "block")]


@pytest.mark.parametrize("status", ["400 Bad Request", "422 Unprocessable", "503 Service Unavailable"])
def test_a_clean_error_comes_through_as_it_is(rig: RigMaker, status: str) -> None:
    one = rig(whole(said("too long \u2713"), status, "retry-after: 7\r\nx-request-id: r1\r\n"))
    response = ask(one)
    assert (response.status_code, response.content) == (int(status[:3]), said("too long \u2713"))
    assert (response.headers["retry-after"], response.headers["x-request-id"]) == ("7", "r1")
    assert one.stages() == [("input", "allow"), ("output", "allow")]
    assert one.log.events[-1].labels["upstream_status"] == status[:3]


def test_an_error_without_a_body_comes_through(rig: RigMaker) -> None:
    one = rig(whole(b"", "401 Unauthorized", "www-authenticate: Bearer\r\n"))
    response = ask(one)
    assert (response.status_code, response.content) == (401, b"")
    assert response.headers["www-authenticate"] == "Bearer"
    assert one.stages() == [("input", "allow"), ("output", "allow")]


def test_an_error_is_redacted_where_it_quotes_a_text(rig: RigMaker) -> None:
    body = said("cannot answer: the hidden \u2713 word")
    one = rig(whole(body, "500 Internal Server Error"))
    response = ask(one)
    assert (response.status_code, response.content) == (500, body.replace(b"hidden", b"[HIDDEN]"))
    assert one.stages() == [("input", "allow"), ("output", "redact")]


BLOCKED = {
    "message": said("the model said: forbidden"),
    "any member": b'{"detail": [{"loc": ["body"], "input": {"type": "forbidden"}}]}',
    "a bare string": b'"forbidden"',
    "a completion": completion("forbidden"),
}


@pytest.mark.parametrize("name", BLOCKED)
def test_an_error_that_quotes_what_is_blocked_is_ours(rig: RigMaker, name: str) -> None:
    one = rig(whole(BLOCKED[name], "429 Too Many Requests", "retry-after: 7\r\nx-said: forbidden\r\n"))
    response = ask(one)
    assert (response.status_code, code(response)) == (429, "upstream_error")
    assert "forbidden" not in response.text + str(response.headers)
    assert response.headers["retry-after"] == "7"
    assert response.headers["x-safety-action"] == "block"
    assert one.stages() == [("input", "allow"), ("output", "block")]
    assert one.categories() == ["blocklist.stop"]


UNREADABLE = {
    "html": (b"<html>forbidden</html>", "content-type: text/html\r\n"),
    "not utf-8": (b'"\xff"', ""),
    "twice the same key": (b'{"forbidden":1,"forbidden":2}', ""),
    "compressed": (b"{}", "content-encoding: gzip\r\n"),
    "hidden compression": (b"{}", "content-encoding: identity\r\ncontent-encoding: gzip\r\n"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_error_that_cannot_be_read_is_ours(rig: RigMaker, name: str) -> None:
    body, headers = UNREADABLE[name]
    one = rig(whole(body, "503 Service Unavailable", headers + "retry-after: 7\r\n"))
    response = ask(one)
    assert (response.status_code, code(response)) == (503, "upstream_error")
    assert response.headers["retry-after"] == "7"
    assert response.headers["content-type"] == "application/json"
    assert "forbidden" not in response.text
    assert one.stages() == [("input", "allow"), ("output", "block")]
    assert one.categories() == ["proxy.upstream_error"]


def test_an_error_is_no_stream(rig: RigMaker) -> None:
    one = rig(streamed([event({"content": "forbidden"})], status="500 Internal Server Error"))
    response = ask(one, STREAM)
    assert (response.status_code, code(response)) == (500, "upstream_error")
    assert "forbidden" not in response.text
    assert one.categories() == ["proxy.upstream_error"]


def test_sdk_raises_the_endpoints_error(rig: RigMaker) -> None:
    one = rig(whole(said("the model said: forbidden"), "400 Bad Request"))
    client = openai.OpenAI(base_url=f"{one.url}/v1", api_key="k", max_retries=0, timeout=20)
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="m", messages=ASK["messages"])
    assert caught.value.code == "upstream_error"
    assert one.log.events[-1].exchange in caught.value.response.text


def test_an_error_need_not_be_grounded_in_the_documents(rig: RigMaker) -> None:
    body = said("Rate limit reached for this model, wait 20 seconds")
    content = "<documents>The office opens at 9.</documents> When does the office open?"
    with Guard.from_policy("rag") as guard:
        one = rig(whole(body, "429 Too Many Requests"), guard=guard)
        response = ask(one, {"model": "m", "messages": [{"role": "user", "content": content}]})
    assert (response.status_code, response.content) == (429, body)
