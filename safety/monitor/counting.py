"""Keeps the tallies up to date for as long as the dashboard runs, and says how that goes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from safety.errors import SafetyError
from safety.monitor.tallies import Tallies

log = logging.getLogger(__name__)

IDLE, FAILED = 1.0, 5.0  # seconds to wait when nothing is left to count, and when it went wrong


class Counting:
    """Counts what comes. ``begin`` opens the tallies once there is a record, or raises a ``SafetyError``."""

    def __init__(self, begin: Callable[[], Tallies]) -> None:
        self._begin = begin
        self._tallies: Tallies | None = None
        self.problem: str | None = None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            pause = await asyncio.to_thread(self.step)
            if pause:
                await asyncio.sleep(pause)

    def step(self) -> float:
        """Count some; returns how many seconds to wait before the next."""
        try:
            if self._tallies is None:
                self._tallies = self._begin()
            counted = self._tallies.advance()
        except (SafetyError, SQLAlchemyError) as error:
            self._say(str(error))
            return FAILED
        except Exception as error:  # this task's main: it goes on, and says what was wrong
            self._say(f"internal error: {type(error).__name__}: {error}")
            return FAILED
        self._say(None)
        return 0.0 if counted else IDLE

    def close(self) -> None:
        """Let go of the record."""
        if self._tallies is not None:
            self._tallies.close()

    def _say(self, problem: str | None) -> None:
        if problem is not None and problem != self.problem:
            log.warning("counting: %s", problem)
        self.problem = problem
