"""Server-sent events: bytes in, events out, each with the exact bytes it came in.

Follows WHATWG HTML, section 9.2.6 "Interpreting an event stream". The raw bytes of all events together are
the bytes fed, so an event that is not changed goes on byte for byte. It does no I/O, does not reconnect
(``id`` and ``retry`` are read, not obeyed) and does not decode ``data``: whoever reads it decides what bad
UTF-8 means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from safety.errors import WireError

MAX_EVENT = 1 << 20  # bytes; a token is some 300

_BOM = b"\xef\xbb\xbf"
_EOL = rb"(?:\r\n|\n|\r(?!\n))"
_LINE_END = re.compile(_EOL)
_BLANK_LINE = re.compile(_EOL + _EOL)


@dataclass(frozen=True, slots=True)
class Event:
    """One block of lines up to and including its blank line.

    ``data`` is the data lines joined by LF, or ``None`` if there were none (a comment, a stray blank line).
    ``complete`` is false for what stood at the end of the stream without a blank line: a client of the
    standard drops it, others do not. ``other`` is true if a line is of no field of the standard:
    a client of the standard drops it, others take it for data.
    """

    raw: bytes
    data: bytes | None = None
    event: str = ""
    id: str | None = None
    retry: int | None = None
    complete: bool = True
    other: bool = False


class Parser:
    """An incremental parser; the events do not depend on how the bytes were split.

    A CR may be the first half of CRLF, so an event that ends in a bare CR comes out with the next byte.
    """

    def __init__(self, max_event: int = MAX_EVENT) -> None:
        self._max_event = max_event
        self._buffer = bytearray()
        self._searched = 0  # no blank line begins before this
        self._first = True
        self._fault: WireError | None = None

    def feed(self, data: bytes) -> list[Event]:
        """The events that ``data`` completes.

        ``WireError`` ``event_too_large`` for an event over the cap; events before it are returned first and
        the next call raises.
        """
        if self._fault is not None:
            raise self._fault
        self._buffer += data
        events = self._byte_order_mark()
        start = sum(len(event.raw) for event in events)
        while (end := self._end_of_event(start)) is not None and end - start <= self._max_event:
            events.append(parse(bytes(self._buffer[start:end])))
            self._first = False
            start = end
            self._searched = start
        if (len(self._buffer) if end is None else end) - start > self._max_event:
            self._fault = self._too_large()
            self._buffer.clear()
            if not events:
                raise self._fault
            return events
        del self._buffer[:start]
        self._searched = max(self._searched - start, 0)
        return events

    def close(self) -> Event | None:
        """What is left when the stream ends: an event without its blank line, or nothing."""
        if self._fault is not None:
            raise self._fault
        raw = bytes(self._buffer)
        self._buffer.clear()
        if not raw:
            return None
        return parse(raw, complete=raw.endswith(b"\r") and _ends_blank(raw))

    def _end_of_event(self, start: int) -> int | None:
        match = _LINE_END.match(self._buffer, start)  # a blank line that belongs to no event
        if match is None:
            match = _BLANK_LINE.search(self._buffer, max(self._searched, start))
        if match is None:
            self._searched = max(len(self._buffer) - 3, start)
            return None
        if match.end() == len(self._buffer) and self._buffer[-1:] == b"\r":
            self._searched = match.start()  # LF may follow
            return None
        return match.end()

    def _byte_order_mark(self) -> list[Event]:
        """An event of its own for the mark that may open a stream: elsewhere these bytes are text."""
        if not self._first or len(self._buffer) < len(_BOM):
            return []
        self._first = False
        return [Event(_BOM)] if self._buffer.startswith(_BOM) else []

    def _too_large(self) -> WireError:
        message = f"an event is larger than {self._max_event} bytes, the most allowed"
        return WireError("event_too_large", message, status=502)


def parse(block: bytes, *, complete: bool = True) -> Event:
    """One block of lines as an event."""
    data: list[bytes] = []
    fields: dict[str, str] = {}
    other = False
    for line in block.splitlines():  # of bytes: LF, CR and CRLF only, as the standard has it
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            data.append(value)
        elif name in (b"event", b"id", b"retry"):
            fields[name.decode()] = value.decode("utf-8", "replace")
        else:
            other = other or name != b""  # a comment has no name
    identity, retry = fields.get("id"), fields.get("retry", "")
    return Event(
        raw=block,
        data=b"\n".join(data) if data else None,
        event=fields.get("event", ""),
        id=None if identity is None or "\0" in identity else identity,
        retry=int(retry) if retry.isascii() and retry.isdigit() and len(retry) < 16 else None,
        complete=complete,
        other=other,
    )


def replace_data(raw: bytes, data: bytes) -> bytes:
    """The event ``raw`` with other data: each data line keeps its place, its prefix and its line end, and
    every other line stays. ``ValueError`` unless ``data`` has as many lines as before."""
    lines = data.split(b"\n")
    places = list(_data_values(raw))
    if len(lines) != len(places):
        raise ValueError(f"{len(lines)} data lines for an event of {len(places)}; as many are allowed")
    parts: list[bytes] = []
    at = 0
    for line, (start, end) in zip(lines, places, strict=True):
        bare = raw[start - 4 : start] == b"data" and line  # "data" without a colon is an empty line
        parts += (raw[at:start], b":" + line if bare else line)
        at = end
    parts.append(raw[at:])
    return b"".join(parts)


def message(data: bytes) -> bytes:
    """An event of its own with ``data``, which must have no line break."""
    return b"data: " + data + b"\n\n"


def _data_values(raw: bytes) -> Iterator[tuple[int, int]]:
    """Where the values of the data lines stand in ``raw``."""
    at = 0
    for whole in raw.splitlines(keepends=True):
        line = whole.rstrip(b"\r\n")
        name, _, value = line.partition(b":")
        if name == b"data":
            yield at + len(line) - len(value.removeprefix(b" ")), at + len(line)
        at += len(whole)


def _ends_blank(raw: bytes) -> bool:
    return raw == b"\r" or _BLANK_LINE.search(raw, max(len(raw) - 3, 0)) is not None
