"""What counting costs: microseconds of one event, counted as the proxy counts it and as prometheus_client
would.

``python counted.py`` prints them for a clean event of as many detectors as the default policy has, for one
that was all known, and for one with hits.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))  # the project itself, installed or not
os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp()  # for prometheus_client's own counters

import prometheus_client  # noqa: E402

from safety.events.event import DetectorRun, Event  # noqa: E402
from safety.server.families import SECONDS  # noqa: E402
from safety.server.metrics import Metered, Metrics, Routes  # noqa: E402
from safety.types import Action, Ran, Stage  # noqa: E402
from safety.wire.openai import OpenAICodec  # noqa: E402

TIMES, ROUNDS = 20_000, 7
DETECTORS = ("limits", "blocklist", "canary", "egress", "hidden_text", "secrets", "pii", "prompt_shield")
CLEAN = Event(
    id="e.input",
    exchange="e",
    stage=Stage.INPUT,
    at="2026-01-01T00:00:00.000000Z",
    policy="default@0",
    action=Action.ALLOW,
    would=Action.ALLOW,
    complete=True,
    seconds=0.0041,
    labels={"route": "POST /v1/chat/completions", "model": "m", "user": "u"},
    ran=tuple(DetectorRun(f"{name}@1", Ran.OK, 0.3 + n) for n, name in enumerate(DETECTORS)),
)
KNOWN = replace(CLEAN, ran=tuple(replace(run, ms=0.0, cached=1) for run in CLEAN.ran))
HIT = replace(CLEAN, action=Action.BLOCK, would=Action.BLOCK, rules=("a", "b"), categories=("c", "d"))


class Nowhere:
    """A record that keeps nothing and answers at once."""

    def __init__(self) -> None:
        self._done: Future[None] = Future()
        self._done.set_result(None)

    def put(self, entry: object) -> Future[None]:
        return self._done

    def trouble(self) -> str | None:
        return None

    def behind(self) -> bool:
        return False

    def close(self) -> None:
        return None


class Library:
    """The same with prometheus_client's own counters, their children found beforehand."""

    def __init__(self) -> None:
        requests = prometheus_client.Counter("requests", "r", ("route", "stage", "action"))
        self._request = requests.labels(CLEAN.labels["route"], "input", "allow")
        self._stage = prometheus_client.Histogram("stage", "s", ("stage",), buckets=SECONDS).labels("input")
        runs = prometheus_client.Counter("runs", "r", ("detector", "outcome"))
        times = prometheus_client.Histogram("detector", "d", ("detector",), buckets=SECONDS)
        self._runs = {run.detector: runs.labels(run.detector, "ok") for run in CLEAN.ran}
        self._times = {run.detector: times.labels(run.detector) for run in CLEAN.ran}

    def put(self, event: Event) -> None:
        self._request.inc()
        self._stage.observe(event.seconds)
        for run in event.ran:
            self._runs[run.detector].inc()
            self._times[run.detector].observe(run.ms / 1000)


def microseconds(work: Callable[[], object]) -> float:
    """The best of several rounds: others use this machine too."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(TIMES):
            work()
        best = min(best, time.process_time() - began)
    return best / TIMES * 1e6


def main() -> None:
    nowhere = Nowhere()
    metered = Metered(nowhere, Metrics(Routes((OpenAICodec(),))))
    library = Library()
    alone = microseconds(lambda: nowhere.put(CLEAN))
    for name, work in {
        "a clean event of 8 detectors": lambda: metered.put(CLEAN),
        "the same, all known": lambda: metered.put(KNOWN),
        "the same with two hits": lambda: metered.put(HIT),
        "a clean event, by prometheus_client": lambda: library.put(CLEAN),
    }.items():
        print(f"{name:36}{microseconds(work) - alone:6.2f} µs")


if __name__ == "__main__":
    main()
