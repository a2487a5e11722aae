"""Where the text is in Python values, and the same values with changed text.

Prompts are strings or OpenAI messages; documents are strings or objects that hold one (LangChain, LlamaIndex,
Haystack); answers are strings, objects that hold one, or OpenAI chat completions. A value of any other shape
is a ``TypeError`` that says what is allowed: nothing goes by unread. Values are never changed in place.

It reads one text per document and per plain answer object: their metadata is not looked at. It judges
nothing.
"""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from safety.errors import SafetyError
from safety.redact import apply_edits
from safety.types import DocumentMarks, Edit, Exchange
from safety.wire import pointer
from safety.wire.codec import Request
from safety.wire.openai import OpenAICodec
from safety.wire.plain import answer_exchange, messages_exchange, prompt_exchange

DOCUMENT_FIELDS = ("page_content", "text", "content")
ANSWER_FIELDS = ("content", "text")

PROMPTS = "a str, or a list of OpenAI messages"
DOCUMENTS = (
    f"a str, an object or dict with one of {', '.join(DOCUMENT_FIELDS)}, or a list or tuple of these, or None"
)
ANSWERS = (
    f"a str, an object or dict with one of {', '.join(ANSWER_FIELDS)}, or an OpenAI chat completion"
    " (or pass answer=, a callable that returns the text)"
)

_CODEC = OpenAICodec()


class CannotRewrite(SafetyError):
    """Text must be taken out of a value that cannot be made anew with other text."""


@dataclass(frozen=True, slots=True)
class Readable:
    """What is judged, and the value it came from with edits applied (``CannotRewrite`` if that cannot be)."""

    exchange: Exchange
    rewrite: Callable[[Sequence[Edit]], Any]


@dataclass(frozen=True, slots=True)
class Text:
    """The one text of a value, and the value with another text in its place."""

    text: str
    put: Callable[[str], Any]


# --- the prompt and its documents -------------------------------------------------------------------------


def prompt_and_documents(
    prompt: Any, documents: Mapping[str, Any], base: Exchange, marks: DocumentMarks
) -> Readable:
    """The input stage of a call. ``documents`` are the arguments that hold documents, by parameter; ``base``
    gives the id and the labels. ``rewrite`` returns ``(prompt, documents)``."""
    groups = {name: document_texts(value, name) for name, value in documents.items()}
    texts = [item.text for group in groups.values() for item in group]
    spoken, change = _prompt(prompt, base, marks)
    segments = prompt_exchange("", texts, id=base.id).segments

    def rewrite(edits: Sequence[Edit]) -> tuple[Any, dict[str, Any]]:
        changed = iter([apply_edits(text, f"/documents/{n}", edits) for n, text in enumerate(texts)])
        put = {
            name: _same_container(documents[name], [_changed(item, next(changed)) for item in group])
            for name, group in groups.items()
        }
        return change(edits), put

    return Readable(replace(spoken, segments=spoken.segments + segments), rewrite)


def _prompt(
    value: Any, base: Exchange, marks: DocumentMarks
) -> tuple[Exchange, Callable[[Sequence[Edit]], Any]]:
    if value is None:
        return base, lambda edits: None
    if isinstance(value, str):
        exchange = prompt_exchange(value, id=base.id, labels=base.labels, marks=marks)
        return exchange, lambda edits: apply_edits(value, "/prompt", edits)
    if isinstance(value, (list, tuple)) and value and all(map(_is_message, value)):
        exchange = messages_exchange(value, id=base.id, labels=base.labels, marks=marks)
        return exchange, lambda edits: edited_messages(value, edits)
    raise TypeError(f"the prompt is {_kind(value)}: it must be {PROMPTS}")


def _is_message(value: Any) -> bool:
    return isinstance(value, Mapping) or hasattr(value, "model_dump")


def edited_messages(messages: Sequence[Any], edits: Sequence[Edit]) -> Sequence[Any]:
    """The messages with ``edits`` (paths as ``/messages/0/content``) applied; those without one stay the same
    objects, an edited SDK object becomes a dict."""
    changed = list(messages)
    copied: set[int] = set()
    for path in dict.fromkeys(edit.span.path for edit in edits):
        keys = pointer.tokens(path)
        if keys[0] != "messages":
            continue
        at = int(keys[1])
        if at not in copied:
            copied.add(at)
            changed[at] = copy.deepcopy(_plain(changed[at]))
        _edit_at(changed[at], keys[2:], path, edits)
    return tuple(changed) if isinstance(messages, tuple) else changed


def _edit_at(node: Any, keys: Sequence[str], path: str, edits: Sequence[Edit]) -> None:
    for key in keys[:-1]:
        node = node[int(key) if isinstance(node, list) else key]
    last = int(keys[-1]) if isinstance(node, list) else keys[-1]
    node[last] = apply_edits(node[last], path, edits)


def document_texts(value: Any, name: str) -> list[Text]:
    """The texts of the documents in the argument ``name``; none for ``None``."""
    if value is None:
        return []
    single = _text(value, DOCUMENT_FIELDS)
    if single is not None:
        return [single]
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"documents in {name!r}: {_kind(value)}: must be {DOCUMENTS}")
    texts = []
    for number, item in enumerate(value):
        text = _text(item, DOCUMENT_FIELDS)
        if text is None:
            raise TypeError(f"documents in {name!r}: item {number} is {_kind(item)}: must be {DOCUMENTS}")
        texts.append(text)
    return texts


