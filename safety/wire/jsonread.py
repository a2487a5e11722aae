"""Strict JSON: one text has one reading, or it is refused.

A guard that reads a body differently from the server behind it guards another body. So everything on which
parsers differ (RFC 8259, sections 4, 6, 8 and 9) is an error here: keys given twice, ``NaN``, numbers that
overflow, lone surrogates, byte order marks, encodings other than UTF-8, nesting without end. It does not
judge what the JSON says (that is a codec's work) and it never quotes a value, only keys.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from safety.errors import WireError
from safety.wire import pointer

MAX_DEPTH = 128  # deeper than any tool schema seen; far from every parser's own limit
MAX_NUMBER = 64  # characters; a 64-bit integer has 20, a double at most 24

_SHOWN = 64  # characters of a key that an error quotes
# Only an escape can bring a surrogate into a string: strict UTF-8 holds none.
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


class _RefusedError(Exception):
    """Raised inside the parser's hooks, which know neither place nor status."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Twice:
    """Stands for an object with a repeated key, when looking for where it is."""

    def __init__(self, key: str) -> None:
        self.key = key


def loads(body: bytes, *, status: int = 400) -> Any:
    """The value of a JSON text in UTF-8.

    ``WireError`` with ``status`` and one of the codes ``invalid_utf8``, ``invalid_json``, ``duplicate_key``,
    ``lone_surrogate``, ``number_too_long``, ``too_deep``.
    """
    text = _decode(body, status)
    try:
        value = _DECODER.decode(text)
    except _RefusedError as refused:
        path = _duplicate_at(text) if refused.code == "duplicate_key" else ""
        raise WireError(refused.code, str(refused), path, status) from None
    except RecursionError:
        raise _too_deep(status) from None
    except json.JSONDecodeError as error:
        message = f"not JSON: {error.msg} at line {error.lineno} column {error.colno}"
        raise WireError("invalid_json", message, status=status) from None
    if text.count("{") + text.count("[") > MAX_DEPTH and _deeper_than(value, MAX_DEPTH):
        raise _too_deep(status)
    if "\\" in text and _SURROGATE_ESCAPE.search(text):
        _refuse_lone_surrogates(value, status)
    return value


def one_line(text: str) -> str:
    """``text`` fit for one line of a message: what cannot be printed becomes ``?``."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _decode(body: bytes, status: int) -> str:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"byte {error.start} is not valid UTF-8; only UTF-8 is allowed"
        raise WireError("invalid_utf8", message, status=status) from None
    if text.startswith("\ufeff"):
        raise WireError(
            "invalid_utf8", "begins with a byte order mark; JSON begins with its value", status=status
        )
    return text


def _too_deep(status: int) -> WireError:
    return WireError("too_deep", f"nested deeper than {MAX_DEPTH} levels, the most allowed", status=status)


def _deeper_than(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            child
            for node in level
            for child in (node.values() if type(node) is dict else node)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return False
    return True


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        key = _repeated(pairs)[:_SHOWN]
        raise _RefusedError("duplicate_key", f"the key {key!r} is given twice; once is allowed")
    return value


def _repeated(pairs: list[tuple[str, Any]]) -> str:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            return key
        seen.add(key)
    return ""


def _marked(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Twice:
    value = dict(pairs)
    return value if len(value) == len(pairs) else _Twice(_repeated(pairs))


def _int(digits: str) -> int:
    if len(digits) > MAX_NUMBER:
        raise _RefusedError("number_too_long", _LONG)
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if len(digits) > MAX_NUMBER or math.isinf(value):
        raise _RefusedError("number_too_long", _LONG)
    return value


def _constant(word: str) -> NoReturn:
    raise _RefusedError("invalid_json", f"not JSON: {word} is not a value; a finite number is allowed")


_LONG = f"a number that is longer than {MAX_NUMBER} characters or does not fit a double"


def _decoder(pairs_hook: Callable[[list[tuple[str, Any]]], Any]) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=pairs_hook, parse_int=_int, parse_float=_float, parse_constant=_constant
    )


_DECODER = _decoder(_object)
_MARKING_DECODER = _decoder(_marked)  # only after a refusal: finds the place for the message


def _duplicate_at(text: str) -> str:
    try:
        value = _MARKING_DECODER.decode(text)
    except (_RefusedError, RecursionError, json.JSONDecodeError):
        return ""  # broken further on as well; the key's name must do
    for path, node in _nodes(value):
        if isinstance(node, _Twice):
            return one_line(f"{path}/{pointer.escape(node.key[:_SHOWN])}")
    return ""


def _refuse_lone_surrogates(value: Any, status: int) -> None:
    for path, node in _nodes(value):
        texts = [node] if isinstance(node, str) else list(node) if isinstance(node, dict) else []
        if any("\ud800" <= character <= "\udfff" for text in texts for character in text):
            message = "half of a surrogate pair; whole pairs are allowed"
            raise WireError("lone_surrogate", message, one_line(path), status)


def _nodes(value: Any) -> Iterator[tuple[str, Any]]:
    stack = [("", value)]
    while stack:
        path, node = stack.pop()
        yield path, node
        stack.extend(reversed(list(pointer.children(node, path))))
