"""The figures of single parts, taken inside this process: CPU time of calls, without network or proxy."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from random import Random
from statistics import median

from report import Cell, Table, of_target
from texts import letters, prose

from safety.detectors.base import Detector
from safety.events.event import Event
from safety.events.log import EventLog
from safety.events.recorder import Recorder
from safety.guard import Guard
from safety.types import Exchange, Origin, Segment, Stage, Verdict

SAMPLES = 7
RATE, BURST = 1000, 2  # events per second, and per request


class NullRecorder:
    """Takes events and keeps nothing."""

    def put(self, event: Event) -> Future[None]:
        future: Future[None] = Future()
        future.set_result(None)
        return future

    def trouble(self) -> str | None:
        return None

    def close(self) -> None:
        return None


def pieces(policy: str, folder: Path, seconds: float) -> Table:
    """What the checks and the record cost by themselves, under ``policy``."""
    table = Table(
        "Parts, CPU us (this process, no network)",
        ("part", "CPU us", "target", "of target"),
        notes=(
            f"Record: {RATE} events a second, {BURST} at a time; the writer's thread is counted.",
            "Fewer at a time share a commit worse and cost more each.",
        ),
    )
    with Guard.from_policy(policy) as guard:
        detectors = {detector.name: detector for detector in guard.detectors}
        for part, cost, target in (
            *_detecting(detectors),
            *_recording(guard, folder, seconds),
        ):
            table.rows.append([part, cost, *of_target(cost, target)])
    return table


Figure = tuple[str, float, float | None]


def _detecting(detectors: dict[str, Detector]) -> list[Figure]:
    random = Random(3)
    short = [_exchange(f"{prose(random, 1014)} {letters(n)}") for n in range(100)]
    figured = [_exchange(prose(random, 1024, 0.4)) for _ in range(100)]
    long = [_exchange(f"{prose(random, 4086)} {letters(n)}") for n in range(25)]
    signatures = [detectors[n] for n in ("prompt_shield", "hidden_text") if n in detectors]
    found: list[Figure] = []
    if signatures:
        found.append(("signatures + normalise, 1 KB of ASCII", sum(_cost(d, short) for d in signatures), 40))
    if "pii" in detectors:
        found.append(("personal data, text without triggers, per KB", _cost(detectors["pii"], long) / 4, 100))
    found += [(f"{d.name}, 1 KB of ASCII", _cost(d, short), None) for d in detectors.values()]
    found += [
        (f"{d.name}, 1 KB with figures and addresses", _cost(d, figured), None) for d in detectors.values()
    ]
    return found


def _exchange(text: str) -> Exchange:
    return Exchange("0" * 32, Stage.INPUT, (Segment("/messages/0/content", Origin.USER, text),))


def _cost(detector: Detector, exchanges: Sequence[Exchange]) -> float:
    """CPU microseconds of one call on one exchange."""

    def once() -> None:
        for exchange in exchanges:
            detector.detect((exchange,))

    once()
    return 1e6 * median(_spent(once) for _ in range(SAMPLES)) / len(exchanges)


def _spent(call: Callable[[], None]) -> float:
    before = time.thread_time()
    call()
    return time.thread_time() - before


def _recording(guard: Guard, folder: Path, seconds: float) -> list[Figure]:
    verdicts = guard.judge([_exchange(f"{prose(Random(n), 1014)} {letters(n)}") for n in range(BURST)])
    recorders: dict[str, Recorder | None] = {"none": None, "null": NullRecorder()}
    with EventLog(folder / "pieces.sqlite") as log:
        recorders["file"] = log
        costs: dict[str, list[float]] = {name: [] for name in recorders}
        for _ in range(3):
            for name, recorder in recorders.items():
                guard.recorder = recorder
                costs[name].append(_paced(guard, verdicts, seconds / 2))
        guard.recorder = None
    cost = {name: median(samples) for name, samples in costs.items()}
    return [
        ("event record, clean traffic, per event", cost["file"] - cost["none"], 60),
        ("  of that, making the event (null recorder)", cost["null"] - cost["none"], None),
    ]


def _paced(guard: Guard, verdicts: Sequence[Verdict], seconds: float) -> float:
    """CPU microseconds per event, of all threads."""
    number = max(1, int(seconds * RATE / BURST))
    cpu, due = time.process_time(), time.perf_counter()
    for _ in range(number):
        for verdict in verdicts:
            guard.record(verdict)
        due += BURST / RATE
        time.sleep(max(0.0, due - time.perf_counter()))
    return 1e6 * (time.process_time() - cpu) / (number * BURST)


def cells(table: Table) -> dict[str, Cell]:
    """The figures by part."""
    return {str(row[0]): row[1] for row in table.rows}
