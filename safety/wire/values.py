"""The one text in a Python value, and the same value with another text in its place.

Documents are strings or objects that hold one (LangChain, LlamaIndex, Haystack), alone or in a list. A value
of any other shape is a ``TypeError`` that says what is allowed: nothing goes by unread. Values are never
changed in place.

It reads one text per value: metadata is not looked at. Messages are read by ``openai_read``.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from safety.errors import SafetyError

DOCUMENT_FIELDS = ("page_content", "text", "content")
DOCUMENTS = (
    f"a str, an object or dict with one of {', '.join(DOCUMENT_FIELDS)}, or a list or tuple of these, or None"
)


class CannotRewrite(SafetyError):
    """Text must be taken out of a value that cannot be made anew with other text."""


@dataclass(frozen=True, slots=True)
class Text:
    """The one text of a value, and the value with another text in its place."""

    text: str
    put: Callable[[str], Any]


def document_texts(value: Any, where: str = "documents") -> list[Text]:
    """The texts of some documents, in order; none for ``None``. ``where`` is named in the ``TypeError``."""
    if value is None:
        return []
    single = text_in(value, DOCUMENT_FIELDS)
    if single is not None:
        return [single]
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{where}: {kind(value)}: must be {DOCUMENTS}")
    texts = []
    for number, item in enumerate(value):
        text = text_in(item, DOCUMENT_FIELDS)
        if text is None:
            raise TypeError(f"{where}: item {number} is {kind(item)}: must be {DOCUMENTS}")
        texts.append(text)
    return texts


def documents_with(value: Any, items: list[Any]) -> Any:
    """A value that ``document_texts`` read, with ``items`` in place of its documents."""
    if value is None:
        return None
    if isinstance(value, (list, tuple)) and text_in(value, DOCUMENT_FIELDS) is None:
        return tuple(items) if isinstance(value, tuple) else items
    return items[0]


def text_in(value: Any, fields: Sequence[str]) -> Text | None:
    """The text that ``value`` is, or that the first of ``fields`` with a text holds; ``None`` without one."""
    if isinstance(value, str):
        return Text(value, lambda new: new)
    field = next((field for field in fields if isinstance(field_of(value, field), str)), None)
    if field is None:
        return None
    found = field_of(value, field)
    return Text(found, lambda new: _with(value, field, found, new))


def field_of(value: Any, field: str) -> Any:
    """A mapping's item or an object's attribute; ``None`` without one."""
    return value.get(field) if isinstance(value, Mapping) else getattr(value, field, None)


def as_dict(value: Any) -> Any:
    """An SDK's object (they are pydantic models) as the dictionary it came from; anything else as it is."""
    dump = getattr(value, "model_dump", None)
    return value if dump is None else dump(exclude_none=True)


def kind(value: Any) -> str:
    """What sort of value it is, for a message: ``of type dict``."""
    return f"of type {type(value).__module__}.{type(value).__qualname__}".replace("builtins.", "")


def _with(value: Any, field: str, old: str, new: str) -> Any:
    """A copy of ``value`` whose ``field`` is ``new``; ``value`` itself when nothing changes."""
    if new == old:
        return value
    try:
        changed = _copy_with(value, field, new)
    except (TypeError, ValueError, AttributeError) as error:
        raise _unwritable(value, field) from error
    if field_of(changed, field) != new:
        raise _unwritable(value, field)
    return changed


def _unwritable(value: Any, field: str) -> CannotRewrite:
    # Without the cause's message: it may quote the text, and this goes on record.
    return CannotRewrite(f"text must be taken out of a value {kind(value)}, whose {field!r} cannot be set")


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
