"""OpenAI chat completions as they stream: server-sent events in, chunks with their pieces of text out.

A chunk that is neither known nor an error is refused: bytes nobody read must not pass for judged ones. What
is not text (usage, Azure's ``prompt_filter_results``, comments) passes as it is. It holds no text back;
that is the gate's work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from safety.errors import WireError
from safety.types import Delta, Edit, Hit, Segment, Span, Stage, Verdict
from safety.wire import content_filter, jsonedit, jsonread, sse
from safety.wire.codec import Chunk, Request
from safety.wire.openai_names import BESIDE, ENVELOPE
from safety.wire.openai_read import read_choices
from safety.wire.openai_shape import choice_of, ending, error_body, hits_of_choice, shadows

_DONE = b"[DONE]"

# What an event without a list of choices may consist of.
_WITHOUT_CHOICES = frozenset((*ENVELOPE, *BESIDE, "obfuscation"))


class OpenAIStream:
    """See ``codec.StreamCodec``, which this is one of."""

    def __init__(self, request: Request, max_event: int = sse.MAX_EVENT) -> None:
        self._events = sse.Parser(max_event)
        self._fault: WireError | None = None
        self._seen: set[int] = set()
        # A final chunk of ours carries the upstream's on.
        self._envelope: dict[str, Any] = {
            "id": f"chatcmpl-{request.exchange.id}",
            "object": "chat.completion.chunk",
            "created": 0,  # no clock here; a chunk of the upstream brings the true one
            "model": request.model,
        }

    def feed(self, data: bytes) -> list[Chunk]:
        if self._fault is not None:
            raise self._fault
        chunks: list[Chunk] = []
        try:
            for event in self._events.feed(data):
                chunks.append(self._chunk(event, event.raw))  # noqa: PERF401 - those before a fault count
        except WireError as fault:
            self._fault = fault
            if not chunks:
                raise
        return chunks

    def close(self) -> list[Chunk]:
        if self._fault is not None:
            raise self._fault
        event = self._events.close()
        if event is None:
            return []
        # The blank line is supplied: what follows (a final chunk, [DONE]) must be an event of its own.
        missing = b"" if event.complete else b"\n" if event.raw.endswith((b"\n", b"\r")) else b"\n\n"
        try:
            return [self._chunk(event, event.raw + missing)]
        except WireError as fault:
            message = "the stream ended in the middle of an event"
            raise WireError("stream_cut", message, fault.path, 502) from None

    def rewrite(self, chunk: Chunk, texts: Sequence[str]) -> bytes:
        if len(texts) != len(chunk.deltas):
            raise ValueError(f"{len(texts)} texts for a chunk of {len(chunk.deltas)} deltas")
        data = sse.parse(chunk.raw).data
        changed = [
            Edit(Span(segment.path, 0, len(segment.text)), text)
            for segment, text in zip(_segments(chunk.data), texts, strict=True)
            if segment.text != text
        ]
        if data is None or not changed:
            return chunk.raw
        edited = jsonedit.splice(data, changed, shadows(chunk.data, changed))
        return sse.replace_data(chunk.raw, edited)

    def stop(self, verdict: Verdict, choices: Sequence[int]) -> bytes:
        return b"".join(self._final(index, verdict) for index in (choices or sorted(self._seen) or [0]))

    def note(self, verdict: Verdict, choice: int, hits: Sequence[Hit]) -> bytes:
        """As Azure's asynchronous filter does: a chunk without text, with annotations and where they hold."""
        spans = [hit.finding.span for hit in hits if hit.finding.span is not None]
        offsets = {
            "check_offset": max(span.end for span in spans),
            "start_offset": min(span.start for span in spans),
            "end_offset": max(span.end for span in spans),
        }
        noted = {
            "index": choice,
            "delta": {},
            "logprobs": None,
            "finish_reason": None,
            "content_filter_results": content_filter.results(hits, Stage.OUTPUT),
            "content_filter_offsets": offsets,
            "safety": content_filter.extras(verdict, hits),
        }
        return sse.message(jsonedit.dumps({**self._envelope, "choices": [noted]}))

    def end(self) -> bytes:
        return sse.message(_DONE)

    def fail(self, code: str, message: str) -> bytes:
        return sse.message(jsonedit.dumps(error_body(code, message, "server_error")))

    def _final(self, index: int, verdict: Verdict) -> bytes:
        # "delta" is never left out and "choices" never empty: clients read chunk.choices[0].delta.content.
        choice = {"index": index, "delta": {}, "logprobs": None}
        choice |= ending(verdict, hits_of_choice(verdict.hits, index))
        return sse.message(jsonedit.dumps({**self._envelope, "choices": [choice]}))

    def _chunk(self, event: sse.Event, raw: bytes) -> Chunk:
        if event.other:  # some clients take a bare line, or "Data:", for data
            raise _not_a_chunk(
                "an event with a line of no known field; data, event, id and retry are allowed"
            )
        if event.data is None or not event.data.strip():
            return Chunk(raw)
        if event.data.startswith(_DONE):
            if event.data != _DONE:
                raise _not_a_chunk("text after [DONE]; nothing is allowed there")
            return Chunk(raw, done=True)
        data = jsonread.loads(event.data, status=502)
        choices = _choices(data)
        segments = _segments(data)
        indexes = [_index(choice, place, f"/choices/{place}") for place, choice in enumerate(choices)]
        self._note(data, indexes)
        return Chunk(
            raw=raw,
            deltas=tuple(_delta(segment, choices, indexes) for segment in segments),
            data=data,
            ends=tuple(
                index for index, choice in zip(indexes, choices, strict=True) if choice.get("finish_reason")
            ),
        )

    def _note(self, data: dict[str, Any], indexes: list[int]) -> None:
        self._seen.update(indexes)
        if indexes:  # Azure's first chunk has no choices, and empty strings for id and model
            self._envelope |= {key: data[key] for key in ENVELOPE if data.get(key)}