def _same_container(value: Any, items: list[Any]) -> Any:
    if value is None:
        return None
    if isinstance(value, (list, tuple)) and _text(value, DOCUMENT_FIELDS) is None:
        return tuple(items) if isinstance(value, tuple) else items
    return items[0]


def _changed(item: Text, text: str) -> Any:
    # Unchanged items are put back as well: ``put`` of the same text gives the item itself.
    return item.put(text)


# --- the answer -------------------------------------------------------------------------------------------


def answer_of(value: Any, request: Exchange, extract: Callable[[Any], str] | None = None) -> Readable:
    """The output stage of a call; ``request`` is its input stage. ``extract`` takes the text out of answers
    of other shapes, which then cannot be rewritten."""
    if extract is None and not isinstance(value, str):
        body, unwrap = _completion(value)
        if body is not None:
            return _completion_answer(body, unwrap, request)
    item = answer_text(value, extract)
    exchange = answer_exchange(item.text, id=request.id, labels=request.labels)
    exchange = replace(exchange, context=request.context + request.segments)
    return Readable(exchange, lambda edits: item.put(apply_edits(item.text, "/answer", edits)))


def answer_text(value: Any, extract: Callable[[Any], str] | None = None) -> Text:
    """The text of an answer, or of a piece of a streamed one."""
    if extract is not None and not isinstance(value, str):
        text = extract(value)
        if not isinstance(text, str):
            raise TypeError(f"answer= returned {_kind(text)}: it must return the text, a str")
        return Text(text, lambda new: _kept(value, text, new))
    if getattr(value, "tool_calls", None):
        raise TypeError(f"the answer is {_kind(value)} with tool calls, which would go unjudged: {ANSWERS}")
    item = _text(value, ANSWER_FIELDS)
    if item is None:
        raise TypeError(f"the answer is {_kind(value)}: it must be {ANSWERS}")
    return item


def _completion(value: Any) -> tuple[dict[str, Any] | None, Callable[[dict[str, Any]], Any]]:
    """The body of a chat completion and how to make the value of one; no body for anything else. A message
    alone is read as the only choice of one."""
    plain = _plain(value)
    if not isinstance(plain, dict):
        return None, _same
    validate = _same if plain is value else type(value).model_validate
    if isinstance(plain.get("choices"), list):
        return plain, validate
    if "role" in plain and "content" in plain:
        return {"choices": [{"message": plain}]}, lambda body: validate(body["choices"][0]["message"])
    return None, _same


def _completion_answer(body: dict[str, Any], make: Callable[[Any], Any], request: Exchange) -> Readable:
    data = json.dumps(body).encode()
    asked = replace(request, segments=request.context + request.segments, context=())
    exchange = _CODEC.read_response(data, Request(asked, "", stream=False, body=b""))
    return Readable(exchange, lambda edits: make(json.loads(_CODEC.apply(data, edits))))


# --- one text in one value --------------------------------------------------------------------------------


def _text(value: Any, fields: Sequence[str]) -> Text | None:
    if isinstance(value, str):
        return Text(value, _same)
    field = next((field for field in fields if isinstance(_get(value, field), str)), None)
    if field is None:
        return None
    found = _get(value, field)
    return Text(found, lambda new: _with(value, field, found, new))


def _get(value: Any, field: str) -> Any:
    return value.get(field) if isinstance(value, Mapping) else getattr(value, field, None)


def _with(value: Any, field: str, old: str, new: str) -> Any:
    """A copy of ``value`` whose ``field`` is ``new``; ``value`` itself when nothing changes."""
    if new == old:
        return value
    try:
        changed = _copy_with(value, field, new)
    except (TypeError, ValueError, AttributeError) as error:
        raise _unwritable(value, field) from error
    if _get(changed, field) != new:
        raise _unwritable(value, field)
    return changed


def _unwritable(value: Any, field: str) -> CannotRewrite:
    # Without the cause's message: it may quote the text, and this goes on record.
    return CannotRewrite(f"text must be taken out of a value {_kind(value)}, whose {field!r} cannot be set")


def _copy_with(value: Any, field: str, text: str) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.replace(value, **{field: text})
    for method in ("model_copy", "_replace"):  # pydantic models and named tuples
        if hasattr(value, method):
            update = {field: text}
            return value.model_copy(update=update) if method == "model_copy" else value._replace(**update)
    changed = copy.copy(value)
    if isinstance(changed, Mapping):
        changed[field] = text  # type: ignore[index]  # one that cannot be set is reported by the caller
    else:
        setattr(changed, field, text)
    return changed


def _kept(value: Any, old: str, new: str) -> Any:
    if new != old:
        raise CannotRewrite(f"text must be taken out of a value {_kind(value)}, which only answer= can read")
    return value


def _plain(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    return value if dump is None else dump(exclude_none=True)


def _same(value: Any) -> Any:
    return value


def _kind(value: Any) -> str:
    return f"of type {type(value).__module__}.{type(value).__qualname__}".replace("builtins.", "")
