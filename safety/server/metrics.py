"""What the proxy counts, as Prometheus reads it; right however many workers there are.

Everything is counted from the events that are handed to the record (``Metered``), so whoever records is
counted. Labels come from the configuration and the policy, and are told apart up to a fixed number; no
tenant, no user, no model and no path of a client's choosing ever becomes one.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import threading
import weakref
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import unquote

from fastapi import FastAPI, Request, Response
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from safety.events.entry import DetectorRun, Event, Notice
from safety.events.recorder import InFront, Recorder
from safety.guard import RECORD, Guard
from safety.policy.model import ON_ERROR
from safety.server.cells import Cells, Slot, files, sweep
from safety.server.families import (
    BEHIND,
    CATEGORIES,
    DETECTOR_SECONDS,
    IN_FLIGHT,
    INCOMPLETE,
    LOST,
    MEMO,
    MONITORED,
    POLICY,
    PROBLEM,
    REQUESTS,
    RULES,
    RUNS,
    SAMPLED,
    SECONDS,
    STAGE_SECONDS,
    TROUBLE,
    WAITING,
    WORKERS,
    Family,
)
from safety.server.http import Receive, Scope, Send
from safety.types import Action, Ran, Stage
from safety.wire.codec import Codec

COUNTED = "safety-metrics-"  # what the names of temporary folders begin with
OTHER = "other"  # stands for every value that is one too many
CACHED = "cached"

_BOUNDS = (*(str(float(bound)) for bound in SECONDS), "+Inf")
_OUTCOMES = (*Ran, CACHED)
_OK = Ran.OK
_PLACEHOLDER = re.compile(r"\\\{\w+\\\}")
_MAX_LABEL = 100  # code points
_MOST_ROUTES = 2048  # as clients wrote them, whose pattern is remembered
_LARGE, _SMALL, _SPARE = 1 << 20, 1 << 13, 1 << 16  # bytes: of a file; kept free in a large one for ``OTHER``


App = Callable[[Scope, Receive, Send], Awaitable[None]]
Found = TypeVar("Found")
Make = Callable[[Sequence[str], int], Found | None]  # of label values, and the bytes to leave free


class _Table(dict[Any, Found], Generic[Found]):
    """Where each set of label values is counted. Finding a known one is a plain look into a dictionary."""

    def __init__(self, family: Family, make: Make[Found]) -> None:
        super().__init__()
        self._family, self._make = family, make
        self._other: Found | None = None

    def __missing__(self, key: Any) -> Found:
        values = key if isinstance(key, tuple) else (key,)
        found = None
        if len(self) < self._family.most:
            found = self._make([_label(value) for value in values], _SPARE)
        if found is None:
            return self._rest()
        self[key] = found
        return found

    def _rest(self) -> Found:
        if self._other is None:
            self._other = _sure(self._make([OTHER] * len(self._family.labels), 0))
        return self._other


def _label(value: object) -> str:
    # A lone surrogate, in the category of somebody's own detector, say, would spoil the whole page.
    return str(value)[:_MAX_LABEL].encode("utf-8", "replace").decode()


def _sure(place: Found | None) -> Found:
    if place is None:
        raise OSError("the metrics' file is full")  # not with these sizes
    return place


class Histogram(NamedTuple):
    """Where times are counted."""

    sum: int
    buckets: tuple[int, ...]


class Detector(NamedTuple):
    """Where the runs of a detector are counted, by outcome, and their time."""

    outcomes: dict[str, int]
    seconds: Histogram


class Routes(dict[str, str]):
    """Which pattern an event's route (``METHOD /path``) falls under: a guarded path, a passed-through pattern
    as it is configured, or ``other``."""

    def __init__(self, codecs: Iterable[Codec] = (), passthrough: Iterable[str] = ()) -> None:
        super().__init__()
        self.guarded = [f"POST {path}" for codec in codecs for path in codec.paths]
        self._guarded = [(re.compile(_PLACEHOLDER.sub("[^/]+", re.escape(one))), one) for one in self.guarded]
        self._passthrough = tuple(passthrough)

    def __missing__(self, route: str) -> str:
        found = self._pattern(unquote(route))
        if len(self) < _MOST_ROUTES:
            self[route] = found
        return found

    def _pattern(self, route: str) -> str:
        for pattern, name in self._guarded:
            if pattern.fullmatch(route):
                return name
        return next((name for name in self._passthrough if fnmatchcase(route, name)), OTHER)


class Metrics:
    """The numbers of this process, in ``folder`` with those of the others; without one, in a folder of its
    own. For any thread. ``OSError`` when there is no room for the files."""

    def __init__(self, routes: Routes | None = None, folder: Path | None = None) -> None:
        sweep(Path(tempfile.gettempdir()), COUNTED)
        self._remove: Callable[[], object] | None = None
        self.folder = self._own_folder() if folder is None else folder
        self._routes = Routes() if routes is None else routes
        self._lock = threading.Lock()
        self._slot = Slot(self.folder)
        self._counters = self._slot.cells("counter", _LARGE)
        self._histograms = self._slot.cells("histogram", _LARGE)
        self._sums = self._slot.fresh("gauge_livesum", _SMALL)
        self._worst = self._slot.fresh("gauge_livemax", _SMALL)
        self._requests, self._monitored, self._incomplete, self._rules, self._categories, self._memo = (
            _Table(family, partial(self._count_of, family))
            for family in (REQUESTS, MONITORED, INCOMPLETE, RULES, CATEGORIES, MEMO)
        )
        self._stages = _Table(STAGE_SECONDS, partial(self._histogram, STAGE_SECONDS))
        self._detectors = _Table(DETECTOR_SECONDS, self._detector)
        self._lost, self._sampled = _sure(self._count_of(LOST)), _sure(self._count_of(SAMPLED))
        self._waiting, self._flying = _gauge(self._sums, WAITING), _gauge(self._sums, IN_FLIGHT)
        self._problem, self._trouble, self._behind = (
            _gauge(self._worst, family) for family in (PROBLEM, TROUBLE, BEHIND)
        )
        self._sums.values[_gauge(self._sums, WORKERS)] = 1
        self._seen = {"hit": 0, "miss": 0}  # so much of what the memo counted is in our count
        self._policy = ""
        self._expect()

    def _own_folder(self) -> Path:
        folder = tempfile.mkdtemp(prefix=COUNTED)
        self._remove = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)

    # Where things are counted.

    def _count_of(self, family: Family, values: Sequence[str] = (), spare: int = 0) -> int | None:
        labels = dict(zip(family.labels, values, strict=True))
        return self._counters.place(family.name, f"{family.name}_total", labels, family.about, spare)

    def _histogram(self, family: Family, values: Sequence[str], spare: int) -> Histogram | None:
        labels = dict(zip(family.labels, values, strict=True))
        about, file = family.about, self._histograms
        total = file.place(family.name, f"{family.name}_sum", labels, about, spare)
        if total is None:
            return None
        name = f"{family.name}_bucket"
        bounds = [_sure(file.place(family.name, name, {**labels, "le": le}, about)) for le in _BOUNDS]
        return Histogram(total, tuple(bounds))

    def _detector(self, values: Sequence[str], spare: int) -> Detector | None:
        name = values[0].partition("@")[0]  # a new version is no new detector to whoever watches
        seconds = self._histogram(DETECTOR_SECONDS, [name], spare)
        if seconds is None or self._count_of(RUNS, [name, CACHED], spare) is None:
            return None
        outcomes = {str(one): _sure(self._count_of(RUNS, [name, str(one)])) for one in _OUTCOMES}
        return Detector(outcomes, seconds)

    def _expect(self, guard: Guard | None = None) -> None:
        """Make what is sure to be asked for: of a counter that is first seen at 1, Prometheus cannot tell
        that it has risen."""
        for stage in Stage:
            _ = self._stages[stage], self._incomplete[stage]
            for route in self._routes.guarded:
                _ = [self._requests[route, stage, action] for action in Action]
        _ = [self._memo[result] for result in ("hit", "miss")]
        _ = [self._monitored[action] for action in Action if action is not Action.ALLOW]
        _ = self._detectors[RECORD], self._rules[ON_ERROR]
        if guard is not None:
            _ = [self._rules[rule.id] for rule in guard.policy.rules]
            _ = [self._detectors[detector.label] for detector in guard.detectors]

    # Counting.

    def count(self, event: Event) -> None:
        """Count what an event says, and the event among those that wait to be written."""
        labels, stage, seconds = event.labels, event.stage, event.seconds
        with self._lock:
            self._sums.values[self._waiting] += 1
            route = self._routes[labels.get("route", "")]
            self._counters.values[self._requests[route, stage, event.action]] += 1
            if seconds:  # what was not judged is no measurement
                times, histogram = self._histograms.values, self._stages[stage]
                times[histogram.sum] += seconds
                times[histogram.buckets[bisect_left(SECONDS, seconds)]] += 1
            self._count_runs(event.ran)
            if event.rules or not event.complete:
                self._count_hits(event)

    def _count_runs(self, runs: Iterable[DetectorRun]) -> None:
        # Most of what there is to count, so nothing is looked up twice here.
        counts, times, detectors = self._counters.values, self._histograms.values, self._detectors
        for run in runs:
            outcomes, (total, buckets) = detectors[run.detector]
            seconds = run.ms / 1000
            if seconds:
                counts[outcomes[run.ran]] += 1
                times[total] += seconds
                times[buckets[bisect_left(SECONDS, seconds)]] += 1
            elif run.ran is not _OK:
                counts[outcomes[run.ran]] += 1
            elif run.cached:
                counts[outcomes[CACHED]] += 1

    def _count_hits(self, event: Event) -> None:
        counters = self._counters.values
        for rule in event.rules:
            counters[self._rules[rule]] += 1
        for category in event.categories:
            counters[self._categories[category]] += 1
        if event.monitored:
            counters[self._monitored[event.would]] += 1
        if not event.complete:
            counters[self._incomplete[event.stage]] += 1

    def written(self, future: Future[None]) -> None:
        """What came of one that waited."""
        lost = future.exception() is not None
        with self._lock:
            self._sums.values[self._waiting] -= 1
            if lost:
                self._counters.values[self._lost] += 1

    def left_out(self) -> None:
        """A clean event was not recorded, because too many others wait."""
        with self._lock:
            self._counters.values[self._sampled] += 1

    def watched(self, app: App) -> App:
        """``app``, its requests counted while they are in flight."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            self._fly(1)
            try:
                await app(scope, receive, send)
            finally:
                self._fly(-1)

        return counted

    def _fly(self, by: int) -> None:
        with self._lock:
            self._sums.values[self._flying] += by

    def look(self, guard: Guard, problem: str | None, record: Recorder) -> None:
        """Note what is so at present: to be called every now and then, and before the numbers are read."""
        states = (problem is not None, record.trouble() is not None, record.behind())
        with self._lock:
            for place, state in zip((self._problem, self._trouble, self._behind), states, strict=True):
                self._worst.values[place] = state
            for result, now in (("hit", guard.memo.hits), ("miss", guard.memo.misses)):
                self._counters.values[self._memo[result]] += now - self._seen[result]
                self._seen[result] = now
            if guard.policy.id != self._policy:
                with suppress(OSError):  # the disk is full: again next time
                    self._in_force(guard)

    def _in_force(self, guard: Guard) -> None:
        self._expect(guard)
        info = self._slot.fresh("gauge_livesum", _SMALL, "-policy")  # the policy before is in force no more
        info.values[_gauge(info, POLICY, [_label(guard.policy.id)])] = 1
        self._policy = guard.policy.id

    def close(self) -> None:
        """Take back what this process has at present; what was counted stays, but for a folder of its own."""
        self._slot.close()
        if self._remove is not None:
            self._remove()


