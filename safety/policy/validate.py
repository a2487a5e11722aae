"""A tree of YAML values against a pydantic type: the value, or one plain line per mistake at its place.

Nothing here knows what a policy is: the type says what is allowed.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from safety.policy.source import Node, Place, Problems, kind, plain, step

T = TypeVar("T")
Loc = Sequence[int | str]
# A text whose type is a path, and whether it must be one (or may be any text); the text to take its place.
Put = Callable[[Node, bool], Node]

_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
_MISSING = ("missing", "missing_argument")
_TEXT = "write a text, in quotes if it looks like something else"
# What is allowed, by the kind of pydantic's error; what was wrong is said the same way for all of these.
_WANTED: Mapping[str, str] = {
    "string_type": _TEXT,
    "bool_type": "write true or false",
    "int_type": "write a whole number",
    "int_from_float": "write a whole number",
    "float_type": "write a number",
    "list_type": "write a list ('- one' per line, or [one, two])",
    "tuple_type": "write a list ('- one' per line, or [one, two])",
    "set_type": "write a list ('- one' per line, or [one, two])",
    "frozen_set_type": "write a list ('- one' per line, or [one, two])",
    "dict_type": "write a mapping ('key: value' per line)",
    "model_type": "write a mapping ('key: value' per line)",
    "model_attributes_type": "write a mapping ('key: value' per line)",
    "dataclass_type": "write a mapping ('key: value' per line)",
    "date_type": "write a date as YYYY-MM-DD",
    "date_parsing": "write a date as YYYY-MM-DD",
    "date_from_datetime_parsing": "write a date as YYYY-MM-DD",
    "date_from_datetime_inexact": "write a date as YYYY-MM-DD",
    "greater_than": "write a number above {gt}",
    "greater_than_equal": "write {ge} or more",
    "less_than": "write a number below {lt}",
    "less_than_equal": "write {le} or less",
    "string_too_short": "write at least {min_length} character",
    "too_short": "write at least {min_length} item",
    "string_pattern_mismatch": "write what matches {pattern}",
}


def validated(adapter: TypeAdapter[T], node: Node, problems: Problems, also: Sequence[str] = ()) -> T | None:
    """The tree as a value of the adapter's type; ``None`` after adding what is wrong with it.

    Reads as strict JSON: dates and enumerations are written as texts, and no other conversion is made.
    ``also`` are keys beside the type's own, read elsewhere, that messages should name.
    """
    try:
        return adapter.validate_json(json.dumps(plain(node)), strict=True, extra="forbid")
    except ValidationError as error:
        schema = adapter.json_schema()
        for mistake in error.errors(include_url=False):
            place, known = _place(mistake, node), keys_at(schema, mistake["loc"][:-1])
            if len(mistake["loc"]) == 1:
                known = sorted({*known, *also})
            problems.add(place, _what(mistake, find(node, mistake["loc"]), known))
        return None


def _place(mistake: Mapping[str, Any], root: Node) -> Place:
    loc = mistake["loc"]
    place = find(root, loc).place
    if mistake["type"] in _MISSING:
        return replace(place, path=step(place.path, str(loc[-1])))
    return place


def _what(mistake: Mapping[str, Any], node: Node, known: Sequence[str]) -> str:
    name, context = mistake["type"], mistake.get("ctx") or {}
    if name in _MISSING:
        return f"missing: a value is needed here; keys beside it are {', '.join(known)}"
    if name in _UNKNOWN:
        return unknown("key", str(mistake["loc"][-1]), known)
    if name in ("enum", "literal_error"):
        return _not_one_of(node.value, str(context["expected"]))
    if name == "value_error":
        return str(context["error"])
    allowed = _WANTED[name].format(**context) if name in _WANTED else mistake["msg"]
    return f"{shown(node.value)} is not allowed: {allowed}"


def _not_one_of(value: object, expected: str) -> str:
    allowed = [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")]
    if not isinstance(value, str):
        return f"{shown(value)} is not allowed: write {', '.join(allowed)}"
    return unknown("value", value, allowed)


def unknown(noun: str, given: str, known: Iterable[str]) -> str:
    """``unknown key 'x', did you mean 'y'? Allowed are ...``."""
    allowed = list(known)
    close = difflib.get_close_matches(given, allowed, n=1)
    hint = f", did you mean '{close[0]}'?" if close else ""
    return f"unknown {noun} {given!r}{hint}: allowed are {', '.join(allowed) or 'none'}"


def shown(value: object) -> str:
    """A value in a message: scalars as they are, the rest by kind."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else value[:39] + "…")
    return str(value) if isinstance(value, int | float) else kind(value)


def find(root: Node, loc: Loc) -> Node:
    """The deepest value there is on the way to ``loc``."""
    node = root
    for part in loc:
        child = _child(node, part)
        if child is None:
            break
        node = child
    return node


def _child(node: Node, part: int | str) -> Node | None:
    if isinstance(part, int):
        return node.items[part] if part < len(node.items) else None
    return node.entries.get(part)


# ---- the JSON Schema of a type, walked alongside the tree


def keys_at(schema: Mapping[str, Any], loc: Loc) -> list[str]:
    """The keys that the schema knows of a mapping at ``loc``."""
    here = [schema]
    for part in loc:
        here = [below for one in _arms(schema, here) for below in _below(one, part)]
    return sorted({key for one in _arms(schema, here) for key in one.get("properties", ())})


def _arms(root: Mapping[str, Any], schemas: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The schemas with references followed and alternatives laid side by side."""
    flat: list[Mapping[str, Any]] = []
    for one in schemas:
        if "$ref" in one:
            flat += _arms(root, [root["$defs"][one["$ref"].rpartition("/")[2]]])
        for word in ("anyOf", "oneOf", "allOf"):
            flat += _arms(root, one.get(word, ()))
        flat.append(one)
    return flat


def _below(schema: Mapping[str, Any], part: int | str) -> list[Mapping[str, Any]]:
    if isinstance(part, int):
        candidates = [schema.get("items")]
    else:
        candidates = [schema.get("properties", {}).get(part) or schema.get("additionalProperties")]
    return [one for one in candidates if isinstance(one, Mapping)]


def rewritten(schema: Mapping[str, Any], node: Node, put: Put) -> Node:
    """The tree with every text that is a path replaced by what ``put`` makes of it."""
    return _rewritten(schema, [schema], node, put)


def _rewritten(root: Mapping[str, Any], here: Sequence[Mapping[str, Any]], node: Node, put: Put) -> Node:
    arms = _arms(root, here)
    if isinstance(node.value, str):
        formats = [arm.get("format") for arm in arms if arm.get("type") == "string"]
        return put(node, set(formats) == {"path"}) if "path" in formats else node
    if isinstance(node.value, dict):
        mapping = {
            key: _rewritten(root, [s for a in arms for s in _below(a, key)], child, put)
            for key, child in node.value.items()
        }
        return Node(mapping, node.place)
    if isinstance(node.value, list):
        below = [s for a in arms for s in _below(a, 0)]
        return Node([_rewritten(root, below, child, put) for child in node.value], node.place)
    return node
