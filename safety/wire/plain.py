"""Plain Python values as exchanges, for the doors that speak no wire protocol.

The same messages give the same segments as over the wire: they are read by the same code. Paths of texts
handed over by themselves are ``/prompt``, ``/documents/0`` ... and ``/answer``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from safety.types import DocumentMarks, Exchange, Origin, Segment, Stage
from safety.wire import documents as marked
from safety.wire.openai_read import read_body

_MARKS = DocumentMarks()
_NONE: Mapping[str, str] = {}


def prompt_exchange(
    text: str,
    documents: Sequence[str] = (),
    *,
    id: str,
    labels: Mapping[str, str] = _NONE,
    marks: DocumentMarks = _MARKS,
) -> Exchange:
    """A prompt and the documents that go with it, at stage input. Documents marked inside ``text`` count as
    well."""
    return Exchange(id, Stage.INPUT, tuple(_input(text, documents, marks)), labels=dict(labels))


def answer_exchange(
    answer: str,
    prompt: str | None = None,
    documents: Sequence[str] = (),
    *,
    id: str,
    labels: Mapping[str, str] = _NONE,
    marks: DocumentMarks = _MARKS,
) -> Exchange:
    """An answer at stage output, with what it answers as context."""
    segments = (Segment("/answer", Origin.ASSISTANT, answer),) if answer else ()
    return Exchange(id, Stage.OUTPUT, segments, tuple(_input(prompt, documents, marks)), dict(labels))


def messages_exchange(
    messages: Sequence[Any],
    *,
    id: str,
    labels: Mapping[str, str] = _NONE,
    marks: DocumentMarks = _MARKS,
) -> Exchange:
    """OpenAI messages (dictionaries, or the SDK's own objects) at stage input. ``WireError`` for any other
    shape, as over the wire."""
    reading = read_body({"messages": [_dictionary(message) for message in messages]}, marks)
    found = {"unjudged": ",".join(sorted(set(reading.unjudged.values())))} if reading.unjudged else {}
    return Exchange(id, Stage.INPUT, tuple(reading.segments), labels={**found, **labels})


def _input(text: str | None, documents: Sequence[str], marks: DocumentMarks) -> Iterator[Segment]:
    if text:
        yield from marked.split("/prompt", text, Origin.USER, marks.tags)
    for number, document in enumerate(documents):
        if document:
            yield Segment(f"/documents/{number}", Origin.DOCUMENT, document)


def _dictionary(message: Any) -> Any:
    """A history often holds the SDK's answer objects next to dictionaries; they are pydantic models."""
    dump = getattr(message, "model_dump", None)
    return message if dump is None else dump(exclude_none=True)
