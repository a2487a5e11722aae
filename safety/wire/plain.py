"""Plain Python values as exchanges, for the doors that speak no wire protocol.

The same texts give the same segments as over the wire: they are read by the same code. Here alone is written
which path a text has that was handed over by itself. Every builder takes the policy's document marks; a value
that is no text is a ``TypeError``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from safety.types import DocumentMarks, Exchange, Origin, Segment, Stage
from safety.wire.openai_read import Reading, read_body
from safety.wire.values import as_dict, document_texts, kind

SYSTEM, PROMPT, ANSWER = "/system", "/prompt", "/answer"

_MARKS = DocumentMarks()
_NONE: Mapping[str, str] = {}
_INPUT_STATUS = 400  # what an error of reading has over the wire


def document_path(number: int) -> str:
    """The path of the document with this number, from 0."""
    return f"/documents/{number}"


def segments_of(
    *,
    system: str | None = None,
    prompt: str | None = None,
    documents: Any = (),
    tool_results: Any = (),
    answer: str | None = None,
    marks: DocumentMarks = _MARKS,
) -> tuple[Segment, ...]:
    """The given texts as segments, in the order of a conversation; empty ones are none. ``documents`` and
    ``tool_results`` are what ``values.document_texts`` reads."""
    texts = [
        (SYSTEM, Origin.SYSTEM, system or ""),
        (PROMPT, Origin.USER, prompt or ""),
        *((document_path(n), Origin.DOCUMENT, d.text) for n, d in enumerate(document_texts(documents))),
        *(
            (f"/tool_results/{n}", Origin.TOOL_RESULT, result.text)
            for n, result in enumerate(document_texts(tool_results, "tool results"))
        ),
        (ANSWER, Origin.ASSISTANT, answer or ""),
    ]
    return tuple(s for path, origin, text in texts for s in text_segments(path, origin, text, marks))


def text_segments(path: str, origin: Origin, text: str, marks: DocumentMarks = _MARKS) -> Sequence[Segment]:
    """One text, with the documents marked inside it apart from it where its origin may hold some."""
    reading = Reading(origin, _INPUT_STATUS, marks)
    reading.text(path, text, origin)
    return reading.segments


def prompt_exchange(
    prompt: str,
    documents: Any = (),
    *,
    id: str,
    labels: Mapping[str, str] = _NONE,
    marks: DocumentMarks = _MARKS,
) -> Exchange:
    """A prompt (empty: none) and the documents that go with it, at stage input."""
    segments = segments_of(prompt=_text("the prompt", prompt), documents=documents, marks=marks)
    return Exchange(id, Stage.INPUT, segments, labels=dict(labels))


def messages_exchange(
    messages: Sequence[Any],
    documents: Any = (),
    *,
    id: str,
    labels: Mapping[str, str] = _NONE,
    marks: DocumentMarks = _MARKS,
) -> Exchange:
    """OpenAI messages (dictionaries, or the SDK's own objects) and the documents that go with them, at stage
    input. ``WireError`` for any other shape, as over the wire."""
    reading = read_body({"messages": [as_dict(message) for message in messages]}, marks)
    found = {"unjudged": ",".join(sorted(set(reading.unjudged.values())))} if reading.unjudged else {}
    segments = (*reading.segments, *segments_of(documents=documents))
    return Exchange(id, Stage.INPUT, segments, labels={**found, **labels})


def answer_exchange(answer: str, request: Exchange) -> Exchange:
    """An answer at stage output, with the request that it answers as context."""
    segments = segments_of(answer=_text("the answer", answer))
    return Exchange(request.id, Stage.OUTPUT, segments, request.context + request.segments, request.labels)


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    raise TypeError(f"{name} is {kind(value)}: it must be a str")
