"""Durations as counts per bucket, and percentiles from such counts.

Bounds follow the E12 series of preferred numbers (IEC 60063), a fifth apart; for single detectors, of which
there are many, every fourth of them: 1, 2.2, 4.7, 10. Pure.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

_E12 = (1.0, 1.2, 1.5, 1.8, 2.2, 2.7, 3.3, 3.9, 4.7, 5.6, 6.8, 8.2)

# Upper bounds in milliseconds: 0.01 ms to 100 s. What is longer is in the bucket "inf".
ADDED_MS = tuple(float(f"{number * 10.0**power:.4g}") for power in range(-2, 5) for number in _E12) + (1e5,)
DETECTOR_MS = ADDED_MS[::4]
BEYOND = "inf"


def bucket(bounds: Sequence[float], value: float) -> str:
    """The name of the bucket that ``value`` falls into: its upper bound, which belongs to it."""
    at = bisect_left(bounds, value)
    return f"{bounds[at]:g}" if at < len(bounds) else BEYOND


def percentiles(
    bounds: Sequence[float], counts: Mapping[str, int], qs: Sequence[float]
) -> list[float | None]:
    """The values below which the shares ``qs`` (0 to 1) lie, each within the bucket of the exact one.

    ``counts`` maps names of buckets to how many values fell into them; within a bucket values are taken to
    lie evenly. ``None`` where there are none. What is beyond the last bound is given as that bound.
    """
    filled = sorted((float(name), count) for name, count in counts.items() if count > 0)
    total = sum(count for _, count in filled)
    return [_percentile(bounds, filled, q * total) if total else None for q in qs]


def _percentile(bounds: Sequence[float], filled: Sequence[tuple[float, int]], rank: float) -> float:
    below = 0
    for bound, count in filled:
        if below + count >= rank:
            at = bisect_left(bounds, bound)
            if at >= len(bounds):
                break
            lower = bounds[at - 1] if at else 0.0
            return lower + (bounds[at] - lower) * max(rank - below, 0.0) / count
        below += count
    return bounds[-1]
