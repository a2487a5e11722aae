"""The guard's worker threads: bounded in number and in what waits, and never joined.

A thread that hangs inside a detector cannot be killed, so workers are daemon threads: they do not keep the
process from ending. ``concurrent.futures`` joins its threads at exit, which is why it is not used here.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

Job = Callable[[], None]


class Pool:
    """``workers`` threads, started when first needed; ``submit`` never blocks. A job must not raise."""

    def __init__(self, workers: int = 8, waiting: int = 4096) -> None:
        self._queue: queue.Queue[Job | None] = queue.Queue(waiting)
        self._workers = workers
        self._started = 0
        self._lock = threading.Lock()

    def submit(self, job: Job) -> bool:
        """Whether the job was taken; false when too much waits already."""
        try:
            self._queue.put_nowait(job)
        except queue.Full:
            return False
        if self._started < self._workers:
            self._start_one()
        return True

    def _start_one(self) -> None:
        with self._lock:
            if self._started >= self._workers:
                return
            self._started += 1
            name = f"safety-worker-{self._started}"
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        while True:
            job = self._queue.get()
            if job is None:
                return
            job()
            del job  # the queue may stay empty for long: hold no request alive meanwhile

    def close(self) -> None:
        """Lets the workers end once they are idle; does not wait for them."""
        for _ in range(self._started):
            try:
                self._queue.put_nowait(None)
            except queue.Full:
                return
