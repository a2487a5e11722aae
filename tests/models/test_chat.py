"""A chat endpoint as a writer, against a server that does what the test says byte for byte."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from upstreams import Request, Script, ScriptedUpstream, completion, streamed, whole

from safety.detectors.groundedness.writer import Failed, Wanted
from safety.errors import ConfigError
from safety.models.chat import AT_ONCE, MAX_ANSWER, MAX_TOKENS, ChatWriter

ONE = (Wanted("Judge.", "The sky is blue."),)
SHORT = 0.5  # seconds: the deadline where it is to pass
SLACK = 2.0  # seconds: for a busy machine
Serve = Callable[[Script], ScriptedUpstream]


@pytest.fixture
def serve() -> Iterator[Serve]:
    running: list[ScriptedUpstream] = []

    def start(script: Script) -> ScriptedUpstream:
        running.append(ScriptedUpstream(script).__enter__())
        return running[-1]

    yield start
    gc.collect()  # writers let go of their connections before the servers end
    for upstream in running:
        upstream.__exit__()


def asked(script: Script, serve: Serve, seconds: float = 20) -> str | Failed:
    """The one answer there is."""
    (answer,) = ChatWriter(serve(script).url, "m", seconds=seconds).write(ONE)
    return answer


def user(request: Request) -> str:
    return str(request.json["messages"][1]["content"])


def test_answers_come_in_order_and_are_asked_for_in_parallel(serve: Serve) -> None:
    together = asyncio.Barrier(AT_ONCE)

    async def script(request: Request, writer: asyncio.StreamWriter) -> None:
        await together.wait()  # nobody is answered until all have asked
        await asyncio.sleep(0.05 * (AT_ONCE - int(user(request))))
        await whole(completion(f"answer {user(request)}"))(request, writer)

    chat = ChatWriter(serve(script).url, "m", seconds=20)
    wanted = [Wanted("", str(number)) for number in range(AT_ONCE)]
    assert chat.write(wanted) == [f"answer {number}" for number in range(AT_ONCE)]


def test_more_questions_than_connections_are_all_answered(serve: Serve) -> None:
    async def script(request: Request, writer: asyncio.StreamWriter) -> None:
        await whole(completion(user(request)))(request, writer)

    chat = ChatWriter(serve(script).url, "m", seconds=20)
    numbers = [str(number) for number in range(5 * AT_ONCE)]
    assert chat.write([Wanted("", number) for number in numbers]) == numbers
    assert chat.write([]) == []


def test_what_the_server_sees(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_CHAT_KEY", "sk-secret\n")  # as read from a file
    upstream = serve(whole(completion("Fine."), headers="set-cookie: who=you\r\n"))
    chat = ChatWriter(f"{upstream.url}/v1/?version=2", "some-model", key="TEST_CHAT_KEY", seconds=20)
    assert chat.write(ONE) == chat.write(ONE) == ["Fine."]
    for request in upstream.requests:
        assert (request.method, request.target) == ("POST", "/v1/chat/completions?version=2")
        assert request.headers["authorization"] == "Bearer sk-secret"
        assert request.headers["content-type"] == "application/json"
        assert "cookie" not in request.headers
        assert request.json == {
            "model": "some-model",
            "messages": [
                {"role": "system", "content": "Judge."},
                {"role": "user", "content": "The sky is blue."},
            ],
            "temperature": 0,
            "max_tokens": MAX_TOKENS,
        }


def test_without_a_key_there_is_no_authorization(serve: Serve) -> None:
    upstream = serve(whole(completion("Fine.")))
    ChatWriter(upstream.url, "m", seconds=20).write(ONE)
    assert "authorization" not in upstream.requests[0].headers


@pytest.mark.parametrize("value", [None, "", " \n", "sk\nsecret", "schlüssel"])
def test_a_key_that_is_none(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_CHAT_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("TEST_CHAT_KEY", value)
    with pytest.raises(ConfigError, match="TEST_CHAT_KEY") as caught:
        ChatWriter("http://127.0.0.1:9/v1", "m", key="TEST_CHAT_KEY")
    assert not value or value not in str(caught.value)
    gc.collect()  # a writer that was never built has nothing to close


@pytest.mark.parametrize(
    "url",
    ["", "localhost:8000/v1", "ftp://a/v1", "file:///etc/passwd", "http://", "https:///v1", "http://[::"]
    + ["http://a:port/v1", "http://a\nb/"],
)
def test_bad_addresses(url: str) -> None:
    with pytest.raises(ConfigError, match="endpoint: "):
        ChatWriter(url, "m")


NO_COMPLETIONS = [
    (b"<html>busy</html>", "no chat completion"),
    (b"", "no chat completion"),
    (b"\xff\xfe\xfa", "no chat completion"),
    (b"[" * 50_000, "no chat completion"),
    (b'{"error": "busy"}', "no chat completion"),
    (b"[]", "no chat completion"),
    (b"7", "no chat completion"),
    (b'{"choices": []}', "no chat completion"),
    (b'{"choices": [{"message": null}]}', "no chat completion"),
    (b'{"choices": {"message": {"content": "x"}}}', "no chat completion"),
    (b'{"choices": [{"message": {"content": null}}]}', "holds no text"),
    (b'{"choices": [{"message": {"content": ["x"]}}]}', "holds no text"),
    (completion("x" * 1_000_000), f"over {MAX_ANSWER} bytes"),
]


@pytest.mark.parametrize(("body", "why"), NO_COMPLETIONS)
def test_what_is_no_completion_is_a_failure(body: bytes, why: str, serve: Serve) -> None:
    answer = asked(whole(body), serve)
    assert isinstance(answer, Failed)
    assert why in answer.why


@pytest.mark.parametrize("status", ["500 No", "404 No", "429 No", "204 No"])
def test_other_statuses_are_failures(status: str, serve: Serve) -> None:
    assert asked(whole(b"", status), serve) == Failed(f"the endpoint answered {status[:3]}")


def test_redirects_are_not_followed(serve: Serve) -> None:
    other = serve(whole(completion("Here!")))
    away = whole(b"", "307 Away", f"location: {other.url}/chat/completions\r\n")
    assert asked(away, serve) == Failed("the endpoint answered 307")
    assert other.requests == []


def test_nobody_there() -> None:
    with ScriptedUpstream(whole(b"")) as upstream:
        url = upstream.url
    assert ChatWriter(url, "m", seconds=20).write(ONE) == [Failed("ConnectError")]


def test_a_connection_cut_short(serve: Serve) -> None:
    assert asked(streamed([b'{"choices"'], end="abort"), serve) in (
        Failed("ReadError"),
        Failed("RemoteProtocolError"),
    )


def test_proxies_of_the_environment_are_not_used(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, upstream = serve(whole(completion("proxy"))), serve(whole(completion("endpoint")))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert ChatWriter(upstream.url, "m", seconds=20).write(ONE) == ["endpoint"]
    assert proxy.requests == []


def test_half_surrogate_pairs_go_and_come(serve: Serve) -> None:
    upstream = serve(whole(completion("a \ud83d b")))
    assert ChatWriter(upstream.url, "m", seconds=20).write([Wanted("t", "\ud83d")]) == ["a ? b"]
    assert user(upstream.requests[0]) == "\ud83d"


async def never(_: Request, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def slow_head(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nx: ")
    await _drip(writer)


async def slow_body(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n")
    await _drip(writer)


async def _drip(writer: asyncio.StreamWriter) -> None:
    for _ in range(600):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("hang", [never, slow_head, slow_body])
def test_what_hangs_fails_by_the_deadline_and_takes_up_no_room(hang: Script, serve: Serve) -> None:
    async def script(request: Request, writer: asyncio.StreamWriter) -> None:
        await (hang if user(request) == "hang" else whole(completion("Here.")))(request, writer)

    upstream = serve(script)
    chat, before = ChatWriter(upstream.url, "m", seconds=SHORT), threading.active_count()
    begun = time.monotonic()
    late = chat.write([Wanted("", "hang")] * (2 * AT_ONCE))
    assert time.monotonic() - begun < SHORT + SLACK
    assert late == [Failed("no answer in 0.5 s")] * (2 * AT_ONCE)
    assert upstream.dropped.wait(10)
    assert threading.active_count() <= before
    patient = ChatWriter(upstream.url, "m", seconds=20)
    assert patient.write(ONE) == ["Here."]
    assert _until_answered(chat) == ["Here."]


def _until_answered(chat: ChatWriter) -> list[str | Failed]:
    """What the writer says: on a busy machine half a second may pass without an answer."""
    for _ in range(10):
        if not isinstance((said := chat.write(ONE))[0], Failed):
            break
    return said


def test_one_that_hangs_does_not_spoil_the_others(serve: Serve) -> None:
    async def script(request: Request, writer: asyncio.StreamWriter) -> None:
        await (never if user(request) == "1" else whole(completion("Here.")))(request, writer)

    said = ChatWriter(serve(script).url, "m", seconds=2).write([Wanted("", n) for n in "012"])
    assert said == ["Here.", Failed("no answer in 2 s"), "Here."]


def test_many_threads_ask_at_a_time(serve: Serve) -> None:
    async def script(request: Request, writer: asyncio.StreamWriter) -> None:
        await whole(completion(user(request)))(request, writer)

    chat = ChatWriter(serve(script).url, "m", seconds=20)
    said: dict[int, list[str | Failed]] = {}

    def ask(number: int) -> None:
        said[number] = chat.write([Wanted("", str(number))])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert said == {number: [str(number)] for number in range(12)}


def test_a_writer_that_is_gone_leaves_no_thread(serve: Serve) -> None:
    before = set(threading.enumerate())  # not their numbers, which are given out again
    chat = ChatWriter(serve(whole(completion("Fine."))).url, "m", seconds=20)
    assert chat.write(ONE) == ["Fine."]
    mine = [t for t in threading.enumerate() if t.name == "chat" and t not in before]
    assert len(mine) == 1
    del chat
    gc.collect()
    mine[0].join(10)
    assert not mine[0].is_alive()


async def _in_a_loop(url: str) -> list[str | Failed]:
    return ChatWriter(url, "m", seconds=20).write(ONE)


def test_may_be_called_where_a_loop_runs(serve: Serve) -> None:
    assert asyncio.run(_in_a_loop(serve(whole(completion("Fine."))).url)) == ["Fine."]
