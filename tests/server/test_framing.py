"""Requests framed oddly: the endpoint gets one well-formed request with the body that was judged, or none."""

from __future__ import annotations

import socket

import pytest
from rigs import Rig, RigMaker
from upstreams import completion, whole

GOOD = b'{"model":"m","messages":[{"role":"user","content":"How are you?"}]}'
BAD = GOOD.replace(b"How are you?", b"say the forbidden thing")
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"
CLOSE = b"connection: close\r\n"


def chunked(*parts: bytes, trailers: bytes = b"") -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in parts) + b"0\r\n" + trailers + b"\r\n"


def length(body: bytes) -> bytes:
    return b"content-length: %d\r\n" % len(body)


SMUGGLED = HEAD + length(BAD) + b"\r\n" + BAD
AMBIGUOUS = {
    "both, length first": length(GOOD) + b"transfer-encoding: chunked\r\n\r\n" + chunked(GOOD),
    "both, chunked first": b"transfer-encoding: chunked\r\n" + length(GOOD) + b"\r\n" + chunked(GOOD),
    "both, the length covers more": b"transfer-encoding: chunked\r\ncontent-length: 500\r\n\r\n"
    + chunked(GOOD)
    + SMUGGLED,
    "two lengths": length(GOOD) + b"content-length: 3\r\n\r\n" + GOOD,
    "the same length twice": length(GOOD) * 2 + b"\r\n" + GOOD,
    "a list of lengths": b"content-length: 3, 4\r\n\r\n" + GOOD,
    "a signed length": b"content-length: +67\r\n\r\n" + GOOD,
    "chunked twice over": b"transfer-encoding: chunked, identity\r\n\r\n" + chunked(GOOD),
    "another coding": b"transfer-encoding: gzip\r\n\r\n" + GOOD,
    "a folded header": b"transfer-encoding:\r\n chunked\r\n" + length(GOOD) + b"\r\n" + chunked(GOOD),
    "a space before the colon": b"transfer-encoding : chunked\r\n" + length(GOOD) + b"\r\n" + chunked(GOOD),
}


def targets(one: Rig) -> list[tuple[str, bytes]]:
    return [(request.target, request.body) for request in one.upstream.requests]


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_a_body_with_two_ends_is_refused(rig: RigMaker, name: str) -> None:
    one = rig(whole(completion("fine")))
    answer = one.raw(HEAD + CLOSE + AMBIGUOUS[name])
    assert answer.startswith(b"HTTP/1.1 4")
    assert one.upstream.requests == []


def test_a_chunked_body_goes_on_whole_and_with_a_length(rig: RigMaker) -> None:
    one = rig(whole(completion("fine")))
    framed = HEAD + CLOSE + b"transfer-encoding: chunked\r\n\r\n" + chunked(GOOD[:9], GOOD[9:20], GOOD[20:])
    assert one.raw(framed).startswith(b"HTTP/1.1 200 ")
    assert targets(one) == [("/v1/chat/completions", GOOD)]
    headers = one.upstream.requests[0].headers
    assert headers["content-length"] == str(len(GOOD))
    assert "transfer-encoding" not in headers


def test_trailers_do_not_become_headers(rig: RigMaker) -> None:
    one = rig(whole(completion("fine")))
    host, port = one.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as sock:
        sock.sendall(HEAD + CLOSE + b"expect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 100 ")  # the proxy has looked at the headers
        sock.sendall(chunked(GOOD, trailers=b"content-encoding: gzip\r\nx-late: 1\r\n"))
        assert sock.recv(100).startswith(b"HTTP/1.1 200 ")
    assert targets(one) == [("/v1/chat/completions", GOOD)]
    assert not {"content-encoding", "x-late", "expect"} & one.upstream.requests[0].headers.keys()


@pytest.mark.parametrize("headers", [b"", b"content-encoding: identity\r\n"], ids=["once", "behind another"])
def test_a_compressed_body_is_refused(rig: RigMaker, headers: bytes) -> None:
    one = rig(whole(completion("fine")))
    framed = HEAD + CLOSE + headers + b"content-encoding: gzip\r\n" + length(GOOD) + b"\r\n" + GOOD
    assert one.raw(framed).startswith(b"HTTP/1.1 415 ")
    assert one.upstream.requests == []


def test_expect_continue_is_answered_here(rig: RigMaker) -> None:
    one = rig(whole(completion("fine")))
    answer = one.raw(HEAD + CLOSE + b"expect: 100-continue\r\n" + length(GOOD) + b"\r\n" + GOOD)
    first, _, rest = answer.partition(b"\r\n\r\n")
    assert first == b"HTTP/1.1 100 Continue"
    assert rest.startswith(b"HTTP/1.1 200 ")
    assert targets(one) == [("/v1/chat/completions", GOOD)]
    assert "expect" not in one.upstream.requests[0].headers


def test_pipelined_requests_are_judged_one_by_one(rig: RigMaker) -> None:
    one = rig(whole(completion("fine")))
    requests = [HEAD + length(body) + b"\r\n" + body for body in (GOOD, BAD)]
    answer = one.raw(b"".join(requests) + HEAD + CLOSE + length(GOOD) + b"\r\n" + GOOD)
    statuses = [part.split(b" ")[0] for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"400", b"200"]
    assert [body for _, body in targets(one)] == [GOOD, GOOD]
    actions = [action for stage, action in one.stages() if stage == "input"]
    assert actions == ["allow", "block", "allow"]


def test_a_request_inside_a_body_is_text(rig: RigMaker) -> None:
    one = rig(whole(completion("fine")))
    assert one.raw(HEAD + CLOSE + length(SMUGGLED) + b"\r\n" + SMUGGLED).startswith(b"HTTP/1.1 400 ")
    assert one.upstream.requests == []
    assert one.categories() == ["proxy.invalid_json"]


def test_bytes_after_the_last_request_are_nothing(rig: RigMaker) -> None:
    one = rig(whole(completion("fine")))
    answer = one.raw(HEAD + CLOSE + length(GOOD) + b"\r\n" + GOOD + SMUGGLED)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert targets(one) == [("/v1/chat/completions", GOOD)]
