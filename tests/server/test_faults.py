"""Faults: what the client gets, and what the record says. Nothing is silently passed."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest
from rigs import POLICY, Rig, RigMaker
from upstreams import Request, completion, event, events, streamed, whole

from safety.detectors.base import Detector, Scope
from safety.events.file import MIN_BYTES
from safety.events.log import EventLog
from safety.server.proxy import Caps
from safety.server.upstream import Timeouts
from safety.types import Exchange, Finding

ASK = {"model": "m", "messages": [{"role": "user", "content": "How are you?"}]}
STREAM = {**ASK, "stream": True}
SHORT = Timeouts(connect=0.5, read=0.5, body=0.5)
ODD_POLICY = POLICY + "deadline: 300ms\n"


def ask(one: Rig, body: dict[str, Any] = ASK, **kwargs: Any) -> httpx.Response:
    return httpx.post(one.url + "/v1/chat/completions", json=body, timeout=20, **kwargs)


def code(response: httpx.Response) -> str:
    value: str = response.json()["error"]["code"]
    return value


class Odd(Detector):
    """Does what the test says; emits what the policy's blocklist rules cover."""

    name = "odd"
    categories = ("blocklist.stop",)
    scope = Scope.EXCHANGE

    def __init__(self, act: Callable[[Sequence[Exchange]], Any]) -> None:
        super().__init__()
        self.act = act

    def detect(self, batch: Sequence[Exchange]) -> Sequence[Sequence[Finding]]:
        result: Sequence[Sequence[Finding]] = self.act(batch)
        return result


def raises(_: Sequence[Exchange]) -> Any:
    raise RuntimeError("boom")


@pytest.mark.parametrize(
    ("act", "how"),
    [
        (raises, "failed"),
        (lambda batch: time.sleep(1.5), "late"),
        (lambda batch: ["nonsense"], "failed"),
        (lambda batch: None, "failed"),
    ],
)
def test_a_broken_detector_blocks_and_says_so(rig: RigMaker, act: Any, how: str) -> None:
    one = rig(whole(completion("fine")), policy=ODD_POLICY, detectors=[Odd(act)])
    response = ask(one)
    assert (response.status_code, code(response)) == (400, "content_filter")
    assert "could not run" in response.json()["error"]["message"]
    assert one.upstream.requests == []
    assert one.categories() == [f"not_run.{how}"]
    assert not one.log.events[0].complete


def test_a_broken_detector_passes_only_if_the_policy_says_so_and_is_recorded(rig: RigMaker) -> None:
    one = rig(whole(completion("fine")), policy=ODD_POLICY + "on_error: annotate\n", detectors=[Odd(raises)])
    response = ask(one)
    assert response.content == completion("fine")
    assert response.headers["x-safety-action"] == "annotate"
    assert [e.complete for e in one.log.events] == [False, False]


def test_a_detector_that_breaks_mid_stream_cuts_the_stream(rig: RigMaker) -> None:
    def act(batch: Sequence[Exchange]) -> Any:
        if any("third" in s.text for e in batch for s in e.segments):
            raise RuntimeError("boom")
        return [[] for _ in batch]

    one = rig(streamed(events(["First. ", "Second. ", "third. ", "Fourth."])), detectors=[Odd(act)])
    text = ask(one, STREAM).text
    assert "First" in text
    assert "third" not in text
    assert "content_filter" in text
    assert text.endswith("data: [DONE]\n\n")
    assert one.stages() == [("input", "allow"), ("output", "block")]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_an_endpoint_that_refuses(rig: RigMaker) -> None:
    one = rig(whole(b""), url=f"http://127.0.0.1:{free_port()}")
    response = ask(one)
    assert (response.status_code, code(response)) == (502, "upstream_unreachable")
    assert one.stages() == [("input", "allow"), ("output", "block")]
    assert one.categories() == ["proxy.upstream_unreachable"]


