"""The one seam to model endpoints: the only file that knows the HTTP client.

aiohttp, because httpx's default pool costs several times more per request and grows with the number of
connections. Nothing is added to a request or taken from a reply but hop-by-hop headers: bodies come and go
as they are (no decompression, no redirects, no cookies).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Self

import aiohttp
from yarl import URL

from safety.errors import WireError
from safety.server.http import Headers, foreign_charset

# RFC 9110 section 7.6.1; ``host`` and ``content-length`` belong to the next hop as well.
HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer "
    b"transfer-encoding upgrade host content-length expect".split()
)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, until the first byte or between two pieces of a reply, and for a client to send
    its body."""

    connect: float = 5.0
    read: float = 120.0
    body: float = 30.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A configured model endpoint. ``url`` is its base, with or without a trailing ``/v1``; ``headers`` are
    set on every request (secrets among them, read from the environment when the process starts)."""

    name: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    models: tuple[str, ...] = ()


class UpstreamError(Exception):
    """The endpoint did not give a usable reply. ``code``: unreachable, timeout, died, too_large, redirect or
    status."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Reply:
    """A reply whose body has not been read yet. Close it, read or not."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers: Headers = end_to_end(response.raw_headers)

    def header(self, name: bytes) -> str:
        """The header's values in lower case, or nothing."""
        return b", ".join(v for k, v in self.headers if k.lower() == name).decode("latin-1").lower()

    @property
    def ok(self) -> bool:
        """Whether this is an answer, rather than an error."""
        return 200 <= self.status < 300

    @property
    def streams(self) -> bool:
        """Whether the body is server-sent events."""
        return self.header(b"content-type").startswith("text/event-stream")

    def require_answer_or_error(self) -> None:
        """Raises ``UpstreamError`` for every other kind of status."""
        kind = self.status // 100
        if kind == 3:
            raise UpstreamError(
                "redirect", "the model endpoint redirects, which is not followed: configure its URL"
            )
        if kind not in (2, 4, 5):
            raise UpstreamError("status", f"the model endpoint answered with status {self.status}")

    def require_plain(self) -> None:
        """Raises ``WireError`` for a body that is not said to be plain UTF-8."""
        encoding = self.header(b"content-encoding")
        if encoding not in ("", "identity"):
            raise WireError(
                "unsupported_encoding", f"the reply is encoded as {encoding}: it cannot be judged"
            )
        if foreign_charset(self.header(b"content-type").encode()):
            raise WireError("unsupported_charset", "the reply's charset is not UTF-8: it cannot be judged")

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, piece by piece, as it arrives."""
        try:
            async for data in self._response.content.iter_any():
                yield data
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _named(error) from error

    async def read(self, limit: int) -> bytes:
        """The whole body, at most ``limit`` bytes."""
        parts: list[bytes] = []
        size = 0
        async for data in self.chunks():
            size += len(data)
            if size > limit:
                raise UpstreamError("too_large", f"the reply is over {limit} bytes")
            parts.append(data)
        return b"".join(parts)

    def close(self) -> None:
        """Drop the connection, so that the endpoint sees that nobody listens any more; one whose body was
        read to its end has gone back to the pool already."""
        self._response.close()


class Upstream:
    """A pool of connections to one endpoint."""

    def __init__(self, endpoint: Endpoint, timeouts: Timeouts) -> None:
        self.endpoint = endpoint
        self._base = endpoint.url.rstrip("/")
        self._own = [(name.lower().encode(), value.encode()) for name, value in endpoint.headers]
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=timeouts.connect, sock_read=timeouts.read
        )
        self._session: aiohttp.ClientSession | None = None

    def url(self, path: str, query: str) -> URL:
        """Where a request for ``path`` goes. A base that ends in ``/v1`` takes the place of the path's own
        ``/v1``, because that is how OpenAI clients are given a base."""
        if self._base.endswith("/v1") and (path == "/v1" or path.startswith("/v1/")):
            path = path[len("/v1") :]
        return URL(self._base + path + (f"?{query}" if query else ""), encoded=True)

    async def open(self, method: str, path: str, query: str, headers: Headers, body: bytes) -> Reply:
        """Send a request; returns when the reply's headers are here. Raises ``UpstreamError``."""
        if self._session is None:
            self._session = self._new_session()
        own = {name for name, _ in self._own}
        sent = [(k, v) for k, v in end_to_end(headers) if k.lower() not in own] + self._own
        try:
            response = await self._session.request(
                method,
                self.url(path, query),
                data=body or None,
                headers=[(k.decode("latin-1"), v.decode("latin-1")) for k, v in sent],
                allow_redirects=False,
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _named(error) from error
        return Reply(response)

    def _new_session(self) -> aiohttp.ClientSession:
        # Kept shorter than the 5 s after which common model servers close an idle connection.
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=4.0)
        return aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeout,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            max_line_size=32_768,
            max_field_size=65_536,
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The headers of the message itself; ``Connection`` may name more that belong to one hop only."""
    listed = [(bytes(name), bytes(value)) for name, value in headers]
    named = {
        token.strip().lower()
        for name, value in listed
        if name.lower() == b"connection"
        for token in value.split(b",")
    }
    return [(n, v) for n, v in listed if n.lower() not in HOP_BY_HOP and n.lower() not in named]


def _named(error: Exception) -> UpstreamError:
    """Which of our names the client's error goes by. The messages hold no text of the exchange."""
    if isinstance(error, TimeoutError):
        return UpstreamError("timeout", "the model endpoint did not answer in time")
    if isinstance(error, aiohttp.ClientConnectorError | OSError) and not isinstance(
        error, aiohttp.ServerDisconnectedError
    ):
        return UpstreamError("unreachable", "the model endpoint cannot be reached")
    return UpstreamError("died", f"the model endpoint broke off ({type(error).__name__})")
