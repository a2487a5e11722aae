"""A model endpoint that costs next to nothing: HTTP/1.1 by hand, answers made beforehand.

Run as a program of its own; prints its port. Answers of ``ANSWER`` characters, every one different; streams
of as many chunks as ``max_tokens`` says, ``PAUSE`` seconds apart after ``START``. No other paths, no errors.
"""

from __future__ import annotations

import asyncio
import json
import re
from itertools import chain
from random import Random
from typing import cast

import uvloop
from texts import letters, prose, sentence

ANSWER = 1024
START, PAUSE = 0.020, 0.005

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKS = re.compile(rb'"max_tokens": ?(\d+)')
_MARK = "q" * 8


def completion(text: str) -> bytes:
    """A whole answer, head and body."""
    message = {"role": "assistant", "content": text}
    answer = {
        "id": "chatcmpl-mock",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "mock",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 200, "completion_tokens": 200, "total_tokens": 400},
    }
    data = json.dumps(answer).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    return head.encode() + data


def chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    """One chunk of a stream, framed for HTTP."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    data = {"id": "chatcmpl-mock", "object": "chat.completion.chunk", "created": 1, "model": "mock"}
    return framed(b"data: " + json.dumps({**data, "choices": [choice]}, separators=(",", ":")).encode())


def framed(event: bytes) -> bytes:
    """An event as an HTTP chunk."""
    event += b"\n\n"
    return b"%x\r\n%b\r\n" % (len(event), event)


STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
STREAM_TAIL = chunk({}, "stop") + framed(b"data: [DONE]") + b"0\r\n\r\n"


class Answers:
    """What is said, in turn."""

    def __init__(self) -> None:
        random = Random(7)
        self._whole = [
            completion(f"{prose(random, ANSWER - 9, 0.1)} {_MARK}").split(_MARK.encode()) for _ in range(32)
        ]
        self._sentences = [sentence(random).split() for _ in range(97)]
        self._number = 0

    def whole(self) -> bytes:
        self._number += 1
        before, after = self._whole[self._number % len(self._whole)]
        return before + letters(self._number).encode() + after

    def pieces(self, count: int) -> list[bytes]:
        """The chunks of a stream: a role, sentences word by word, the end."""
        self._number += 1
        at = self._number % len(self._sentences)
        sentences = self._sentences[at:] + self._sentences[:at]
        words = [f"{letters(self._number)}:", *chain.from_iterable(sentences)][: count - 2]
        return [
            STREAM_HEAD + chunk({"role": "assistant", "content": ""}),
            *(chunk({"content": f"{word} "}) for word in words),
            STREAM_TAIL,
        ]


class Endpoint(asyncio.Protocol):
    """One connection."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._held = b""
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        self._held += data
        while (at := self._held.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._held, 0, at + 2)
            end = at + 4 + (int(length[1]) if length else 0)
            if len(self._held) < end:
                return
            body, self._held = self._held[at + 4 : end], self._held[end:]
            self._answer(body)

    def _answer(self, body: bytes) -> None:
        asked = _CHUNKS.search(body)
        if asked is None:
            self._transport.write(self._answers.whole())
            return
        pieces = self._answers.pieces(int(asked[1]))
        self._next(pieces, 0, self._loop.time() + START)

    def _next(self, pieces: list[bytes], at: int, due: float) -> None:
        # Timed from the start, so that a late chunk does not delay those behind it.
        if self._transport.is_closing():
            return
        if at:
            self._transport.write(pieces[at - 1])
        if at < len(pieces):
            self._loop.call_at(due, self._next, pieces, at + 1, due + PAUSE)


async def main() -> None:
    answers = Answers()
    server = await asyncio.get_running_loop().create_server(lambda: Endpoint(answers), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.Runner(loop_factory=uvloop.new_event_loop).run(main())
