"""The batcher: who waits runs with others of like length, in order, and nobody is lost."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.models.batcher import SLACK, Batcher


class Recorder:
    """Runs batches of numbers, doubles them, and keeps what ran together. All wait for ``go``."""

    def __init__(self, *, wait: bool = False) -> None:
        self.batches: list[list[int]] = []
        self.running = threading.Event()
        self.go = threading.Event()
        if not wait:
            self.go.set()

    def run(self, items: list[int]) -> Sequence[int]:
        self.batches.append(list(items))
        self.running.set()
        assert self.go.wait(20)
        if 13 in items:
            raise ValueError("thirteen")
        return [2 * item for item in items]


def batcher(recorder: Recorder, budget: int) -> Batcher[int, int]:
    return Batcher(recorder.run, lambda item: item, budget)


@given(st.lists(st.integers(14, 300), max_size=40), st.integers(0, 2000))
def test_one_caller_gets_its_results_in_order(items: list[int], budget: int) -> None:
    recorder = Recorder()
    assert batcher(recorder, budget).results(items) == [2 * item for item in items]
    assert sorted(item for batch in recorder.batches for item in batch) == sorted(items)
    for batch in recorder.batches:
        assert len(batch) == 1 or max(batch) * len(batch) <= budget
        assert max(batch) <= min(batch) * SLACK


@given(st.lists(st.lists(st.integers(14, 99), min_size=1, max_size=5), min_size=2, max_size=12))
@settings(max_examples=20)
def test_many_callers_each_get_their_own(calls: list[list[int]]) -> None:
    shared = batcher(Recorder(), 200)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(shared.results, calls))
    assert results == [[2 * item for item in call] for call in calls]


def waiting(
    recorder: Recorder, shared: Batcher[int, int], pool: ThreadPoolExecutor, items: Sequence[int]
) -> list:
    """Futures of callers that came, in this order, while the first one's batch was running."""
    futures = [pool.submit(shared.results, [items[0]])]
    assert recorder.running.wait(20)
    for number, item in enumerate(items[1:], 1):
        futures.append(pool.submit(shared.results, [item]))
        while len(shared._waiting) < number:
            threading.Event().wait(0.001)
    recorder.go.set()
    return futures


def test_those_who_wait_run_together_the_oldest_first() -> None:
    recorder = Recorder(wait=True)
    shared = batcher(recorder, 100)
    with ThreadPoolExecutor(8) as pool:
        futures = waiting(recorder, shared, pool, [50, 20, 90, 21, 22])
        assert [future.result() for future in futures] == [[100], [40], [180], [42], [44]]
    assert recorder.batches == [[50], [20, 21, 22], [90]]


def test_without_a_budget_everything_runs_alone() -> None:
    recorder = Recorder(wait=True)
    shared = batcher(recorder, 0)
    with ThreadPoolExecutor(8) as pool:
        [future.result() for future in waiting(recorder, shared, pool, [30, 30, 30, 30])]
    assert recorder.batches == [[30]] * 4


def test_a_long_one_is_not_overtaken_for_ever() -> None:
    recorder = Recorder(wait=True)
    shared = batcher(recorder, 40)
    with ThreadPoolExecutor(12) as pool:
        futures = waiting(recorder, shared, pool, [20, 20, 500, *[20] * 8])
        [future.result() for future in futures]
    assert recorder.batches.index([500]) == 2


def test_a_failure_reaches_those_it_is_about_and_no_others() -> None:
    recorder = Recorder(wait=True)
    shared = batcher(recorder, 40)
    with ThreadPoolExecutor(8) as pool:
        first, bad, beside, other = waiting(recorder, shared, pool, [20, 13, 14, 99])
        assert first.result() == [40]
        for one in (bad, beside):
            with pytest.raises(ValueError, match="thirteen"):
                one.result()
        assert other.result() == [198]
    assert shared.results([30]) == [60]
