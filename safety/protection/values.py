"""The exchanges of a call: prompt, documents and answer as Python values, read and put back changed.

Prompts are strings or OpenAI messages; documents are what ``wire.values`` reads; answers are strings, objects
that hold one, or OpenAI chat completions. A value of any other shape is a ``TypeError`` that says what is
allowed: nothing goes by unread. Values are never changed in place. It judges nothing.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from safety.redact import apply_edits
from safety.types import DocumentMarks, Edit, Exchange
from safety.wire import pointer
from safety.wire.codec import Request
from safety.wire.openai import OpenAICodec
from safety.wire.plain import (
    ANSWER,
    PROMPT,
    answer_exchange,
    document_path,
    messages_exchange,
    prompt_exchange,
)
from safety.wire.values import (
    CannotRewrite,
    Text,
    as_dict,
    document_texts,
    documents_with,
    field_of,
    kind,
    text_in,
)

ANSWER_FIELDS = ("content", "text")

# What else holds an answer's text in the objects of OpenAI, vLLM, Ollama, LangChain, LlamaIndex and Haystack.
# An answer is read from one field; one that has text in another as well is refused.
OTHER_FIELDS = (
    "choices",
    "message",
    "delta",
    "answer",
    "output",
    "output_text",
    "refusal",
    "reasoning",
    "reasoning_content",
    "thinking",
    "tool_calls",
    "invalid_tool_calls",
    "tool_call_chunks",
    "function_call",
    "additional_kwargs",
)

PROMPTS = "a str, or a list of OpenAI messages"
ANSWERS = (
    f"a str, an object or dict with one of {', '.join(ANSWER_FIELDS)}, or an OpenAI chat completion"
    " (or pass answer=, a callable that returns the text)"
)

_CODEC = OpenAICodec()


@dataclass(frozen=True, slots=True)
class Readable:
    """What is judged, and the value it came from with edits applied (``CannotRewrite`` if that cannot be)."""

    exchange: Exchange
    rewrite: Callable[[Sequence[Edit]], Any]


# --- the prompt and its documents -------------------------------------------------------------------------


def prompt_and_documents(
    prompt: Any, documents: Mapping[str, Any], base: Exchange, marks: DocumentMarks
) -> Readable:
    """The input stage of a call. ``documents`` are the arguments that hold documents, by parameter; ``base``
    gives the id and the labels. ``rewrite`` returns ``(prompt, documents)``."""
    groups = {name: document_texts(value, f"documents in {name!r}") for name, value in documents.items()}
    texts = [item.text for group in groups.values() for item in group]

    def rewrite(edits: Sequence[Edit]) -> tuple[Any, dict[str, Any]]:
        changed = iter([apply_edits(text, document_path(n), edits) for n, text in enumerate(texts)])
        put = {
            name: documents_with(documents[name], [item.put(next(changed)) for item in group])
            for name, group in groups.items()
        }
        return _edited_prompt(prompt, edits), put

    return Readable(_exchange(prompt, texts, base, marks), rewrite)


def _exchange(prompt: Any, texts: Sequence[str], base: Exchange, marks: DocumentMarks) -> Exchange:
    if prompt is None or isinstance(prompt, str):
        return prompt_exchange(prompt or "", texts, id=base.id, labels=base.labels, marks=marks)
    if isinstance(prompt, (list, tuple)) and prompt and all(map(_is_message, prompt)):
        return messages_exchange(prompt, texts, id=base.id, labels=base.labels, marks=marks)
    raise TypeError(f"the prompt is {kind(prompt)}: it must be {PROMPTS}")


def _edited_prompt(prompt: Any, edits: Sequence[Edit]) -> Any:
    if isinstance(prompt, str):
        return apply_edits(prompt, PROMPT, edits)
    return None if prompt is None else edited_messages(prompt, edits)


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
            changed[at] = copy.deepcopy(as_dict(changed[at]))
        _edit_at(changed[at], keys[2:], path, edits)
    return tuple(changed) if isinstance(messages, tuple) else changed


def _edit_at(node: Any, keys: Sequence[str], path: str, edits: Sequence[Edit]) -> None:
    for key in keys[:-1]:
        node = node[int(key) if isinstance(node, list) else key]
    last = int(keys[-1]) if isinstance(node, list) else keys[-1]
    node[last] = apply_edits(node[last], path, edits)


# --- the answer -------------------------------------------------------------------------------------------


def answer_of(value: Any, request: Exchange, extract: Callable[[Any], str] | None = None) -> Readable:
    """The output stage of a call; ``request`` is its input stage. ``extract`` takes the text out of answers
    of other shapes, which then cannot be rewritten."""
    if extract is None and not isinstance(value, str):
        body, unwrap = _completion(value)
        if body is not None:
            return _completion_answer(body, unwrap, request)
    item = answer_text(value, extract)
    exchange = answer_exchange(item.text, request)
    return Readable(exchange, lambda edits: item.put(apply_edits(item.text, ANSWER, edits)))


def answer_text(value: Any, extract: Callable[[Any], str] | None = None) -> Text:
    """The text of an answer, or of a piece of a streamed one."""
    if extract is not None and not isinstance(value, str):
        text = extract(value)
        if not isinstance(text, str):
            raise TypeError(f"answer= returned {kind(text)}: it must return the text, a str")
        return Text(text, lambda new: _kept(value, text, new))
    item = text_in(value, ANSWER_FIELDS)
    if isinstance(value, str) and item is not None:
        return item
    _refuse_unread(value, None if item is None else item.text)
    if item is None:
        raise TypeError(f"the answer is {kind(value)}: it must be {ANSWERS}")
    return Text(item.text, lambda new: _rewritten(item.put(new), new))


def _refuse_unread(value: Any, text: str | None) -> None:
    """``TypeError`` for a value that holds more than ``text``, which is what is judged of it."""
    field = _unread(value, text)
    if field is not None:
        raise TypeError(
            f"the answer is {kind(value)} with {field!r}, which would go unjudged: it must be {ANSWERS}"
        )


def _unread(value: Any, text: str | None, fields: Sequence[str] = ANSWER_FIELDS + OTHER_FIELDS) -> str | None:
    """The first of ``fields`` that holds something else than ``text``."""
    held = ((field, field_of(value, field)) for field in fields)
    return next(
        (field for field, found in held if _filled(found) and not (isinstance(found, str) and found == text)),
        None,
    )


def _filled(value: Any) -> bool:
    """Whether there may be text in a field: numbers are none, nor is a method of that name."""
    if isinstance(value, Mapping):
        return any(map(_filled, value.values()))
    if isinstance(value, (str, list, tuple)):
        return bool(value)
    return value is not None and not isinstance(value, (int, float)) and not callable(value)


def _rewritten(value: Any, text: str) -> Any:
    """A value whose text was replaced, if the old one stands in no other field."""
    field = _unread(value, text)
    if field is not None:
        raise CannotRewrite(f"text must be taken out of a value {kind(value)}, which {field!r} holds as well")
    return value


def _completion(value: Any) -> tuple[dict[str, Any] | None, Callable[[dict[str, Any]], Any]]:
    """The body of a chat completion and how to make the value of one; no body for anything else. A message
    alone is read as the only choice of one."""
    plain = as_dict(value)
    if not isinstance(plain, dict):
        return None, _same
    validate = _same if plain is value else type(value).model_validate
    if isinstance(plain.get("choices"), list):
        _refuse_unread({**plain, "choices": None}, None)
        return plain, validate
    if "role" in plain and "content" in plain:
        return {"choices": [{"message": plain}]}, lambda body: validate(body["choices"][0]["message"])
    return None, _same


def _completion_answer(body: dict[str, Any], make: Callable[[Any], Any], request: Exchange) -> Readable:
    data = json.dumps(body).encode()
    asked = replace(request, segments=request.context + request.segments, context=())
    exchange = _CODEC.read_response(data, Request(asked, "", stream=False, body=b""))
    return Readable(exchange, lambda edits: make(json.loads(_CODEC.apply(data, edits))))


def _kept(value: Any, old: str, new: str) -> Any:
    if new != old:
        raise CannotRewrite(f"text must be taken out of a value {kind(value)}, which only answer= can read")
    return value


def _same(value: Any) -> Any:
    return value
