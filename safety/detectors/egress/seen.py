"""What this exchange has seen, to compare with what an address or a tool call carries.

Texts are compared squeezed: letters and digits alone, case folded, so that ``John Smith`` in a document is
``john+smith`` and ``JOHN_SMITH`` in a query. Everything is made when first asked for, since most answers
carry nothing. Paraphrases and translations are not recognised.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property, lru_cache
from typing import Protocol

from ahocorasick_rs import AhoCorasick

from safety.detectors.text import encodable
from safety.types import Origin, Segment, Span

RUN = 12  # letters and digits in a row that are no accident
KEPT_RUNS = 512  # payloads of which is remembered what they repeat
_SHORTEST_VALUE = 7  # letters and digits of a secret or a personal datum; shorter ones occur anywhere
_NOT_COUNTED = re.compile(r"[^\w\0]|_")
_COUNTED = re.compile(r"[^\W_]|\0")
_ADDRESS = re.compile(r"(?:https?:|www\.)[^\s<>\"]+", re.IGNORECASE)
_ANYTHING = re.compile("")
_HOST_BEFORE = re.compile(r"(?:^|[^\w.-])(?:www\.)?\Z")  # else it is another, longer name
_HOST_AFTER = re.compile(r"(?![\w-]|\.\w)")
_ADDRESS_AFTER = re.compile(r"(?![\w%&=+-])")  # else it is only the beginning of another
_SOURCES = frozenset((Origin.SYSTEM, Origin.DOCUMENT, Origin.TOOL_RESULT))
_TRUSTED = frozenset((Origin.SYSTEM, Origin.USER))


class Trust(IntEnum):
    """Who named a host or an address before."""

    NOBODY = 0
    OUTSIDE = 1  # a document, a tool, or the model itself: an attacker may have
    CALLER = 2  # the application or the user


@dataclass(frozen=True, slots=True)
class Value:
    """A secret, personal datum or canary that the exchange has seen, squeezed, and where."""

    squeezed: str
    kind: str
    origin: Origin
    span: Span


class _Place(Protocol):
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


class Finder(Protocol):
    """Finds sensitive values in a text. One named ``canary`` is asked about system prompts only: elsewhere a
    canary has leaked already."""

    @property
    def name(self) -> str: ...
    def find(self, text: str, /) -> Iterable[_Place]: ...


class Squeezed:
    """The letters and digits of a text, case folded, and the way back. NUL stays, as a wall."""

    def __init__(self, text: str) -> None:
        self._source = text
        self.text = squeeze(text)

    @cached_property
    def _places(self) -> list[int]:
        if self._source.isascii():  # one for one
            return [found.start() for found in _COUNTED.finditer(self._source)]
        return [at for at, char in enumerate(self._source) for _ in squeeze(char)]

    def places(self, words: str) -> Iterator[tuple[int, int]]:
        """Where in the original text ``words`` (squeezed, not empty) stand."""
        at = self.text.find(words)
        while at >= 0:
            yield self.original(at, at + len(words))
            at = self.text.find(words, at + len(words))

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Where ``text[start:end]`` (not empty) stands in the original text."""
        return self._places[start], self._places[end - 1] + 1


def squeeze(text: str) -> str:
    """The letters and digits of ``text``, case folded."""
    return _NOT_COUNTED.sub("", text.casefold())


class Seen:
    """The context of one exchange."""

    def __init__(self, context: Sequence[Segment], finders: Iterable[Finder]) -> None:
        self._context = context
        self._finders = finders
        self._run_of = lru_cache(KEPT_RUNS)(self._run)  # answers repeat themselves

    @cached_property
    def values(self) -> tuple[Value, ...]:
        """Every canary, secret and personal datum of the context."""
        return tuple(v for v in self._values() if len(v.squeezed) >= _SHORTEST_VALUE)

    def _values(self) -> Iterator[Value]:
        for segment in self._context:
            if segment.origin is Origin.TOOL_DEFINITION:
                continue
            text = encodable(segment.text)
            for finder in self._finders:
                if finder.name != "canary" or segment.origin is Origin.SYSTEM:
                    for found in finder.find(text):
                        squeezed = squeeze(text[found.start : found.end])
                        span = segment.span(found.start, found.end)
                        yield Value(squeezed, finder.name, segment.origin, span)

    def value_in(self, text: str) -> Value | None:
        """The first of ``values`` that ``text`` holds."""
        squeezed = squeeze(text)
        if len(squeezed) < _SHORTEST_VALUE:
            return None
        return next((value for value in self.values if value.squeezed in squeezed), None)

    def run_in(self, text: str, shortest: int = RUN) -> Span | None:
        """Where in the system prompt, the documents or tool results stands what ``text`` repeats of them:
        ``shortest`` letters and digits in a row or more, addresses left out."""
        return self._run_of(squeeze(text), shortest)

    def _run(self, wanted: str, shortest: int) -> Span | None:
        windows = list(dict.fromkeys(wanted[i : i + shortest] for i in range(len(wanted) - shortest + 1)))
        if not windows:
            return None
        automaton = AhoCorasick(windows)
        for segment, source in self._sources:
            if hits := automaton.find_matches_as_indexes(source.text):
                start, end = _widened(source.text, hits[0][1], hits[0][2], wanted)
                return segment.span(*source.original(start, end))
        return None

    @cached_property
    def _sources(self) -> tuple[tuple[Segment, Squeezed], ...]:
        return tuple((s, Squeezed(_walled(s.text))) for s in self._context if s.origin in _SOURCES)

    def named(self, host: str) -> Trust:
        """Who named ``host`` (as in ``Target``); ``www.`` makes no difference."""
        return self._trust(host.removeprefix("www."), _HOST_BEFORE, _HOST_AFTER)

    def wrote(self, url: str) -> Trust:
        """Who wrote exactly this address, but for case."""
        return self._trust(url.lower(), _ANYTHING, _ADDRESS_AFTER)

    def _trust(self, words: str, before: re.Pattern[str], after: re.Pattern[str]) -> Trust:
        return max(
            (trust for trust, text in self._lowered if _stands(text, words, before, after)),
            default=Trust.NOBODY,
        )

    @cached_property
    def _lowered(self) -> tuple[tuple[Trust, str], ...]:
        return tuple(
            (Trust.CALLER if segment.origin in _TRUSTED else Trust.OUTSIDE, segment.text.lower())
            for segment in self._context
            if segment.origin is not Origin.TOOL_DEFINITION
        )


def _stands(text: str, words: str, before: re.Pattern[str], after: re.Pattern[str]) -> bool:
    """Whether ``words`` occur in ``text`` with the right neighbours."""
    at = text.find(words)
    while at >= 0:
        if before.search(text[max(at - 5, 0) : at]) and after.match(text, at + len(words)):
            return True
        at = text.find(words, at + 1)
    return False


def _walled(text: str) -> str:
    """``text`` with its addresses blotted out: an answer may repeat those."""
    return _ADDRESS.sub(lambda found: "\0" * len(found[0]), text)


def _widened(source: str, start: int, end: int, wanted: str) -> tuple[int, int]:
    """``source[start:end]`` occurs in ``wanted``: the widest range around it that does."""
    while end < len(source) and source[start : end + 1] in wanted:
        end += 1
    while start > 0 and source[start - 1 : end] in wanted:
        start -= 1
    return start, end