def _gauge(cells: Cells, family: Family, values: Sequence[str] = ()) -> int:
    labels = dict(zip(family.labels, values, strict=True))
    return _sure(cells.place(family.name, family.name, labels, family.about))


class Metered(InFront):
    """A ``Recorder`` that has everything counted that is handed to another."""

    def __init__(self, recorder: Recorder, metrics: Metrics) -> None:
        super().__init__(recorder)
        self._metrics = metrics

    def put(self, entry: Event | Notice) -> Future[None]:
        behind = self._recorder.behind()
        future = self._recorder.put(entry)
        if isinstance(entry, Event):
            self._metrics.count(entry)
            if behind and future.done() and entry.clean and future.exception() is None:
                self._metrics.left_out()  # answered at once, where others wait: it was not even queued
            future.add_done_callback(self._metrics.written)
        return future


class _Folder(Collector):
    """What prometheus_client makes of all the files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def describe(self) -> Iterator[Metric]:
        return iter(())  # so that nothing is read when it is registered

    def collect(self) -> Iterator[Metric]:
        merged: Iterable[Metric] = MultiProcessCollector.merge(files(self._folder))  # type: ignore[no-untyped-call]
        return iter(sorted(merged, key=lambda metric: metric.name))


def publish(app: FastAPI, folder: Path, look: Callable[[], None] = lambda: None) -> FastAPI:
    """``app`` with the page ``/metrics``: the numbers of all processes that count in ``folder``."""
    registry = CollectorRegistry()
    registry.register(_Folder(folder))

    @app.get("/metrics")
    def metrics(request: Request) -> Response:
        look()
        encode, kind = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"content-type": kind})

    return app
