"""Minutes, hours and days: in which of them a time is counted, and which of them make up a period.

Everything is counted three times, so that a month is read as some days and a few hours, not as 43,200
minutes. Minutes are kept for a week and hours for some months; what is older is only known more coarsely.
Times are minutes counted from 1970, in UTC; all steps begin at multiples of their length. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

HOUR, DAY = 60, 24 * 60
MOST_POINTS = 120


@dataclass(frozen=True, slots=True)
class Step:
    """Counts per ``minutes``, under dimensions that begin with ``prefix``, kept for ``kept`` minutes."""

    name: str
    prefix: str
    minutes: int
    kept: int | None


STEPS = (
    Step("minutes", "", 1, 8 * DAY),
    Step("hours", "h:", HOUR, 100 * DAY),
    Step("days", "d:", DAY, None),
)
Kept = Mapping[str, int]  # by the step's name: the first minute of which such counts are kept

# No parts of an hour beyond 30 hours, and of a day beyond 15 days: what a chart is read from stays small.
_LADDER = (1, 2, 5, 10, 15, HOUR, 2 * HOUR, 3 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY)
_LONGEST = 28 * DAY


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring counts of one step: those that begin in ``minutes``."""

    step: Step
    minutes: range


def first_kept(step: Step, newest: int) -> int:
    """The first minute whose counts of ``step`` are kept when ``newest`` is the newest; at a day's begin."""
    return 0 if step.kept is None else max(floor(newest - step.kept, DAY), 0)


def cover(start: int, end: int, kept: Kept) -> list[Run]:
    """The coarsest counts that together are ``[start, end)``, none twice. Where the fine ones are gone, the
    period is rounded outwards to the coarse ones."""
    found: list[Run] = []

    def add(step: Step, start: int, end: int) -> None:
        if start < end:
            found.append(Run(step, range(start, end, step.minutes)))

    for step, coarser in pairwise(STEPS):
        length, first = coarser.minutes, kept.get(step.name, 0)
        if start < first:
            start, end = floor(start, length), end if end >= first else ceil(end, length)
        up = min(ceil(start, length), end)
        down = max(floor(end, length), up)
        add(step, start, up)
        add(step, down, end)
        start, end = up, down
    add(STEPS[-1], start, end)
    return found


def points(start: int, end: int, kept: Kept, most: int = MOST_POINTS) -> range:
    """Where the points of a chart from ``start`` to ``end`` begin: the shortest steps of which there are
    ``most`` or fewer. They begin before ``start`` where that is within a step, unless that were one too
    many."""
    length, finest = max(end - start, 1), _finest(start, kept)
    fitting = (step for step in _LADDER if step >= finest and ceil(length, step) // step <= most)
    step = next(fitting, None) or ceil(ceil(length, most) // most, _LONGEST)
    first, last = floor(start, step), max(ceil(end, step), floor(start, step) + step)
    return range(max(first, last - most * step), last, step)


def parts(start: int, end: int, kept: Kept, many: int) -> list[tuple[int, int]]:
    """``[start, end)`` in ``many`` parts of about one length, so cut that each is made up of few counts. Some
    are empty when it is short."""
    finest = _finest(start, kept)
    start, end = floor(start, finest), ceil(end, finest)
    length = (end - start) // many
    unit = max(next(step.minutes for step in reversed(STEPS) if length >= step.minutes // 2), finest)
    edges = [max(floor(start + (end - start) * at // many, unit), start) for at in range(many)]
    return list(pairwise([*edges, end]))


def _finest(start: int, kept: Kept) -> int:
    return next(step.minutes for step in STEPS if start >= kept.get(step.name, 0))


def source(length: int) -> Step:
    """The coarsest step of which ``length`` minutes are a multiple."""
    return next(step for step in reversed(STEPS) if length % step.minutes == 0)


def floor(minute: int, length: int) -> int:
    """``minute`` rounded down to a multiple of ``length``."""
    return minute // length * length


def ceil(minute: int, length: int) -> int:
    """``minute`` rounded up to a multiple of ``length``."""
    return -(-minute // length) * length
