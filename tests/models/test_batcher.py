"""The batcher: who waits runs with others of like length, in order, and nobody is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor

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
@settings(deadline=None)
def test_one_caller_gets_its_results_in_order(items: list[int], budget: int) -> None:
    recorder = Recorder()
    assert batcher(recorder, budget).results(items) == [2 * item for item in items]
    assert sorted(item for batch in recorder.batches for item in batch) == sorted(items)
    for batch in recorder.batches:
        assert len(batch) == 1 or max(batch) * len(batch) <= budget
        assert max(batch) <= min(batch) * SLACK


@given(st.lists(st.lists(st.integers(14, 99), min_size=1, max_size=5), min_size=2, max_size=12))
@settings(max_examples=20, deadline=None)
def test_many_callers_each_get_their_own(calls: list[list[int]]) -> None:
    shared = batcher(Recorder(), 200)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(shared.results, calls))
    assert results == [[2 * item for item in call] for call in calls]


CALLS = st.lists(st.lists(st.integers(10, 60), max_size=4), min_size=16, max_size=48)


@given(CALLS, st.integers(0, 300))
@settings(max_examples=20, deadline=None)
def test_sixteen_threads_some_of_whose_batches_fail(calls: list[list[int]], budget: int) -> None:
    recorder = Recorder()
    shared = batcher(recorder, budget)
    before = threading.active_count()
    with ThreadPoolExecutor(16) as pool:
        futures = [pool.submit(shared.results, call) for call in calls]
    failed = {item for batch in recorder.batches if 13 in batch for item in batch}
    for call, future in zip(calls, futures, strict=True):
        if future.exception() is None:
            assert 13 not in call
            assert future.result() == [2 * item for item in call]
        else:
            assert str(future.exception()) == "thirteen"
            assert failed & set(call)
    ran = sorted(item for batch in recorder.batches for item in batch)
    assert ran == sorted(item for call in calls for item in call)
    assert all(len(batch) == 1 or max(batch) * len(batch) <= budget for batch in recorder.batches)
    assert threading.active_count() == before


def waiting(
    recorder: Recorder, shared: Batcher[int, int], pool: ThreadPoolExecutor, calls: Sequence[int | list[int]]
) -> list[Future[list[int]]]:
    """Futures of callers that came, in this order, while the first item of the first call was running."""
    futures = []
    expected = -1
    for call in calls:
        items = call if isinstance(call, list) else [call]
        futures.append(pool.submit(shared.results, items))
        expected += len(items)
        while not recorder.running.is_set() or len(shared._waiting) < expected:
            time.sleep(0.001)
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


def test_a_long_one_gets_through_a_flood_of_short_ones() -> None:
    recorder = Recorder()
    shared = batcher(recorder, 40)
    done = threading.Event()

    def flood() -> None:
        while not done.is_set():
            shared.results([20, 21])

    with ThreadPoolExecutor(8) as pool:
        floods = [pool.submit(flood) for _ in range(8)]
        try:
            assert [shared.results([500]) for _ in range(20)] == [[1000]] * 20
        finally:
            done.set()
    assert all(one.exception() is None for one in floods)


def test_who_has_its_results_does_not_wait_for_the_next_batch() -> None:
    gates = {50: threading.Event(), 90: threading.Event()}
    begun = threading.Event()

    def run(items: list[int]) -> list[int]:
        begun.set()
        for item in items:
            assert item not in gates or gates[item].wait(20)
        return items

    shared = Batcher(run, lambda item: item, 100)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(shared.results, [50, 20, 90])
        assert begun.wait(20)
        other = pool.submit(shared.results, [21])  # runs beside 20
        while len(shared._waiting) < 3:
            time.sleep(0.001)
        gates[50].set()
        try:
            assert other.result(20) == [21]
            assert not first.done()
        finally:
            gates[90].set()
        assert first.result() == [50, 20, 90]


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


@pytest.mark.parametrize("given", [[], [1], [1, 2, 3]])
def test_one_result_for_each_item_or_none_at_all(given: list[int]) -> None:
    shared = Batcher(lambda items: given, lambda item: item, 100)
    with pytest.raises(ValueError, match="zip"):
        shared.results([20, 20])


def test_an_interrupted_thread_leaves_nobody_waiting() -> None:
    recorder = Recorder(wait=True)

    def run(items: list[int]) -> Sequence[int]:
        doubled = recorder.run(items)
        if 30 in items:
            raise KeyboardInterrupt
        return doubled

    shared = Batcher(run, lambda item: item, 100)
    with ThreadPoolExecutor(8) as pool:
        first, *both = waiting(recorder, shared, pool, [90, 30, 31])  # one of the two runs both
        assert first.result(20) == [180]
        assert {type(future.exception(20)) for future in both} == {KeyboardInterrupt, CancelledError}
    assert shared.results([40]) == [80]