def _choices(data: Any) -> list[Any]:
    if not isinstance(data, dict):
        raise _not_a_chunk("an event that is no object; a chat completion chunk is allowed")
    choices = data.get("choices")
    if isinstance(choices, list):
        return choices
    # Another protocol's event ({"type": "response.output_text.delta", ...}) would carry its text past us.
    if choices is not None or not data.keys() <= _WITHOUT_CHOICES:
        raise _not_a_chunk("is missing or no list; a chat completion chunk has a list of choices", "/choices")
    return []


def _segments(data: Any) -> list[Segment]:
    return read_choices(_choices(data), data, pieces=True).segments


def _not_a_chunk(message: str, path: str = "") -> WireError:
    return WireError("not_a_chunk", message, path, 502)


def _index(value: dict[str, Any], place: int, path: str) -> int:
    index = value.get("index", place)
    if type(index) is not int or index < 0:
        raise WireError("wrong_type", "is no index; a whole number is allowed", f"{path}/index", 502)
    return index


def _delta(segment: Segment, choices: list[Any], indexes: list[int]) -> Delta:
    """``segment``'s path leads into this chunk; the delta's into the whole answer: choices and tool calls go
    by their index there, not by their place here."""
    if choice_of(segment.path) is None:
        return Delta(segment.path, segment.origin, segment.text)
    _, _, place, part, *rest = segment.path.split("/")
    choice = indexes[int(place)]
    if part == "delta":
        if rest[0] == "tool_calls":
            call = choices[int(place)]["delta"]["tool_calls"][int(rest[1])]
            rest[1] = str(_index(call, int(rest[1]), f"/choices/{place}/delta/tool_calls/{rest[1]}"))
        part = "message"
    return Delta("/".join(("/choices", str(choice), part, *rest)), segment.origin, segment.text, choice)
