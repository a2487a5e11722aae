"""Where the text is in OpenAI's chat bodies: requests, answers and the deltas of a stream.

Every place is one row of a table. A member that no table names is read all the same: its strings become
segments, in a request of origin ``user`` and in an answer of origin ``assistant``. A server may show them to
the model or the client (vendors add members, chat templates print them), and a member that nobody judges
would be the way around the guard; the most watched origin is the safe guess. Identifiers (``id``, ``name``,
``type`` ...) are no text as long as they look like identifiers.

It does not read images, audio and files: they are listed as unjudged. Member names that could hold text are
refused, as no edit can reach them; in tool schemas they are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from safety.errors import WireError
from safety.types import DocumentMarks, Origin, Segment
from safety.wire import documents, pointer
from safety.wire.jsonread import one_line
from safety.wire.openai_names import BESIDE, ENVELOPE, FACTS, MEDIA, SETTINGS

ROLES: Mapping[str, Origin] = {
    "system": Origin.SYSTEM,
    "developer": Origin.SYSTEM,
    "user": Origin.USER,
    "assistant": Origin.ASSISTANT,
    "tool": Origin.TOOL_RESULT,
    "function": Origin.TOOL_RESULT,
}

# What can hold marked documents. A tool's result is as little trusted as a document, and stays what it is.
_SPLIT = frozenset((Origin.USER, Origin.SYSTEM))

_NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,64}\Z")  # OpenAI allows 64 of fewer characters
_HANDLE = re.compile(r"[A-Za-z0-9_.:/|=+@-]{1,2048}\Z")  # ids made by servers, some of them with state inside
_BLOB = re.compile(r"(?:data:|https?:)\S+\Z|[A-Za-z0-9+/_-]{256,}={0,2}\Z", re.IGNORECASE)
_LONGEST_KEY = 64  # code points


class Reading:
    """Collects the segments of one body. ``unknown`` is the origin of text in members no table names;
    ``status`` that of the errors: 400 for a client's body, 502 for an upstream's. ``pieces``: it is a chunk,
    whose names may be parts of names."""

    def __init__(
        self,
        unknown: Origin,
        status: int,
        marks: DocumentMarks | None = None,
        body: Any = None,
        *,
        pieces: bool = False,
    ) -> None:
        self.segments: list[Segment] = []
        self.unjudged: dict[str, str] = {}  # pointer -> kind
        self.status = status
        self.pieces = pieces
        self._unknown = unknown
        self._tags = () if marks is None else marks.tags
        self._pointed = documents.pointed(body, marks.pointers) if marks and marks.pointers else {}

    # What is found.

    def text(self, path: str, text: str, origin: Origin) -> None:
        """One string; empty ones are no segments."""
        if not text:
            return
        if path in self._pointed:
            del self._pointed[path]
            self.segments.append(Segment(path, Origin.DOCUMENT, text))
        elif origin in _SPLIT and self._tags:
            self.segments += documents.split(path, text, origin, self._tags)
        else:
            self.segments.append(Segment(path, origin, text))

    def rest_of_documents(self) -> None:
        """The strings that pointers name and no table led to. Call it last."""
        for path, text in list(self._pointed.items()):
            self.text(path, text, Origin.DOCUMENT)

    def wrong(self, path: str, allowed: str, value: Any) -> WireError:
        """The error for a value of the wrong type."""
        return WireError(
            "wrong_type", f"is {_json_type(value)}; {allowed} is allowed", one_line(path), self.status
        )

    # How it is found.

    def fields(
        self, value: Mapping[str, Any], path: str, origin: Origin, table: Table, other: Row | None = None
    ) -> None:
        """Every member of an object by ``table``; those without a row are read as unknown text, by
        ``other``."""
        for key, child in value.items():
            row = table.get(key)
            if row is not None:
                row(self, child, f"{path}/{key}", origin)
            elif child is not None:
                self.refuse_other_case(key, path, table)
                self.refuse_text(key, path)
                (other or any_text)(self, child, f"{path}/{pointer.escape(key)}", self._unknown)

    def refuse_other_case(self, key: str, path: str, table: Table) -> None:
        """A key that another parser takes for one of ``table``."""
        # Go's encoding/json (Ollama and many gateways) takes "Messages" for "messages", the last one wins,
        # and folds U+017F and U+212A too: the server would answer another text than the one judged.
        folded = key.casefold()
        if folded in table and folded != key:
            message = f"the key {one_line(key)!r} differs from {folded!r} by case; write {folded!r}"
            raise WireError("ambiguous_key", message, one_line(path), self.status)

    def refuse_text(self, key: str, path: str) -> None:
        """A key that could hold a sentence."""
        if len(key) > _LONGEST_KEY or " " in key or not key.isprintable():
            message = f"a key with white space or over {_LONGEST_KEY} characters; a short name is allowed"
            raise WireError("text_in_key", message, one_line(path), self.status)

    def strings(self, value: Any, path: str) -> Iterator[tuple[str, str]]:
        """As ``pointer.strings``, of a value whose keys are no text."""
        if isinstance(value, str):
            yield path, value
        for key in value if isinstance(value, dict) else ():
            self.refuse_text(key, path)
        for at, child in pointer.children(value, path):
            yield from self.strings(child, at)

    def message(self, value: Any, path: str) -> None:
        """One message of a request."""
        if not isinstance(value, dict):
            raise self.wrong(path, "an object", value)
        role = value.get("role")
        if not isinstance(role, str) or role not in ROLES:
            what = "is missing" if role is None else "is not a known role"
            message = f"{what}; one of {', '.join(ROLES)} is allowed"
            raise WireError("unknown_role", message, f"{path}/role", self.status)
        self.fields(value, path, ROLES[role], MESSAGE)

    def messages(self, value: Any, path: str) -> None:
        """The list of messages of a request."""
        if not isinstance(value, list) or not value:
            raise self.wrong(path, "a list of at least one message", value)
        for index, message in enumerate(value):
            self.message(message, f"{path}/{index}")

    def choice(self, value: Any, path: str) -> None:
        """One choice of an answer or of a chunk."""
        if not isinstance(value, dict):
            raise self.wrong(path, "an object", value)
        self.fields(value, path, Origin.ASSISTANT, CHOICE)


Row = Callable[[Reading, Any, str, Origin], None]
Table = Mapping[str, Row]


def any_text(reading: Reading, value: Any, path: str, origin: Origin) -> None:
    """Every string at or below ``value``; identifiers and media are told from text by their keys."""
    if isinstance(value, str):
        reading.text(path, value, origin)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            any_text(reading, child, f"{path}/{index}", origin)
    elif isinstance(value, dict):
        for key, child in value.items():
            reading.refuse_text(key, path)
            _QUIET.get(key, any_text)(reading, child, f"{path}/{pointer.escape(key)}", origin)


def definition(reading: Reading, value: Any, path: str, origin: Origin) -> None:
    """A tool or an output schema: names and descriptions, and whatever else does not look like a keyword
    (an enum's values, examples, defaults are shown to the model as well)."""
    for at, text in pointer.strings(value, path):
        if at.endswith(("/name", "/description")) or not _NAME.match(text):
            reading.text(at, text, Origin.TOOL_DEFINITION)


def _nothing(reading: Reading, value: Any, path: str, origin: Origin) -> None:
    """For what no model and no reader is shown: numbers, switches, settings."""


def _like(pattern: re.Pattern[str], origin: Origin | None = None) -> Row:
    def identifier(reading: Reading, value: Any, path: str, around: Origin) -> None:
        for at, text in reading.strings(value, path):
            if not pattern.match(text):
                reading.text(at, text, origin or around)

    return identifier


def _as(origin: Origin) -> Row:
    def text(reading: Reading, value: Any, path: str, around: Origin) -> None:
        any_text(reading, value, path, origin)

    return text


def _own(origin: Origin) -> Row:
    """Text of ``origin`` where the assistant speaks; vLLM shows it as plain text of any other message."""

    def text(reading: Reading, value: Any, path: str, around: Origin) -> None:
        any_text(reading, value, path, origin if around is Origin.ASSISTANT else around)

    return text


def _object(table: Table, *, call: bool = False, null: bool = True) -> Row:
    """A row for an object with a table of its own; ``call`` for one that calls a tool."""

    def members(reading: Reading, value: Any, path: str, around: Origin) -> None:
        if isinstance(value, dict):
            own = Origin.TOOL_CALL if call and around is Origin.ASSISTANT else around
            reading.fields(value, path, own, table)
        elif value is not None or not null:
            raise reading.wrong(path, "an object", value)

    return members


def _list(row: Row) -> Row:
    def items(reading: Reading, value: Any, path: str, around: Origin) -> None:
        if isinstance(value, list):
            for index, item in enumerate(value):
                row(reading, item, f"{path}/{index}", around)
        elif value is not None:
            raise reading.wrong(path, "a list", value)

    return items


def _string(reading: Reading, value: Any, path: str, origin: Origin) -> None:
    if isinstance(value, str):
        reading.text(path, value, origin)
    elif value is not None:
        raise reading.wrong(path, "a string", value)


def _media(reading: Reading, value: Any, path: str, origin: Origin) -> None:
    for at, text in reading.strings(value, path):
        if not (_BLOB.match(text) or (at != path and _HANDLE.match(text))):
            reading.text(at, text, origin)
    if value and not (isinstance(value, str) and not _BLOB.match(value)):
        reading.unjudged[path] = path.rpartition("/")[2]


def _tool_name(reading: Reading, value: Any, path: str, origin: Origin) -> None:
    (any_text if reading.pieces else _name)(reading, value, path, origin)


def content(reading: Reading, value: Any, path: str, origin: Origin) -> None:
    """The content of a message: a string, a list of parts, or null. A part may be a bare string (vLLM)."""
    if isinstance(value, list):
        for index, part in enumerate(value):
            row = _PART_OBJECT if isinstance(part, dict) else _string
            row(reading, part, f"{path}/{index}", origin)
    elif isinstance(value, str):
        reading.text(path, value, origin)
    elif value is not None:
        raise reading.wrong(path, "a string, a list of parts or null", value)


_name, _handle = _like(_NAME), _like(_HANDLE)
_reasoning = _own(Origin.REASONING)

_MEDIA: Table = dict.fromkeys(MEDIA, _media)
_QUIET: Table = {**_MEDIA, "type": _name, "id": _handle}

# A part is read by its keys, not by its "type": vLLM takes parts without one.
_PART: Table = {
    **_MEDIA,
    "type": _name,
    "text": _string,
    "refusal": any_text,
    "thinking": _reasoning,
    "reasoning": _reasoning,
}
_PART_OBJECT = _object(_PART)

_FUNCTION: Table = {"name": _tool_name, "arguments": any_text, "input": any_text}
_CALL: Table = {
    "id": _handle,
    "type": _name,
    "index": any_text,
    "function": _object(_FUNCTION, call=True),
    "custom": _object(_FUNCTION, call=True),
}
_AUDIO: Table = {
    "id": _handle,
    "data": _media,
    "expires_at": _nothing,
    "transcript": any_text,
}

MESSAGE: Table = {
    "role": _name,
    "content": content,
    "name": _name,
    "tool_call_id": _handle,
    "refusal": any_text,
    "reasoning": _reasoning,
    "reasoning_content": _reasoning,
    "reasoning_details": _reasoning,
    "thinking": _reasoning,
    "tool_calls": _list(_object(_CALL, null=False)),
    "function_call": _object(_FUNCTION, call=True),
    "audio": _object(_AUDIO),
    "images": _media,
}

CHOICE: Table = {
    "message": _object(MESSAGE),
    "delta": _object(MESSAGE),
    "index": any_text,
    **dict.fromkeys(FACTS, _nothing),
}


def _messages(reading: Reading, value: Any, path: str, origin: Origin) -> None:
    reading.messages(value, path)


_PREDICTION: Table = {"type": _name, "content": content}

BODY: Table = {
    "messages": _messages,
    "tools": definition,
    "functions": definition,
    "response_format": definition,
    "documents": _as(Origin.DOCUMENT),  # vLLM and Cohere hand these to the chat template
    "prediction": _object(_PREDICTION),
    **dict.fromkeys(("tool_choice", "function_call"), _like(_NAME, Origin.TOOL_DEFINITION)),
    **dict.fromkeys(SETTINGS, _nothing),
}


def read_body(body: Any, marks: DocumentMarks) -> Reading:
    """A whole request body. ``WireError`` (status 400) naming the place and what is allowed there."""
    reading = Reading(Origin.USER, 400, marks, body)
    if not isinstance(body, dict):
        raise reading.wrong("", "an object", body)
    if "messages" not in body:
        for key in body:
            reading.refuse_other_case(key, "", BODY)
        raise WireError("missing_field", "is missing; a list of messages is required", "/messages")
    reading.fields(body, "", Origin.USER, BODY, other=_name)  # vendors' settings: words, not text
    reading.rest_of_documents()
    return reading


# Beside a list of choices that is empty.
_NO_CHOICES: Table = {
    **dict.fromkeys(BESIDE, _nothing),
    **dict.fromkeys(ENVELOPE, _handle),
    "obfuscation": _handle,
}


def read_choices(
    choices: Sequence[Any], beside: Mapping[str, Any] | None = None, *, pieces: bool = False
) -> Reading:
    """The choices of an answer or a chunk that stand at ``/choices``; if there are none, the text that it
    has in their place in other members, ``beside``."""
    reading = Reading(Origin.ASSISTANT, 502, pieces=pieces)
    for index, choice in enumerate(choices):
        reading.choice(choice, f"/choices/{index}")
    if beside and not choices:
        reading.fields(beside, "", Origin.ASSISTANT, _NO_CHOICES)
    return reading


def _json_type(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
