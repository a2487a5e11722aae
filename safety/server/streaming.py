"""A streamed answer on its way through: bytes -> chunks -> gate -> bytes.

It ends in the protocol's own way however the stream ends: complete, blocked, or broken off upstream.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from safety.errors import WireError
from safety.gate import Cut, Note, Outgoing
from safety.guard import Guard
from safety.server.upstream import UpstreamError
from safety.stream import AsyncStream
from safety.wire.codec import Chunk, Codec, Request


class Relay:
    """One streamed answer. ``run`` yields what the client gets; ``finish`` ends it early."""

    def __init__(self, guard: Guard, codec: Codec, request: Request) -> None:
        self._codec = codec.stream(request)
        self._stream: AsyncStream[Chunk] = guard.astream(request.exchange, request.n)

    @property
    def recorded(self) -> bool:
        """Whether the answer has its event."""
        return self._stream.verdict is not None

    async def run(self, data: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The guarded bytes. Returns when the answer is complete or cut; by then its event is on record."""
        try:
            async for piece in data:
                if out := await self._push(self._codec.feed(piece)):
                    yield out
                if self._stream.over:
                    break
            else:
                if out := await self._push(self._codec.close()):
                    yield out
        except UpstreamError as error:
            yield await self._broken(f"upstream_{error.code}", str(error))
        except WireError as error:
            yield await self._broken(f"upstream_{error.code}", str(error))
        else:
            yield await self.finish()

    async def _push(self, chunks: Iterable[Chunk]) -> bytes:
        out: list[bytes] = []
        for chunk in chunks:
            out += map(self._bytes, await self._stream.push(chunk, chunk.deltas, chunk.ends))
            if self._stream.over:
                break
        return b"".join(out)

    async def finish(self, end: str = "") -> bytes:
        """Judge and record what has come; the bytes that may still go out. Once only: a client that hangs
        up while the end is being recorded must not make a second event."""
        if self.recorded:
            return b""
        out = [self._bytes(piece) for piece in await self._stream.finish(end)]
        if self._stream.over:
            out.append(self._codec.end())
        return b"".join(out)

    async def _broken(self, code: str, message: str) -> bytes:
        """The endpoint broke off: what was judged goes out, then an error the client's SDK raises."""
        out = await self.finish(code)
        return out if self._stream.over else out + self.fail(code, message)

    def fail(self, code: str, message: str) -> bytes:
        """The error that ends a stream which broke off."""
        return self._codec.fail(code, message)

    def _bytes(self, piece: Outgoing[Chunk]) -> bytes:
        if isinstance(piece, Cut):
            return self._codec.stop(piece.verdict, piece.choices)
        if isinstance(piece, Note):
            return self._codec.note(piece.verdict, piece.choice, piece.hits)
        if piece.texts is None:
            return piece.item.raw
        return self._codec.rewrite(piece.item, piece.texts)
