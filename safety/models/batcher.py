"""Calls from many threads put together: what waits while a batch runs goes into the next one.

Nobody waits for company: a call that comes alone runs alone. Under load the oldest one always goes next, with
those of like length beside it, so that padding stays small and no call waits for more than the batch that
runs and those that are older; a call whose results are there does not wait at all. It does not know what it
batches.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

A = TypeVar("A")
R = TypeVar("R")

SLACK = 1.3  # how much longer than the shortest of its batch an item may be


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[A, R]):
    item: A
    size: int
    result: Future[R] = field(default_factory=Future)


class Batcher(Generic[A, R]):
    """``run`` gets a list of items and gives one result for each; ``budget`` bounds the sizes of a batch's
    items together, padded to the longest. Whoever comes while nothing runs does the running, for all."""

    def __init__(self, run: Callable[[list[A]], Sequence[R]], size: Callable[[A], int], budget: int) -> None:
        self._run, self._size, self._budget = run, size, budget
        self._waiting: deque[_Waiting[A, R]] = deque()
        self._busy = False  # whether a batch runs
        self._changed = threading.Condition()  # of the two above

    def results(self, items: Sequence[A]) -> list[R]:
        """One result per item, in order. Raises what ``run`` raised for the batch an item was in."""
        mine: list[_Waiting[A, R]] = [_Waiting(item, self._size(item)) for item in items]
        with self._changed:
            self._waiting.extend(mine)
        for one in mine:
            while self._turn(one):
                self._next()
        return [one.result.result() for one in mine]

    def _turn(self, one: _Waiting[A, R]) -> bool:
        """Waits until ``one`` has its result, or nothing runs and it is up to this thread to go on."""
        with self._changed:
            self._changed.wait_for(lambda: one.result.done() or not self._busy)
            if one.result.done():
                return False
            self._busy = True
            return True

    def _next(self) -> None:
        batch = self._taken()
        try:
            results = self._run([one.item for one in batch])
            for one, result in list(zip(batch, results, strict=True)):  # a wrong number: none is trusted
                one.result.set_result(result)
        except Exception as error:  # every caller in the batch is told
            for one in batch:
                one.result.set_exception(error)
        finally:
            for one in batch:
                one.result.cancel()  # only where this thread was interrupted: the others must not wait for it
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def _taken(self) -> list[_Waiting[A, R]]:
        """The oldest item and, up to the budget, others of like length, older ones first."""
        with self._changed:
            first = self._waiting[0]
            shortest = longest = first.size
            batch: list[_Waiting[A, R]] = []
            left: deque[_Waiting[A, R]] = deque()
            for one in self._waiting:
                low, high = min(shortest, one.size), max(longest, one.size)
                if high <= low * SLACK and high * (len(batch) + 1) <= max(self._budget, first.size):
                    batch.append(one)
                    shortest, longest = low, high
                else:
                    left.append(one)
            self._waiting = left
        return batch
