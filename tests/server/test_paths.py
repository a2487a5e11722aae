"""Paths: none goes to the endpoint that it may read as another one than the proxy did."""

from __future__ import annotations

import posixpath
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rigs import Rig, RigMaker
from upstreams import completion, whole

from safety.server.http import ClientError
from safety.server.paths import Paths
from safety.wire.openai import OpenAICodec

OPEN = ("POST /*", "GET /*", "DELETE /v1/chat/completions")
BODY = b'{"model":"m","messages":[{"role":"user","content":"say the forbidden thing"}]}'
TRICKS = [
    "/v1/chat/completions/",
    "//v1/chat/completions",
    "/v1//chat/completions",
    "/v1/./chat/completions",
    "/v1/x/../chat/completions",
    "/v1/chat/completions/.",
    "/v1/chat/completions/..",
    "/v1/chat/completions;x",
    "/v1;x/chat/completions",
    "/v1/Chat/Completions",
    "/V1/chat/completions",
    "/v1/chat/completion\u017f".replace("\u017f", "%C5%BF"),  # folds to "s"
    "/v1/%2e/chat/completions",
    "/v1/x/%2E%2e/chat/completions",
    "/v1/chat%2fcompletions",
    "/v1%2Fchat/completions",
    "/v1/chat/completions%3fx",
    "/v1/chat/completions%23x",
    "/v1/chat/completions%3bx",
    "/v1/%2563hat/completions",
    "/v1/chat%5ccompletions",
    "/v1/chat\\completions",
    "/v1/chat/completions%00",
    "/v1/chat/completions%0a",
    "/v1/chat/completions%0d",
    "/v1/chat%09/completions",
    "/v1/models%0dx",
    "/v1/models%09",
    "/v1/chat/completions%C2%85",
    "/v1/chat%c0%afcompletions",  # "/" in overlong UTF-8
    "/v1/%u0063hat/completions",
    "/v1/chat/completions%",
    "/v1/chat/completions.",
    "/v1/chat/completions%20",
    "/openai/deployments/a%20b/chat/completions",
    "/openai/deployments/m/Chat/completions",
    "/openai/deployments/./chat/completions",
    "/openai/deployments/%2e%2e/chat/completions",
]


def ask(one: Rig, method: str, path: str, body: bytes = BODY) -> tuple[int, bytes]:
    """Status and answer for a path that no client library tidies up first."""
    head = f"{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    answer = one.raw(head.encode() + body)
    return int(answer.split(b" ", 2)[1]), answer


@pytest.mark.parametrize("path", TRICKS)
def test_an_ambiguous_path_is_refused(path: str) -> None:
    with pytest.raises(ClientError) as caught:
        Paths((OpenAICodec(),), OPEN).route("POST", path.encode(), unquote(path))
    assert (caught.value.status, caught.value.code) == (400, "ambiguous_path")


@pytest.mark.parametrize("passthrough", [OPEN, ()], ids=["open", "closed"])
def test_no_ambiguous_path_reaches_the_endpoint(rig: RigMaker, passthrough: Any) -> None:
    one = rig(whole(completion("never")), passthrough=passthrough)
    for path in TRICKS:
        status, answer = ask(one, "POST", path)
        assert (status, b'"ambiguous_path"' in answer) == (400, True), path
    assert one.upstream.requests == []
    assert one.stages() == [("input", "block")] * len(TRICKS)
    assert set(one.categories()) == {"proxy.ambiguous_path"}


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions",
        "/v1/%63hat/completions",
        "/openai/v1/chat/completions",
        "/openai/deployments/gpt-4.1_mini/chat/completions",
    ],
)
def test_a_guarded_path_is_judged_although_all_is_open(rig: RigMaker, path: str) -> None:
    one = rig(whole(completion("fine")), passthrough=OPEN)
    assert ask(one, "POST", path)[0] == 400
    assert one.categories() == ["blocklist.stop"]
    assert one.upstream.requests == []
    assert ask(one, "POST", path, BODY.replace(b"forbidden", b"right"))[0] == 200
    assert [request.target for request in one.upstream.requests] == [path]


@pytest.mark.parametrize(
    "path", ["/v1/models%20x", "/v1/files/a%20b%C3%A9/", "/v1/models/a:b@1,2+~!$&'()*", "/v1/m?a=%2e./;"]
)
def test_a_path_that_is_passed_through_goes_on_as_it_came(rig: RigMaker, path: str) -> None:
    one = rig(whole(b"{}"), passthrough=("GET /v1/*",))
    assert ask(one, "GET", path, b"")[0] == 200
    assert [request.target for request in one.upstream.requests] == [path]
    assert one.log.events[0].labels["route"] == f"GET {path.partition('?')[0]}"


def test_other_methods_of_a_guarded_path_pass_only_by_their_own_name(rig: RigMaker) -> None:
    one = rig(whole(b"{}"), passthrough=OPEN)
    assert ask(one, "GET", "/v1/chat/completions")[0] == 404
    assert ask(one, "PUT", "/v1/chat/completions")[0] == 404
    assert ask(one, "DELETE", "/v1/chat/completions/")[0] == 400
    assert one.upstream.requests == []
    assert ask(one, "DELETE", "/v1/chat/completions")[0] == 200
    assert one.categories()[-1] == "proxy.passed_through"


def test_a_target_that_names_a_host_does_not_choose_one(rig: RigMaker) -> None:
    one = rig(whole(completion("fine")), passthrough=OPEN)
    assert ask(one, "POST", "http://elsewhere.example/v1/chat/completions")[0] == 400
    assert one.categories() == ["blocklist.stop"]


def read_loosely(path: str) -> str:
    """What a forgiving server makes of a path: all that any of them is known to do."""
    for _ in range(3):
        path = unquote(path)
    path = path.replace("\\", "/").casefold().partition("?")[0].partition("#")[0]
    path = "/".join(part.partition(";")[0] for part in path.split("/"))
    return posixpath.normpath("/" + path.strip("/ ."))


PARTS = [
    "/",
    "v1",
    "chat",
    "completions",
    "V1",
    "%63hat",
    ".",
    "%2e",
    "%252e",
    "%2f",
    "\\",
    ";",
    "%3f",
    "%00",
    "x",
]


@given(st.lists(st.sampled_from(PARTS), max_size=12).map(lambda parts: "/" + "".join(parts)))
@example("/v1/chat/completions")
def test_whatever_is_passed_through_is_read_as_a_guarded_path_by_nobody(path: str) -> None:
    guarded = OpenAICodec().paths
    try:
        codec, _ = Paths((OpenAICodec(),), OPEN).route("POST", path.encode(), unquote(path))
    except ClientError:
        return
    assert (codec is None) == (read_loosely(path) not in guarded)