def test_an_endpoint_that_hangs(rig: RigMaker) -> None:
    async def silence(_: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    one = rig(silence, timeouts=SHORT)
    response = ask(one)
    assert (response.status_code, code(response)) == (504, "upstream_timeout")
    assert one.categories() == ["proxy.upstream_timeout"]


def test_an_endpoint_that_dies_in_the_middle_of_a_whole_answer(rig: RigMaker) -> None:
    async def half(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{")
        await writer.drain()
        writer.close()

    one = rig(half)
    response = ask(one)
    assert (response.status_code, code(response)) == (502, "upstream_died")
    assert one.categories() == ["proxy.upstream_died"]


@pytest.mark.parametrize(("end", "label"), [("abort", "upstream_died"), ("hang", "upstream_timeout")])
def test_an_endpoint_that_breaks_off_a_stream(rig: RigMaker, end: str, label: str) -> None:
    one = rig(streamed(events(["All well. ", "Half a sen"])[:3], end=end), timeouts=SHORT)
    text = ask(one, STREAM).text
    assert "All well." in text
    assert f'"code": "{label}"' in text or f'"code":"{label}"' in text
    assert "[DONE]" not in text
    assert one.stages() == [("input", "allow"), ("output", "allow")]
    assert one.log.events[-1].labels["end"] == label


def test_what_was_not_judged_does_not_leave_when_the_endpoint_dies(rig: RigMaker) -> None:
    one = rig(streamed(events(["All well. ", "The forbidden"])[:3], end="abort"))
    text = ask(one, STREAM).text
    assert "forbidden" not in text
    assert one.stages()[-1] == ("output", "block")


@pytest.mark.parametrize(
    "body",
    [
        b"<html>bad gateway</html>",
        b'{"choices": 7}',
        b"[]",
        b"\xff\xfe",
        b'{"choices":[], "choices":[]}',
        b"",
    ],
)
def test_an_endpoint_that_sends_garbage(rig: RigMaker, body: bytes) -> None:
    one = rig(whole(body))
    response = ask(one)
    assert response.status_code == 502
    assert code(response).startswith("upstream_")
    assert body not in response.content or not body
    assert one.stages() == [("input", "allow"), ("output", "block")]


@pytest.mark.parametrize(
    "part",
    [b"data: {not json\n\n", b"data: " + b"x" * 10_000_000, b"data: [1, 2]\n\n", b"data: \xff\xfe\n\n"],
    ids=["not json", "10 MB line", "no object", "not utf-8"],
)
def test_an_endpoint_that_streams_garbage(rig: RigMaker, part: bytes) -> None:
    one = rig(streamed([event({"content": "All well. "}), event({"content": "Next"}), part]))
    text = ask(one, STREAM).text
    assert "All well." in text
    assert '"error"' in text
    assert "[DONE]" not in text
    assert len(text) < 10_000
    assert one.log.events[-1].labels["end"].startswith("upstream_")


def test_a_compressed_answer_is_refused_not_passed(rig: RigMaker) -> None:
    one = rig(whole(b"\x1f\x8b...", headers="content-encoding: gzip\r\n"))
    response = ask(one)
    assert (response.status_code, code(response)) == (502, "upstream_unsupported_encoding")
    assert one.stages() == [("input", "allow"), ("output", "block")]


def test_an_answer_over_the_cap_is_refused(rig: RigMaker) -> None:
    one = rig(whole(completion("x" * 5000)), caps=Caps(reply=1000))
    response = ask(one)
    assert (response.status_code, code(response)) == (502, "upstream_too_large")


@pytest.mark.parametrize("body", [ASK, STREAM], ids=["whole", "streamed"])
def test_a_client_that_hangs_up_stops_the_endpoint(rig: RigMaker, body: dict[str, Any]) -> None:
    started = threading.Event()
    parts = [event({"content": f"Sentence {i}. "}) for i in range(1000)]
    slow = streamed(parts, pause=0.02)

    async def script(request: Request, writer: asyncio.StreamWriter) -> None:
        started.set()
        if body is ASK:
            await asyncio.sleep(30)
        await slow(request, writer)

    one = rig(script)
    with httpx.Client(timeout=20) as client:
        if body is STREAM:
            with client.stream("POST", one.url + "/v1/chat/completions", json=body) as response:
                next(response.iter_bytes())
        else:
            with pytest.raises(httpx.ReadTimeout):
                client.post(one.url + "/v1/chat/completions", json=body, timeout=0.5)
    assert started.is_set()
    assert one.upstream.dropped.wait(10)
    last = one.events(2)[-1]
    assert last.labels.get("end") == "client_closed" or last.categories == ("proxy.client_closed",)


def test_a_full_disk_blocks_and_says_so(rig: RigMaker, tmp_path: Any) -> None:
    log = EventLog(tmp_path / "events.sqlite", max_bytes=MIN_BYTES)
    try:
        one = rig(whole(completion("fine")), recorder=log)
        answers = [ask(one) for _ in range(400)]
    finally:
        log.close()
    statuses = [a.status_code for a in answers]
    assert statuses[0] == 200
    assert statuses[-1] == 400
    assert "record check could not run" in answers[-1].json()["error"]["message"]
    assert statuses == sorted(statuses), "once the record is full, nothing passes"


BAD_REQUESTS = {
    "not json": (b"{", 400, "invalid_json"),
    "not utf-8": (b'{"messages": "\xff"}', 400, "invalid_utf8"),
    "twice the same key": (b'{"messages":[],"messages":[]}', 400, "duplicate_key"),
    "no messages": (b'{"model": "m"}', 400, None),
    "unknown role": (b'{"messages":[{"role":"wizard","content":"x"}]}', 400, None),
    "deep": (b'{"messages":' + b"[" * 5000, 400, None),
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_a_request_that_cannot_be_read_is_refused_by_name(rig: RigMaker, name: str) -> None:
    body, status, expected = BAD_REQUESTS[name]
    one = rig(whole(completion("never")))
    response = httpx.post(one.url + "/v1/chat/completions", content=body)
    assert response.status_code == status
    assert expected is None or code(response) == expected
    assert one.upstream.requests == []
    assert one.stages() == [("input", "block")]
    assert one.categories() == [f"proxy.{code(response)}"]


def test_what_is_too_large_is_refused_by_name(rig: RigMaker) -> None:
    one = rig(whole(completion("never")), caps=Caps(headers=2000, body=3000, segments=5))
    many = {"model": "m", "messages": [{"role": "user", "content": "x"}] * 6}
    big = {"model": "m", "messages": [{"role": "user", "content": "x" * 4000}]}
    cases = [
        (ask(one, headers={"x-big": "y" * 3000}), 431, "headers_too_large"),
        (ask(one, big), 413, "body_too_large"),
        (ask(one, many), 413, "too_many_texts"),
        (ask(one, headers={"content-encoding": "gzip"}), 415, "unsupported_encoding"),
    ]
    for response, status, expected in cases:
        assert (response.status_code, code(response)) == (status, expected)
        assert response.headers["x-safety-event-id"] in {e.exchange for e in one.log.events}
    assert one.upstream.requests == []
    assert len(one.log.events) == 4


def test_a_client_that_sends_its_body_too_slowly(rig: RigMaker) -> None:
    one = rig(whole(completion("never")), timeouts=SHORT)
    host, port = one.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as sock:
        sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
        assert b"408" in sock.recv(4096)
    assert one.categories() == ["proxy.request_timeout"]


def test_a_client_cannot_switch_checks_off_or_choose_an_endpoint(rig: RigMaker) -> None:
    one = rig(whole(completion("never")))
    body = {
        "model": "http://elsewhere.example/m",
        "messages": [{"role": "user", "content": "forbidden"}],
        "guardrails": [],
        "metadata": {"guardrails": "off", "policy": "none"},
    }
    headers = {"x-policy-id": "none", "x-upstream": "http://elsewhere.example", "host": "elsewhere.example"}
    response = ask(one, body, headers=headers)
    assert (response.status_code, code(response)) == (400, "content_filter")
