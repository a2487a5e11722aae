"""Keeping a policy in step with its files: a change is loaded, tested and only then used.

If the new one does not load or its tests do not pass, the last good one stays and the reason stays visible.
Nothing happens between calls of ``poll``; ``start`` makes a thread that calls it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from safety.errors import SafetyError
from safety.policy.file import LoadedPolicy, UnusablePolicy, load_policy

T = TypeVar("T")
Mark = tuple[int, int, int] | None  # modified (ns), size, inode; None if absent


@dataclass(frozen=True, slots=True)
class Problem:
    """Why the files as they are now are not in use, and since when (seconds of the epoch)."""

    message: str
    since: float


@dataclass(frozen=True, slots=True)
class Current(Generic[T]):
    """What is in use: the policy, what was made of it, and since when (seconds of the epoch)."""

    loaded: LoadedPolicy
    made: T
    since: float


class PolicyWatch(Generic[T]):
    """The policy in the files at ``path`` and what ``make`` makes of it (a guard, say).

    ``make`` runs the policy's tests and raises a ``SafetyError`` if they do not pass (``cases.require``).
    The first policy must be good: the constructor raises what ``load`` and ``make`` raise. ``swapped`` is
    told of what was in use before and what is now, so that the former can be closed. Reading ``current``
    and ``problem`` is safe from any thread.
    """

    def __init__(
        self,
        path: str | Path,
        make: Callable[[LoadedPolicy], T],
        *,
        load: Callable[[str | Path], LoadedPolicy] = load_policy,
        swapped: Callable[[T, T], None] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.path = path
        self._make, self._load, self._swapped, self._now = make, load, swapped, now
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        loaded = load(path)
        self.current: Current[T] = Current(loaded, make(loaded), now())
        self.problem: Problem | None = None
        self._files = loaded.files
        self._seen: dict[Path, Mark] = {}
        self._judged: dict[Path, Mark] = {}  # as the files were before they were last loaded

    def poll(self) -> bool:
        """Look at the files once; true if another policy is in use afterwards.

        A change counts once the files stand still for one poll, so that a half-written file is not read. A
        file that is new to the watch is read twice: it may have changed while it was read first.
        """
        with self._lock:
            marks = {path: _mark(path) for path in self._files}
            settled, self._seen = marks == self._seen, marks
            if marks == self._judged or not settled:
                return False
            try:
                return self._reload()
            except (SafetyError, OSError) as error:
                self.problem = Problem(str(error), self._now())
                if isinstance(error, UnusablePolicy):
                    self._files = tuple(dict.fromkeys((*self._files, *error.files)))
                return False
            finally:
                self._judged = {path: marks[path] for path in self._files if path in marks}

    def _reload(self) -> bool:
        before, loaded = self.current, self._load(self.path)
        self._files = loaded.files
        if _same(before.loaded, loaded):
            self.problem = None
            return False
        self.current = Current(loaded, self._make(loaded), self._now())
        self.problem = None
        if self._swapped is not None:
            self._swapped(before.made, self.current.made)
        return True

    def start(self, seconds: float = 2.0) -> None:
        """Poll every ``seconds`` in a thread of its own until ``stop``."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(
                target=self._follow, args=(seconds,), name="policy-watch", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """End the thread that ``start`` made, if there is one."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _follow(self, seconds: float) -> None:
        while not self._stop.wait(seconds):
            self.poll()


def _mark(path: Path) -> Mark:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _same(first: LoadedPolicy, second: LoadedPolicy) -> bool:
    return (first.policy.id, first.policy.digest, first.cases) == (
        second.policy.id,
        second.policy.digest,
        second.cases,
    )
