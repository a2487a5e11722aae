"""The few ASGI motions the proxy needs: read a body under a cap, answer whole, answer in pieces.

Bare ASGI, because a framework's request and response objects cost more than all of our own work on a clean
request. It knows nothing of models or policies.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Concatenate, ParamSpec, TypeVar

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
P = ParamSpec("P")
T = TypeVar("T")

INLINE = 256 * 1024  # bytes; reading more than that at once would keep all other requests waiting

# A charset parameter that is not plainly UTF-8, quoted or not; RFC 8259 knows no other for JSON.
_FOREIGN = re.compile(rb'charset(?!\s*=\s*("?)utf-?8\1\s*(?:[;,]|\Z))', re.IGNORECASE)


class ClientError(Exception):
    """The client's request cannot be taken: an HTTP status, a stable code, and words."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class ClientGone(Exception):
    """The client hung up."""


async def read_body(receive: Receive, limit: int, seconds: float) -> bytes:
    """The whole body. Raises ``ClientError`` over ``limit`` bytes or after ``seconds``, ``ClientGone``."""
    message = await _received(receive, seconds)
    if not message.get("more_body"):  # the usual case: one piece
        body: bytes = message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
        return body
    parts, size = [message.get("body", b"")], len(message.get("body", b""))
    deadline = asyncio.get_running_loop().time() + seconds
    while message.get("more_body"):
        message = await _received(receive, deadline - asyncio.get_running_loop().time())
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise _too_large(limit)
    return b"".join(parts)


async def _received(receive: Receive, seconds: float) -> MutableMapping[str, Any]:
    try:
        async with asyncio.timeout(seconds):
            message = await receive()
    except TimeoutError:
        raise ClientError(408, "request_timeout", "the request body did not arrive in time") from None
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message


def _too_large(limit: int) -> ClientError:
    return ClientError(413, "body_too_large", f"the request body is over {limit} bytes")


async def beside(body: bytes, work: Callable[Concatenate[bytes, P], T], *args: P.args, **more: P.kwargs) -> T:
    """``work`` on ``body``: at once, or beside the event loop if the body is large."""
    if len(body) <= INLINE:
        return work(body, *args, **more)
    return await asyncio.to_thread(work, body, *args, **more)


def header_size(scope: Scope) -> int:
    """Bytes of all header names and values."""
    return sum(len(name) + len(value) for name, value in scope["headers"])


def header(scope: Scope, name: bytes) -> bytes:
    """The request header's values, or nothing. ASGI gives names in lower case."""
    return b", ".join(value for key, value in scope["headers"] if key == name)


def foreign_charset(content_type: bytes) -> bool:
    """Whether a content type says that the body is in a charset other than UTF-8."""
    return _FOREIGN.search(content_type) is not None


def without_length(headers: Headers) -> Headers:
    """The headers of a body that may change its size."""
    return [(name, value) for name, value in headers if name.lower() != b"content-length"]


async def answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """A whole response."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


async def begin(send: Send, status: int, headers: Headers) -> None:
    """The head of a response that comes in pieces."""
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def piece(send: Send, body: bytes, *, more: bool = True) -> None:
    """A piece of it; ``more=False`` ends it."""
    await send({"type": "http.response.body", "body": body, "more_body": more})


class Watch:
    """Cancels the current task when the client hangs up; ``gone`` then says that it was so.

    Use it as an async context manager once the request body has been read: from then on nothing but a
    disconnect can arrive.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._watcher: asyncio.Task[None] | None = None
        self.gone = False

    async def __aenter__(self) -> Watch:
        served = asyncio.current_task()
        self._watcher = asyncio.create_task(self._watch(served))
        return self

    async def _watch(self, served: asyncio.Task[Any] | None) -> None:
        message = await self._receive()
        while message["type"] != "http.disconnect":
            message = await self._receive()
        self.gone = True
        if served is not None:
            served.cancel()

    async def __aexit__(self, *_: object) -> None:
        if self._watcher is not None:
            self._watcher.cancel()

    def hung_up(self) -> bool:
        """Whether the task was cancelled because the client hung up; if so the task lives on."""
        task = asyncio.current_task()
        if self.gone and task is not None:
            task.uncancel()
        return self.gone
