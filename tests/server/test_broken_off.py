"""Answers that end before their time: one event per stage, one head, and nobody takes half for a whole."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from typing import Any

import httpx
import pytest
from rigs import Rig, RigMaker
from upstreams import Request, completion, event, events, streamed, whole

from safety.events.memory import MemoryLog
from safety.types import Stage
from safety.wire.codec import Chunk
from safety.wire.openai import OpenAICodec
from safety.wire.openai_stream import OpenAIStream

ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "How are you?"}]}
STREAM = {**ASK, "stream": True}
GET = b"GET /v1/files HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


def ask(one: Rig, body: dict[str, Any] = ASK) -> httpx.Response:
    return httpx.post(one.url + "/v1/chat/completions", json=body, timeout=20)


def test_a_passthrough_that_the_endpoint_breaks_off_is_cut(
    rig: RigMaker, capfd: pytest.CaptureFixture[str]
) -> None:
    one = rig(streamed([b"first"], pause=0.1, end="abort"), passthrough=("GET /v1/files",))
    answer = one.raw(GET)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"5\r\nfirst\r\n")
    assert one.stages() == [("input", "allow"), ("output", "allow")]
    assert one.categories() == ["proxy.passed_through", "proxy.upstream_died"]
    assert "Traceback" not in capfd.readouterr().err


def test_a_passthrough_that_comes_to_its_end_leaves_one_event(rig: RigMaker) -> None:
    one = rig(streamed([b"first"]), passthrough=("GET /v1/files",))
    assert one.raw(GET).endswith(b"5\r\nfirst\r\n0\r\n\r\n")
    assert one.stages() == [("input", "allow")]


def test_a_passthrough_to_nobody_is_an_error_with_two_events(rig: RigMaker) -> None:
    one = rig(whole(b""), url="http://127.0.0.1:9", passthrough=("GET /v1/files",))
    assert one.raw(GET).startswith(b"HTTP/1.1 502 ")
    assert one.stages() == [("input", "allow"), ("output", "block")]


def test_a_passthrough_that_the_client_leaves_says_so(rig: RigMaker) -> None:
    one = rig(streamed([b"x"] * 1000, pause=0.02), passthrough=("GET /v1/files",))
    with httpx.stream("GET", one.url + "/v1/files", timeout=20) as response:
        next(response.iter_bytes())
    assert one.upstream.dropped.wait(10)
    assert [e.stage for e in one.events(2)] == [Stage.INPUT, Stage.OUTPUT]
    assert one.categories() == ["proxy.passed_through", "proxy.client_closed"]


def test_a_passthrough_that_cannot_be_recorded_does_not_happen(rig: RigMaker) -> None:
    log = MemoryLog()
    log.refuse("the disk is full")
    one = rig(whole(b"{}"), recorder=log, passthrough=("GET /v1/files",))
    assert one.raw(GET).startswith(b"HTTP/1.1 503 ")
    assert one.upstream.requests == []


def test_a_head_that_cannot_be_sent_leaves_no_second_one(rig: RigMaker) -> None:
    one = rig(whole(b"{}", "799 Odd"), passthrough=("GET /v1/files",))  # uvicorn sends nothing over 599
    assert one.raw(GET).count(b"HTTP/1.1 ") == 0
    assert one.stages() == [("input", "allow"), ("output", "allow")]
    assert one.categories() == ["proxy.passed_through", "proxy.internal_error"]


class FaultyStream(OpenAIStream):
    """Breaks where the answer says so, as a mistake of ours would."""

    def feed(self, data: bytes) -> list[Chunk]:
        if b"boom" in data:
            raise RuntimeError("a mistake")
        return super().feed(data)

    def rewrite(self, chunk: Chunk, texts: Any) -> bytes:
        if any("crash" in text for text in texts):
            raise RuntimeError("a mistake")
        return super().rewrite(chunk, texts)


class Faulty(OpenAICodec):
    def stream(self, request: Any) -> FaultyStream:
        return FaultyStream(request)

    def read_response(self, body: bytes, request: Any) -> Any:
        if b"boom" in body:
            raise RuntimeError("a mistake")
        return super().read_response(body, request)

    def refuse_response(self, body: bytes, verdict: Any) -> bytes:
        raise RuntimeError("a mistake")


def test_a_fault_of_ours_in_a_stream_ends_it_and_is_on_record(rig: RigMaker) -> None:
    one = rig(streamed(events(["All well. ", "Half a sen", "boom"]), pause=0.05), codec=Faulty())
    text = ask(one, STREAM).text
    assert "All well." in text
    assert "Half" not in text
    assert text.count('"internal_error"') == 1
    assert "[DONE]" not in text
    assert one.stages() == [("input", "allow"), ("output", "allow")]
    assert one.log.events[-1].labels["end"] == "internal_error"


def test_what_was_blocked_in_a_stream_that_failed_is_on_record(rig: RigMaker) -> None:
    one = rig(streamed(events(["All well. ", "The forbidden", "boom"]), pause=0.05), codec=Faulty())
    assert "forbidden" not in ask(one, STREAM).text
    assert one.stages() == [("input", "allow"), ("output", "block")]


def test_a_stream_that_fails_again_at_its_end_has_one_event(rig: RigMaker) -> None:
    parts = [event({"content": "All well. "}), event({"content": "The hidden crash"}), event({}, "stop")]
    one = rig(streamed([*parts, b"data: [DONE]\n\n"], pause=0.05), codec=Faulty())
    text = ask(one, STREAM).text
    assert "crash" not in text
    assert text.count('"internal_error"') == 1
    assert [stage for stage, _ in one.stages()] == ["input", "output"]


@pytest.mark.parametrize(("said", "action"), [("boom", "block"), ("a forbidden word", "block")])
def test_a_fault_of_ours_in_a_whole_answer_has_one_event(rig: RigMaker, said: str, action: str) -> None:
    one = rig(whole(completion(said)), codec=Faulty())
    response = ask(one)
    assert (response.status_code, response.json()["error"]["code"]) == (500, "internal_error")
    assert one.stages() == [("input", "allow"), ("output", action)]


def test_a_client_that_leaves_before_the_answer_has_one_event_per_stage(rig: RigMaker) -> None:
    started = threading.Event()

    async def silence(_: Request, writer: asyncio.StreamWriter) -> None:
        started.set()
        await asyncio.sleep(30)

    one = rig(silence)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(one.url + "/v1/chat/completions", json=ASK, timeout=0.5)
    assert started.is_set()
    assert one.upstream.dropped.wait(10)
    assert [e.stage for e in one.events(2)] == [Stage.INPUT, Stage.OUTPUT]
    assert one.categories() == ["proxy.client_closed"]


def stop(one: Rig) -> None:
    """The server is told to stop and gives up waiting for what is under way."""
    one.proxy._server.config.timeout_graceful_shutdown = 0
    one.proxy.__exit__()


def open_call(one: Rig, body: dict[str, Any]) -> socket.socket:
    host, port = one.url.removeprefix("http://").split(":")
    sock = socket.create_connection((host, int(port)), timeout=20)
    data = json.dumps(body).encode()
    sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(data))
    sock.sendall(data)
    return sock


def test_a_stream_that_a_stopping_server_breaks_off_is_on_record(rig: RigMaker) -> None:
    one = rig(streamed(events(["First. ", "Second. "] * 200), pause=0.05))
    with open_call(one, STREAM) as sock:
        got = b""
        while b"First." not in got:
            got += sock.recv(65536)
        stop(one)
    assert one.stages() == [("input", "allow"), ("output", "allow")]
    assert one.log.events[-1].labels["end"] == "server_stopped"


def test_a_request_that_a_stopping_server_breaks_off_is_on_record(rig: RigMaker) -> None:
    started = threading.Event()

    async def silence(_: Request, writer: asyncio.StreamWriter) -> None:
        started.set()
        await asyncio.sleep(30)

    one = rig(silence)
    with open_call(one, ASK):
        assert started.wait(10)
        stop(one)
    assert one.stages() == [("input", "allow"), ("output", "block")]
    assert one.categories() == ["proxy.server_stopped"]
