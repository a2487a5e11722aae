"""The live feed: one reader of the record, many who watch.

A thread follows the source and hands what it reads to the event loop, where every watcher has a queue that
holds so many entries and no more. What a slow watcher does not take in time is dropped, oldest first, and
counted, so that it can be told. The newest entries are kept, so that a watcher who lost the connection goes
on where it was. All of ``Feed`` but ``start`` and ``close`` belongs to the event loop's thread.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from safety.errors import SafetyError
from safety.events.event import Entry, Event, Gap
from safety.monitor.shown import line
from safety.types import below

log = logging.getLogger(__name__)

KEPT = 2000  # newest entries, for those who come back
QUEUE = 500  # entries that may wait for one watcher
RETRY = 1.0  # seconds until a source that failed is tried again

Mark = tuple[int, ...]  # where in the source an entry stands; later ones are greater


class Item:
    """An entry as the feed hands it on. What it looks like is worked out once, when first needed.
    ``left_out``: so many before it never came to the feed."""

    def __init__(self, mark: Mark, entry: Entry, left_out: int = 0) -> None:
        self.mark, self.entry, self.left_out = mark, entry, left_out

    @cached_property
    def line(self) -> dict[str, Any]:
        """What a browser is told."""
        return line(self.entry)

    @cached_property
    def message(self) -> str:
        """The line as a server-sent event."""
        return message("entry", self.line, written(self.mark))


class Source(Protocol):
    """Where entries come from. Used by one thread."""

    def newest(self, limit: int) -> list[Item]:
        """The newest entries, oldest first. Reading goes on after them. ``SafetyError`` when it cannot."""
        ...

    def more(self, seconds: float) -> list[Item]:
        """What came since. Waits for something up to about so many seconds; may return nothing."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries a watcher wants; empty means any. Gaps always come: what was lost might have matched;
    notices only to who wants everything."""

    categories: Collection[str] = ()
    tenants: Collection[str] = ()
    actions: Collection[str] = ()

    def matches(self, entry: Entry) -> bool:
        """Whether ``entry`` is wanted. A category covers those below it."""
        if not isinstance(entry, Event):
            return isinstance(entry, Gap) or not (self.categories or self.tenants or self.actions)
        if self.actions and str(entry.action) not in self.actions:
            return False
        if self.tenants and entry.labels.get("tenant", "") not in self.tenants:
            return False
        found = entry.categories
        return not self.categories or any(below(one, root) for one in found for root in self.categories)


@dataclass(eq=False, slots=True)
class Watcher:
    """Somebody who watches, and what waits for them. ``missed`` entries were dropped since last told;
    ``exact`` says whether that many, or at most that many, were wanted."""

    wanted: Wanted
    most: int = QUEUE
    waiting: deque[Item] = field(default_factory=deque)
    missed: int = 0
    exact: bool = True
    ended: bool = False
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def give(self, item: Item) -> int:
        """Add what is wanted; returns how many were dropped for it."""
        if item.left_out:
            self.lose(item.left_out, exact=False)
        if not self.wanted.matches(item.entry):
            return item.left_out
        dropped = item.left_out
        if len(self.waiting) >= self.most:
            self.waiting.popleft()
            dropped += 1
            self.lose(1, exact=True)
        self.waiting.append(item)
        self._woken.set()
        return dropped

    def lose(self, count: int, *, exact: bool) -> None:
        """So many were not given; if not ``exact``, at most so many of them were wanted."""
        self.missed += count
        self.exact = self.exact and exact
        self._woken.set()

    def end(self) -> None:
        """Nothing more will come."""
        self.ended = True
        self._woken.set()

    def take(self) -> tuple[int, bool, list[Item]]:
        """How many are missing before what waits, whether exactly so many, and what waits."""
        taken = self.missed, self.exact, list(self.waiting)
        self.missed, self.exact = 0, True
        self.waiting.clear()
        self._woken.clear()
        return taken

    async def wait(self, seconds: float) -> bool:
        """Whether anything came within so many seconds."""
        try:
            await asyncio.wait_for(self._woken.wait(), seconds)
        except TimeoutError:
            return False
        return True


class Feed:
    """Follows ``source`` from ``start`` to ``close``."""

    def __init__(self, source: Source, *, keep: int = KEPT, most: int = QUEUE) -> None:
        self._source, self._most = source, most
        self._kept: deque[Item] = deque(maxlen=keep)
        self._watchers: set[Watcher] = set()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.seen = 0  # entries since the start
        self.missed = 0  # entries dropped, over all watchers
        self.problem: str | None = "not started"

    # --- on the event loop ---

    def start(self) -> None:
        """Begin to read. Call on the running event loop."""
        loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, args=(loop,), name="feed", daemon=True)
        self._thread.start()

    def watch(self, wanted: Wanted, after: Mark | None = None) -> Watcher:
        """A new watcher, who gets what comes from now on; ``after``: what came after that mark as well, as
        far as it is kept, and how many of it are not."""
        watcher = Watcher(wanted, self._most)
        if after is not None:
            self._catch_up(watcher, after)
        self._watchers.add(watcher)
        if self._stop.is_set():
            watcher.end()
        return watcher

    def leave(self, watcher: Watcher) -> None:
        """Watch no more."""
        self._watchers.discard(watcher)

    @property
    def watching(self) -> int:
        """How many watch."""
        return len(self._watchers)

    @property
    def recent(self) -> Sequence[Item]:
        """The newest entries, oldest first."""
        return tuple(self._kept)

    def end_watching(self) -> None:
        """Let everybody go who watches: the program is about to stop."""
        self._stop.set()
        for watcher in self._watchers:
            watcher.end()

    def close(self) -> None:
        """Stop reading. Waits for the thread."""
        self.end_watching()
        if self._thread is not None:
            self._thread.join(5)

    def _catch_up(self, watcher: Watcher, after: Mark) -> None:
        if self._kept and self._kept[0].mark > after:
            # Marks of the record count rows, those of Redis do not: then how many is not known.
            first = self._kept[0].mark
            if len(first) == len(after) == 1 and first[0] > after[0] + 1:
                watcher.lose(first[0] - after[0] - 1, exact=False)
        for item in self._kept:
            if item.mark > after:
                self.missed += watcher.give(item)

    def _take_in(self, items: Sequence[Item], problem: str | None) -> None:
        self.problem = problem
        self.seen += len(items)
        self._kept.extend(items)
        for watcher in self._watchers:
            for item in items:
                self.missed += watcher.give(item)

    # --- the reader's thread ---

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        begun = False
        while not self._stop.is_set():
            problem: str | None = None
            items: list[Item] = []
            try:
                items = self._source.more(0.5) if begun else self._source.newest(self._kept.maxlen or KEPT)
                begun = True
            except SafetyError as error:
                problem = str(error)
            except Exception as error:  # this thread's main: it goes on, and says what was wrong
                log.exception("the live feed")
                problem = f"internal error: {type(error).__name__}: {error}"
            if not self._hand_over(loop, items, problem):
                break
            if problem is not None:
                self._stop.wait(RETRY)
        self._source.close()

    def _hand_over(self, loop: asyncio.AbstractEventLoop, items: list[Item], problem: str | None) -> bool:
        if not items and problem == self.problem:
            return True
        try:
            loop.call_soon_threadsafe(self._take_in, items, problem)
        except RuntimeError:  # the loop has gone
            return False
        return True


def message(event: str, data: object, id: str | None = None) -> str:
    """A server-sent event (https://html.spec.whatwg.org/multipage/server-sent-events.html). JSON in ASCII
    holds no line break and no half of a surrogate pair that UTF-8 could not say."""
    head = "" if id is None else f"id: {id}\n"
    return f"{head}event: {event}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"


def written(mark: Mark) -> str:
    """A mark as text."""
    return "-".join(map(str, mark))


def read_mark(text: str) -> Mark | None:
    """The mark that ``written`` wrote, or nothing."""
    parts = text.split("-")
    if not 1 <= len(parts) <= 2 or not all(
        part.isascii() and part.isdigit() and len(part) < 20 for part in parts
    ):
        return None
    return tuple(map(int, parts))
