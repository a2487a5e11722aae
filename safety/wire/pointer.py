"""JSON pointers (RFC 6901): spelling them, splitting them, and finding the strings below a value.

Pure and small. It does not read JSON (``jsonread``) or find bytes in it (``jsonedit``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def escape(token: str) -> str:
    """One reference token as a pointer spells it: ``a/b`` -> ``a~1b`` (RFC 6901, section 3)."""
    if "~" in token or "/" in token:
        return token.replace("~", "~0").replace("/", "~1")
    return token


def tokens(pointer: str) -> tuple[str, ...]:
    """``/a~1b/0`` -> ``("a/b", "0")``; the empty pointer is the whole document. ``ValueError`` if it is
    neither empty nor begins with ``/``."""
    if not pointer:
        return ()
    if not pointer.startswith("/"):
        raise ValueError(f"{pointer!r} is not a JSON pointer: it must be empty or begin with '/'")
    # ~1 first, so that "~01" is "~1" and not "/" (RFC 6901, section 4).
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer[1:].split("/"))


def strings(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every string in ``value`` with its pointer, in document order; ``path`` is where ``value`` stands."""
    stack = [(path, value)]
    while stack:
        at, node = stack.pop()
        if isinstance(node, str):
            yield at, node
        else:
            stack.extend(reversed(list(children(node, at))))


def expand(value: Any, pattern: str) -> Iterator[tuple[str, Any]]:
    """The values that ``pattern`` points at, each with its own pointer. ``*`` stands for any one key or
    index; a place that does not exist is simply not there."""
    found = [("", value)]
    for token in tokens(pattern):
        wanted = None if token == "*" else escape(token)  # noqa: S105 - a reference token of RFC 6901
        found = [
            (at, child)
            for path, node in found
            for at, child in children(node, path)
            if wanted is None or at == f"{path}/{wanted}"
        ]
    yield from found


def children(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The members of an object or list with their pointers; nothing for any other value."""
    if isinstance(node, dict):
        for key, child in node.items():
            yield f"{path}/{escape(key)}", child
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield f"{path}/{index}", child
