"""A model endpoint that does what the test says, byte for byte, and tells what it was sent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Self

Script = Callable[["Request", asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Request:
    """What the endpoint was sent."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class ScriptedUpstream:
    """An HTTP/1.1 server on a free port, in a thread. ``script`` writes each answer's raw bytes; ``closed``
    counts connections that the other side dropped while an answer was being written."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[Request] = []
        self.dropped = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop
        ).result(5)
        self._server = server
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _stop(self) -> None:
        self._server.close()
        others = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await _read(reader):
                self.requests.append(request)
                watch = asyncio.create_task(self._watch(reader))
                await self.script(request, writer)
                await writer.drain()
                watch.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watch
                if writer.is_closing():
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            self.dropped.set()
        except asyncio.CancelledError:
            pass
        finally:
            writer.close()

    async def _watch(self, reader: asyncio.StreamReader) -> None:
        while not reader.at_eof():  # noqa: ASYNC110 - the reader has no event for it
            await asyncio.sleep(0.01)
        self.dropped.set()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, target, headers, body)


def whole(body: bytes, status: str = "200 OK", headers: str = "") -> Script:
    """Answers with ``body``."""

    async def script(_: Request, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}"
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)

    return script


def completion(text: str, **message: Any) -> bytes:
    """The bytes of a chat completion, spelled unusually, so that re-serialising shows."""
    content = json.dumps(text)
    extra = "".join(f', "{k}" : {json.dumps(v)}' for k, v in message.items())
    return (
        '{"id":"c1", "object":"chat.completion",\n "created":1,"model":"m" ,"choices":[{"index":0,'
        f'"message":{{"role":"assistant","content":{content}{extra}}},"finish_reason":"stop"}}],'
        '"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}, "price":1.50}'
    ).encode()


def event(delta: dict[str, Any], finish: str | None = None, index: int = 0) -> bytes:
    """One streamed chunk."""
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    data = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def events(pieces: Iterable[str]) -> list[bytes]:
    """The chunks of a whole streamed answer."""
    return [
        event({"role": "assistant", "content": ""}),
        *(event({"content": piece}) for piece in pieces),
        event({}, "stop"),
        b"data: [DONE]\n\n",
    ]


def streamed(
    parts: Iterable[bytes], pause: float = 0.0, end: str = "close", status: str = "200 OK"
) -> Script:
    """Answers with a stream. ``end``: ``close`` properly, ``abort`` the connection, or ``hang``."""
    listed = list(parts)

    async def script(_: Request, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status}\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        writer.write(head.encode())
        for part in listed:
            writer.write(b"%x\r\n%b\r\n" % (len(part), part))
            await writer.drain()
            await asyncio.sleep(pause)
        if end == "close":
            writer.write(b"0\r\n\r\n")
        elif end == "abort":
            writer.transport.abort()
        else:
            await asyncio.sleep(60)

    return script
