"""OpenAI chat completions, as OpenAI, Azure OpenAI, vLLM, Ollama and most gateways speak them.

Whole bodies are here, streams in ``openai_stream``, and where the text stands in ``openai_read``. Blocks take
Azure OpenAI's shape: HTTP 400 with ``code: content_filter`` for a prompt, ``finish_reason: content_filter``
for a choice. Of an answer, the choices are read; members beside them (usage, a vendor's citations) go
through. Of an upstream's own error, every string is read: no table says where gateways quote texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from safety.errors import WireError
from safety.types import DocumentMarks, Edit, Exchange, Hit, Origin, Segment, Stage, Verdict
from safety.wire import content_filter, jsonedit, jsonread, pointer, sse
from safety.wire.codec import Codec, Refusal, Request, StreamCodec
from safety.wire.openai_read import read_body, read_choices
from safety.wire.openai_shape import blocked_choice, choice_of, error_body, hits_of_choice, shadows
from safety.wire.openai_stream import OpenAIStream

_LABEL = 200  # code points; what a client may put into the record

# Where applications put the id of a conversation: OpenAI's metadata is free-form.
_CONVERSATION = ("conversation_id", "conversation", "thread_id", "session_id")

# Type words of OpenAI's errors by status; any other status from 500 on is a server error.
_ERROR_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


class OpenAICodec:
    """See ``codec.Codec``, which this is one of. ``max_event`` caps one event of a stream, in bytes."""

    name = "openai"
    paths = (
        "/v1/chat/completions",
        "/chat/completions",
        "/openai/v1/chat/completions",
        "/openai/deployments/{deployment}/chat/completions",
    )

    def __init__(self, max_event: int = sse.MAX_EVENT) -> None:
        self._max_event = max_event

    def read_request(
        self,
        body: bytes,
        *,
        id: str,
        labels: Mapping[str, str],
        marks: DocumentMarks,
    ) -> Request:
        value = jsonread.loads(body)
        reading = read_body(value, marks)
        model = _setting(value, "model", str, "a string") or ""
        found = _labels(value, model, reading.unjudged.values())
        merged = {**found, **labels}
        exchange = Exchange(id, Stage.INPUT, tuple(reading.segments), labels=merged)
        options = _setting(value, "stream_options", dict, "an object") or {}
        n = _setting(value, "n", int, "a whole number")
        if n is not None and n < 1:
            raise WireError("wrong_value", f"is {n}; 1 or more is allowed", "/n")
        return Request(
            exchange=exchange,
            model=model or merged.get("model", ""),
            stream=_setting(value, "stream", bool, "true or false") or False,
            body=body,
            unjudged=tuple(reading.unjudged),
            n=1 if n is None else n,
            usage=options.get("include_usage") is True,
        )

    def read_response(self, body: bytes, request: Request) -> Exchange:
        value = jsonread.loads(body, status=502)
        choices = value.get("choices") if isinstance(value, dict) else None
        if not isinstance(choices, list):
            message = "is missing or no list; a chat completion has a list of choices"
            raise WireError("not_a_completion", message, "/choices", 502)
        reading = read_choices(choices, value)
        if reading.segments and not choices:  # a block takes choices away; it could not take this
            message = "has no choice, and text elsewhere; a chat completion has its text in choices"
            raise WireError("not_a_completion", message, "/choices", 502)
        for index, choice in enumerate(choices):
            if not isinstance(choice.get("message"), dict):
                raise reading.wrong(f"/choices/{index}/message", "an object", choice.get("message"))
        return _answered(request, reading.segments, _kinds(reading.unjudged.values()))

    def read_error(self, body: bytes, request: Request) -> Exchange:
        texts = pointer.strings(jsonread.loads(body, status=502)) if body else ()
        error = _answered(request, [Segment(at, Origin.ASSISTANT, text) for at, text in texts if text])
        # An error speaks of the request, not from its documents: it is not to be grounded in them.
        context = tuple(s for s in error.context if s.origin not in (Origin.DOCUMENT, Origin.TOOL_RESULT))
        return replace(error, context=context)

    def apply(self, body: bytes, edits: Sequence[Edit]) -> bytes:
        if not edits:
            return body
        answer = any(choice_of(edit.span.path) is not None for edit in edits)
        return jsonedit.splice(body, edits, shadows(jsonread.loads(body), edits) if answer else None)

    def refuse_request(self, verdict: Verdict) -> Refusal:
        results = content_filter.results(verdict.hits, Stage.INPUT)
        error = {
            "message": verdict.message or _blocked_prompt(verdict.id),
            "type": None,
            "param": "prompt",
            "code": "content_filter",
            "status": 400,
            "innererror": {
                "code": "ResponsibleAIPolicyViolation",
                "content_filter_result": results,  # what live Azure sends
                "content_filter_results": results,  # what its schema says
            },
            "safety": content_filter.extras(verdict, verdict.hits),
        }
        return Refusal(400, jsonedit.dumps({"error": error}))

    def refuse_response(self, body: bytes, verdict: Verdict) -> bytes:
        value = jsonread.loads(body, status=502)
        choices: list[Any] = value["choices"]
        blocked = _blocked(verdict.deciding, len(choices))
        edits = [edit for edit in verdict.edits if choice_of(edit.span.path) not in blocked]
        values = shadows(value, edits)
        for place in blocked:
            hits = hits_of_choice(verdict.hits, place)
            values[f"/choices/{place}"] = jsonedit.dumps(blocked_choice(choices[place], place, verdict, hits))
        return jsonedit.splice(body, edits, values)

    def stream(self, request: Request) -> OpenAIStream:
        return OpenAIStream(request, self._max_event)

    def error(self, status: int, code: str, message: str, event_id: str) -> Refusal:
        kind = _ERROR_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
        return Refusal(status, jsonedit.dumps(error_body(code, message, kind, event_id)))


def _answered(request: Request, segments: Iterable[Segment], unjudged: str = "") -> Exchange:
    before = request.exchange
    labels = {key: text for key, text in before.labels.items() if key != "unjudged"}
    if unjudged:
        labels["unjudged"] = unjudged
    return Exchange(before.id, Stage.OUTPUT, tuple(segments), before.segments, labels)


def _blocked_prompt(event_id: str) -> str:
    return (
        "The prompt was blocked by the content policy. Please change it and try again; "
        f"the record of this decision is {event_id}."
    )


def _blocked(deciding: Sequence[Hit], count: int) -> list[int]:
    """The choices the deciding hits point into; all if one of them points nowhere in particular."""
    places = {None if hit.finding.span is None else choice_of(hit.finding.span.path) for hit in deciding}
    named = sorted(place for place in places if place is not None and place < count)
    return list(range(count)) if not named or None in places else named


def _setting(body: dict[str, Any], key: str, kind: type[Any], allowed: str) -> Any:
    # A server with a lenient parser takes "true" or 1 for true; then it streams and we expect no stream.
    value = body.get(key)
    if value is None or type(value) is kind:
        return value
    raise WireError("wrong_type", f"is of the wrong type; {allowed} is allowed", f"/{key}")


def _labels(body: dict[str, Any], model: str, unjudged: Any) -> dict[str, str]:
    """Who and where, as far as the client says. They are for the record: nothing is decided on them."""
    metadata = body.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    found = {
        "model": model,
        "user": body.get("user") or body.get("safety_identifier"),
        "conversation": next((metadata[key] for key in _CONVERSATION if metadata.get(key)), None),
        "unjudged": _kinds(unjudged),
    }
    return {key: text[:_LABEL] for key, text in found.items() if isinstance(text, str) and text}


def _kinds(unjudged: Any) -> str:
    return ",".join(sorted(set(unjudged)))


if TYPE_CHECKING:  # the type checker compares the signatures
    _CODEC: Codec = OpenAICodec()
    _STREAM: type[StreamCodec] = OpenAIStream
