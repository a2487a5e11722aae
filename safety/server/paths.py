"""Which way a request goes by its path: to a codec, on unjudged as the configuration says, or nowhere.

Servers differ in what they make of a path: they fold case, drop a slash at the end, resolve dots, cut at a
semicolon, decode once more. A path that the endpoint may take for another one than is seen here is refused
(RFC 3986, section 6.2, lists most of the ways). It changes no path: what is taken goes on as it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from safety.server.http import ClientError
from safety.wire.codec import Codec

# In the path as it came: no slash first, an empty or a dot segment, parameters, bytes that need encoding, a
# percent sign that encodes nothing, or one that encodes what means something in a path: # % . / ; ? \
_AMBIGUOUS = re.compile(
    rb"\A(?!/)|//|/\.{1,2}(?=/|\Z)|[;\\\x00-\x20\x7f-\xff]|%(?![0-9a-f]{2})|%(?:2[35ef]|3[bf]|5c)",
    re.IGNORECASE,
)
# In the decoded path: control characters, and what stands for bytes that are not UTF-8.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ufffd]")
_PLACEHOLDER = re.compile(r"\\\{(\w+)\\\}")


class Paths:
    """The paths that ``codecs`` speak, and the ``METHOD /path`` patterns that are passed through."""

    def __init__(self, codecs: Iterable[Codec], passthrough: Sequence[str]) -> None:
        guarded = [(path, codec) for codec in codecs for path in codec.paths]
        self._guarded = [(_pattern(path, r"(?P<\1>[A-Za-z0-9_.-]+)"), codec) for path, codec in guarded]
        self._folded = [_pattern(path.casefold(), "[^/]+") for path, _ in guarded]
        self._passthrough = passthrough

    def route(self, method: str, raw: bytes, path: str) -> tuple[Codec | None, dict[str, str]]:
        """The codec, or none for a request that is passed through, and what the path's placeholders stand
        for. ``raw`` is the path as it came, ``path`` the same decoded. Raises ``ClientError``."""
        if _AMBIGUOUS.search(raw) or _UNPRINTABLE.search(path):
            raise _ambiguous("empty and dot segments, ';', control characters and encoded delimiters")
        codec, named = self._codec(path)
        if codec is not None and method == "POST":
            return codec, named
        if codec is None and any(one.fullmatch(path.casefold().rstrip("/. ")) for one in self._folded):
            raise _ambiguous("other spellings of a guarded path")
        # The other methods of a guarded path reach the same texts: no pattern opens them by accident.
        wanted, same = f"{method} {path}", fnmatchcase if codec is None else str.__eq__
        if not any(same(wanted, allowed) for allowed in self._passthrough):
            raise ClientError(404, "path_not_guarded", f"{wanted} is not guarded and not passed through")
        return None, {}

    def _codec(self, path: str) -> tuple[Codec | None, dict[str, str]]:
        for pattern, codec in self._guarded:
            if (match := pattern.fullmatch(path)) is not None:
                return codec, match.groupdict()
        return None, {}


def _pattern(template: str, placeholder: str) -> re.Pattern[str]:
    return re.compile(_PLACEHOLDER.sub(placeholder, re.escape(template)))


def _ambiguous(what: str) -> ClientError:
    return ClientError(400, "ambiguous_path", f"the path can be read in two ways: {what} are not allowed")
