"""What every protocol codec offers, and the values it deals in.

A codec turns bytes of one wire protocol into exchanges and verdicts back into bytes. It does no I/O, has no
clock, runs no detector and decides nothing: the guard does. Bodies that are not changed are never
re-serialised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from safety.types import Delta, DocumentMarks, Edit, Exchange, Hit, Verdict

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """A request as a codec read it.

    ``exchange`` is at stage input; ``body`` is what came, byte for byte. ``unjudged`` are JSON pointers to
    what the model will see and nobody here can judge (images, audio, files); the exchange's label
    ``unjudged`` names their kinds, so that events show them. ``n`` is how many choices were asked for,
    ``usage`` whether a stream is to end with a usage chunk.
    """

    exchange: Exchange
    model: str
    stream: bool
    body: bytes
    unjudged: tuple[str, ...] = ()
    n: int = 1
    usage: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """A whole HTTP answer in the protocol's own error shape."""

    status: int
    body: bytes
    content_type: str = JSON


@dataclass(frozen=True, slots=True)
class Chunk:
    """One server-sent event of a streamed answer.

    ``raw`` is what came and what goes on if nothing is changed. ``deltas`` are its pieces of text, none of
    them empty; ``data`` its parsed JSON, or none (a comment, ``[DONE]``); ``done`` marks the protocol's end
    of stream; ``ends`` are the choices it finishes.
    """

    raw: bytes
    deltas: tuple[Delta, ...] = ()
    data: Any = None
    done: bool = False
    ends: tuple[int, ...] = ()


class StreamCodec(Protocol):
    """One streamed answer, going by. Holds what it needs to end the stream in the protocol's own way."""

    def feed(self, data: bytes) -> list[Chunk]:
        """The chunks that ``data`` completes, the same for any split of the bytes. ``WireError`` for what
        is not the protocol; chunks before the fault are returned first, and the next call raises."""

    def close(self) -> list[Chunk]:
        """What is left at the end of the stream. ``WireError`` if it ends inside an event."""

    def rewrite(self, chunk: Chunk, texts: Sequence[str]) -> bytes:
        """The same event with the texts of its deltas replaced, one each, and with nothing left in it that
        repeats the old text; everything else byte for byte."""

    def stop(self, verdict: Verdict, choices: Sequence[int]) -> bytes:
        """The events that end ``choices`` because their text was blocked; all choices if empty."""

    def note(self, verdict: Verdict, choice: int, hits: Sequence[Hit]) -> bytes:
        """The event that says what rules found in a choice that goes on; nothing where the protocol has no
        place for it."""

    def end(self) -> bytes:
        """The protocol's end of stream."""

    def fail(self, code: str, message: str) -> bytes:
        """The event that says that the stream broke off. Nothing may follow it."""


class Codec(Protocol):
    """One wire protocol. Stateless: one instance serves all requests."""

    @property
    def name(self) -> str:
        """What a route's configuration calls it."""

    @property
    def paths(self) -> tuple[str, ...]:
        """The request paths it speaks, ``{...}`` standing for one segment."""

    def read_request(
        self,
        body: bytes,
        *,
        id: str,
        labels: Mapping[str, str],
        marks: DocumentMarks,
    ) -> Request:
        """``labels`` win over those found in the body. ``WireError`` (status 400) for any other shape."""

    def read_response(self, body: bytes, request: Request) -> Exchange:
        """The whole answer at stage output: same id and labels, with the request's segments as context.
        ``WireError`` (status 502) for any other shape."""

    def read_error(self, body: bytes, request: Request) -> Exchange:
        """An error that the upstream answered with, as ``read_response`` gives an answer; every string in it
        is judged. ``WireError`` (status 502) for what cannot be read."""

    def apply(self, body: bytes, edits: Sequence[Edit]) -> bytes:
        """A request or response body with ``edits`` applied and every other byte as it was, except for what
        repeats the edited text (token lists), which is emptied."""

    def refuse_request(self, verdict: Verdict) -> Refusal:
        """The answer to a request whose prompt was blocked."""

    def refuse_response(self, body: bytes, verdict: Verdict) -> bytes:
        """The answer with the blocked choices emptied and the edits applied to the others."""

    def stream(self, request: Request) -> StreamCodec:
        """The codec for one streamed answer to ``request``."""

    def error(self, status: int, code: str, message: str, event_id: str) -> Refusal:
        """Any other failure (a body that cannot be read, a limit, an upstream that is down)."""
