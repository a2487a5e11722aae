"""The load generator: HTTP/1.1 by hand over keep-alive connections, each sending its next request when the
last one has been answered. Bounded in time and in number; it reads of an answer only what it must."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from statistics import quantiles
from typing import cast

from processes import Running

PATIENCE = 60.0  # seconds for what is on its way when a round is over

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TOKEN = re.compile(rb'"content":"[^"]')
_SENTENCE = re.compile(rb'"content":"[^"]*\. ?"')

Bodies = Iterator[tuple[str, bytes]]


@dataclass
class Round:
    """What one round measured. ``seconds`` of wall clock, ``cpu`` seconds of the process under test,
    ``latencies`` in seconds; ``answers`` counts kind and status; of streams, seconds from sending to the
    first token, to the end of the first sentence, and to the end."""

    seconds: float = 0.0
    cpu: float = 0.0
    latencies: list[float] = field(default_factory=list)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    tokens: list[float] = field(default_factory=list)
    sentences: list[float] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.latencies)

    @property
    def rps(self) -> float:
        return self.count / self.seconds

    @property
    def cpu_us(self) -> float:
        """CPU microseconds per request."""
        return 1e6 * self.cpu / self.count

    def percentile(self, rank: int) -> float:
        """Milliseconds."""
        return 1e3 * (quantiles(self.latencies, n=100)[rank - 1] if self.count > 1 else self.latencies[0])

    def refused(self, expected: frozenset[tuple[str, int]] = frozenset()) -> int:
        """Answers that are neither 200 nor expected."""
        return sum(
            number for answer, number in self.answers.items() if answer[1] != 200 and answer not in expected
        )


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._answered: asyncio.Future[int] | None = None
        self._held = b""
        self._need = 0  # bytes of the answer under way, if its length is known
        self.token = self.sentence = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name

    async def ask(self, request: bytes) -> int:
        """Send a request; the status of its answer, once it is here whole."""
        self._answered = asyncio.get_running_loop().create_future()
        self._held, self._need, self.token, self.sentence = b"", 0, 0.0, 0.0
        self._transport.write(request)
        return await self._answered

    def data_received(self, data: bytes) -> None:
        self._held += data
        if not self._need:
            at = self._held.find(b"\r\n\r\n")
            if at < 0:
                return
            length = _LENGTH.search(self._held, 0, at + 2)
            self._need = at + 4 + int(length[1]) if length else -1
        if self._need > 0:
            done = len(self._held) >= self._need
        else:
            self._stamp()
            done = self._held.endswith(b"\r\n0\r\n\r\n")
        if done and self._answered is not None and not self._answered.done():
            self._answered.set_result(int(self._held[9:12]))

    def _stamp(self) -> None:
        if not self.token and _TOKEN.search(self._held):
            self.token = time.perf_counter()
        if not self.sentence and _SENTENCE.search(self._held):
            self.sentence = time.perf_counter()

    def connection_lost(self, error: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(error or ConnectionResetError("closed before the answer"))

    def close(self) -> None:
        self._transport.close()


def request(server: Running, body: bytes) -> bytes:
    """The bytes of an HTTP request, as an SDK would send it."""
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{server.port}\r\naccept: application/json\r\n"
        "user-agent: OpenAI/Python 1.109.1\r\nauthorization: Bearer none\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def measure(
    server: Running, bodies: Bodies, connections: int, seconds: float, most: int = 1_000_000
) -> Round:
    """One round: ``connections`` at once for ``seconds``, at most ``most`` requests. Each connection's first
    request, which opens the connections behind it, is not counted; CPU time counts until all is answered."""
    loop = asyncio.get_running_loop()
    opened = [(await loop.create_connection(_Connection, *server.address))[1] for _ in range(connections)]
    try:
        async with asyncio.timeout(seconds + 2 * PATIENCE):
            warm = [request(server, data) for _, data in islice(bodies, connections)]
            await asyncio.gather(*map(_Connection.ask, opened, warm))
            done = Round()
            began, cpu = time.perf_counter(), server.cpu()
            limited = islice(bodies, most)
            await asyncio.gather(*(_drive(c, server, limited, began + seconds, done) for c in opened))
            done.seconds, done.cpu = time.perf_counter() - began, server.cpu() - cpu
    finally:
        for connection in opened:
            connection.close()
    return done


async def _drive(connection: _Connection, server: Running, bodies: Bodies, end: float, done: Round) -> None:
    for kind, data in bodies:
        sent = time.perf_counter()
        if sent >= end:
            return
        status = await connection.ask(request(server, data))
        done.latencies.append(time.perf_counter() - sent)
        done.answers[kind, status] += 1
        if connection.token:
            done.tokens.append(connection.token - sent)
            done.sentences.append((connection.sentence or time.perf_counter()) - sent)
