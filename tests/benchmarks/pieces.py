"""The figures of single parts, taken inside this process: CPU time of calls, without network or proxy."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from statistics import median

from report import Table, of_target
from texts import letters, prose
from unrecorded import NullRecorder

from safety.detectors.base import Detector
from safety.detectors.hidden_text import HiddenText
from safety.detectors.opinions import ModelDetector
from safety.detectors.prompt_shield import PromptShield
from safety.events.log import EventLog
from safety.events.recorder import Recorder
from safety.guard import Guard
from safety.types import Exchange, Origin, Segment, Stage, Verdict

SAMPLES, TEXTS, FEW = 7, 50, 4  # few texts where a model is asked, which takes a thousand times as long
PACES = {"quiet": (200, 2), "busy": (4000, 32)}  # events per second, and how many come at once


def pieces(policy: str, folder: Path, seconds: float) -> Table:
    """What the checks and the record cost by themselves, under ``policy``."""
    table = Table(
        "Parts, CPU us (this process, no network)",
        ("part", "CPU us", "target", "of target"),
        notes=(
            *(f"{name}: {rate} events a second, {many} at once." for name, (rate, many) in PACES.items()),
            "Events that come together share a commit. The writer's thread is counted.",
        ),
    )
    with Guard.from_policy(policy) as guard:
        detectors = {detector.name: detector for detector in guard.detectors}
        for part, cost, target in (
            *_detecting(detectors),
            *_recording(guard, folder, seconds),
            *_starting(policy, folder),
        ):
            table.rows.append([part, cost, *of_target(cost, target)])
    return table


Figure = tuple[str, float, float | None]


def _detecting(detectors: dict[str, Detector]) -> list[Figure]:
    every = list(detectors.values())
    signatures: list[Detector] = [PromptShield()]  # without a model
    signatures += [HiddenText(reader=signatures[0].reader)] if "hidden_text" in detectors else []
    personal = [d for d in every if d.name == "pii"]
    found: list[Figure] = []
    found.append(("signatures + normalise, 1 KB of ASCII", _cost(signatures, 1), 40))
    if personal:
        found.append(("personal data, text without triggers, per KB", _cost(personal, 4) / 4, 100))
    for figures, what in ((0.0, "1 KB of ASCII"), (0.4, "1 KB with figures and addresses")):
        found += [(f"{d.name}, {what}", _cost([d], 1, figures), None) for d in every]
    return found


def _exchange(text: str) -> Exchange:
    return Exchange("0" * 32, Stage.INPUT, (Segment("/messages/0/content", Origin.USER, text),))


def _cost(detectors: Sequence[Detector], size: int, figures: float = 0.0) -> float:
    """CPU microseconds of one call of each on one text of ``size`` KB. Every text is new: detectors may
    share what they found out about a text just seen."""
    random = Random(f"{[d.name for d in detectors]} {size} {figures}")
    asks = any(isinstance(d, ModelDetector) and d.scorer is not None for d in detectors)
    many = FEW if asks else TEXTS
    samples = []
    for _ in range(SAMPLES + 1):
        texts = [prose(random, 1024 * size - 9, figures) for _ in range(many)]
        exchanges = [_exchange(f"{text} {letters(random.getrandbits(36))}") for text in texts]
        before = time.process_time()  # a model has threads of its own
        for exchange in exchanges:
            for detector in detectors:
                detector.detect((exchange,))
        samples.append(time.process_time() - before)
    return 1e6 * median(samples[1:]) / many  # the first one warmed up


_START = """
import sys
import safety
with safety.Guard.from_policy(sys.argv[1]) as guard:
    assert guard.check_prompt("How do I boil an egg?").complete
"""
_MODELS = """\
version: 1
name: models
rules:
- {id: a, when: {category: [prompt_attack, hate, sexual, violence, self_harm]}, action: block}
"""


def _starting(policy: str, folder: Path) -> list[Figure]:
    """Wall microseconds from the start of a process to its first verdict: the least of a few."""
    models = folder / "models.yaml"
    models.write_text(_MODELS)
    names = {"the models alone": str(models), f"policy {policy}": policy}
    found: list[Figure] = []
    for name, path in names.items():
        taken = []
        for _ in range(3):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", _START, path], check=True)
            taken.append(time.perf_counter() - began)
        found.append((f"process start to first verdict, {name}, wall", 1e6 * min(taken), 1e6))
    return found


def _recording(guard: Guard, folder: Path, seconds: float) -> list[Figure]:
    verdict = guard.judge([_exchange(prose(Random(5), 1024))])[0]
    found: list[Figure] = []
    with EventLog(folder / "parts.sqlite") as log:
        recorders: dict[str, Recorder | None] = {"none": None, "null": NullRecorder(), "file": log}
        for name, (rate, many) in PACES.items():
            costs: dict[str, list[float]] = {recorder: [] for recorder in recorders}
            for _ in range(3):
                for recorder, guard.recorder in recorders.items():
                    costs[recorder].append(_paced(guard, verdict, rate, many, seconds / 2))
            cost = {recorder: median(samples) for recorder, samples in costs.items()}
            found += [
                (f"event record, clean traffic, {name}, per event", cost["file"] - cost["none"], 60),
                ("  of that, making the event", cost["null"] - cost["none"], None),
            ]
        guard.recorder = None
    return found


def _paced(guard: Guard, verdict: Verdict, rate: int, many: int, seconds: float) -> float:
    """CPU microseconds per event, of all threads."""
    bursts = max(1, int(seconds * rate / many))
    cpu, due = time.process_time(), time.perf_counter()
    for _ in range(bursts):
        for _ in range(many):
            guard.record(verdict)
        due += many / rate
        time.sleep(max(0.0, due - time.perf_counter()))
    return 1e6 * (time.process_time() - cpu) / (bursts * many)
