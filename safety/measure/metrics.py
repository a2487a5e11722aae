"""The figures: from labels and scores to numbers with their intervals.

Pure. ``labels`` are booleans of shape (n,), ``scores`` floats of shape (n,), higher meaning more of it. What
cannot be computed, because there is nothing or only one class, has the value ``None``, never 0. Intervals are
95 %: Wilson's score interval for shares; for the area under the ROC curve the variance of Hanley and McNeil
(Radiology 143, 1982), solved for the limits as Wilson does (Newcombe, Statistics in Medicine 25, 2006), so
that they stay inside 0 to 1 and are not empty at 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

Z = NormalDist().inv_cdf(0.975)
BINS = 10  # of the calibration plot
_HALVINGS = 60  # of an interval of length 1: far below what is shown
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, and the 95 % interval around it where there is one."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


UNKNOWN = Figure()


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """What was seen in n rows: their ``labels``, their ``scores``, on which of them a rule fired (``fired``),
    and on which one fired that redacts or blocks (``stopped``). All of shape (n,)."""

    labels: Bools
    scores: Floats
    fired: Bools
    stopped: Bools

    @property
    def n(self) -> int:
        return len(self.labels)

    @property
    def positives(self) -> int:
        return int(self.labels.sum())

    @property
    def negatives(self) -> int:
        return self.n - self.positives

    @property
    def both(self) -> bool:
        """Whether there are positives and negatives: without both nothing can be told apart."""
        return 0 < self.positives < self.n


# --- shares -----------------------------------------------------------------------------------------------


def wilson(hits: int, total: int) -> tuple[float, float]:
    """Wilson's interval for ``hits`` of ``total`` (at least 1)."""
    share, square = hits / total, Z * Z / total
    middle = (share + square / 2) / (1 + square)
    width = Z * math.sqrt(share * (1 - share) / total + square / (4 * total)) / (1 + square)
    # At the ends the limit is the share itself; rounding must not move it.
    low = 0.0 if hits == 0 else middle - width
    high = 1.0 if hits == total else middle + width
    return low, high


def share(hits: int, total: int) -> Figure:
    """``hits`` of ``total`` as a figure."""
    return Figure(hits / total, *wilson(hits, total)) if total else UNKNOWN


def recall(labels: Bools, flagged: Bools) -> Figure:
    """Of the positives, those flagged."""
    return share(int((labels & flagged).sum()), int(labels.sum()))


def false_alarms(labels: Bools, flagged: Bools) -> Figure:
    """Of the negatives, those flagged: the false positive rate."""
    return share(int((~labels & flagged).sum()), int((~labels).sum()))


def precision(seen: Observed) -> Figure:
    """Of those flagged, the positives."""
    hits = int((seen.labels & seen.fired).sum())
    return share(hits, int(seen.fired.sum())) if seen.both else UNKNOWN


def f1(seen: Observed) -> Figure:
    """The harmonic mean of precision and recall."""
    hits = int((seen.labels & seen.fired).sum())
    return Figure(2 * hits / (seen.positives + int(seen.fired.sum()))) if seen.both else UNKNOWN


def accuracy(seen: Observed) -> Figure:
    """Of all, those judged as they are labelled."""
    return share(int((seen.labels == seen.fired).sum()), seen.n)


# --- curves -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """For each distinct score, from the highest: how many positives (``found``) and negatives (``alarms``)
    score at least that."""

    thresholds: Floats
    found: Ints
    alarms: Ints


def curve(labels: Bools, scores: Floats) -> Curve:
    """The counts behind the ROC and the precision-recall curve of at least one row."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    ends = np.flatnonzero(np.append(np.diff(ranked) != 0, True))  # equal scores are one step
    found = np.cumsum(labels[order], dtype=np.int64)[ends]
    return Curve(ranked[ends], found, (ends + 1 - found).astype(np.int64))


def average_precision(seen: Observed) -> Figure:
    """The mean of the precision at each step of recall, weighted by the step; nothing is interpolated."""
    if not seen.both:
        return UNKNOWN
    steps = curve(seen.labels, seen.scores)
    gained = np.diff(steps.found, prepend=0) / seen.positives
    return Figure(float(np.sum(gained * steps.found / (steps.found + steps.alarms))))


def recall_at(seen: Observed, rate: float) -> Figure:
    """The most recall with at most ``rate`` of the negatives flagged; the interval takes the threshold for
    given."""
    if not seen.both:
        return UNKNOWN
    steps = curve(seen.labels, seen.scores)
    allowed = steps.found[steps.alarms <= rate * seen.negatives + _ROUNDING]
    return share(int(allowed[-1]) if len(allowed) else 0, seen.positives)


def auc(seen: Observed) -> Figure:
    """The chance that a positive scores more than a negative, ties counting half: by mid-ranks."""
    if not seen.both:
        return UNKNOWN
    least = seen.positives * (seen.positives + 1) / 2
    wins = float(_midranks(seen.scores)[seen.labels].sum()) - least
    value = wins / (seen.positives * seen.negatives)
    return Figure(value, *auc_interval(value, seen.positives, seen.negatives))


def _midranks(values: Floats) -> Floats:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return ranks


def auc_interval(value: float, positives: int, negatives: int) -> tuple[float, float]:
    """The areas from which ``value`` is not more than ``Z`` standard errors away."""

    def far(area: float) -> bool:
        return abs(value - area) > Z * math.sqrt(_auc_variance(area, positives, negatives))

    return _edge(far, 0.0, value), _edge(far, 1.0, value)


def _auc_variance(area: float, positives: int, negatives: int) -> float:
    of_positives = (positives - 1) * (1 - area) / (2 - area)
    of_negatives = (negatives - 1) * area / (1 + area)
    return area * (1 - area) * (1 + of_positives + of_negatives) / (positives * negatives)


def _edge(far: Callable[[float], bool], outside: float, inside: float) -> float:
    """Where ``far`` ends on the way from ``outside`` to ``inside``, by halving."""
    if not far(outside):
        return outside
    for _ in range(_HALVINGS):
        middle = (outside + inside) / 2
        if far(middle):
            outside = middle
        else:
            inside = middle
    return inside


# --- all of them ------------------------------------------------------------------------------------------

METRICS: Mapping[str, Callable[[Observed], Figure]] = {
    "auc": auc,
    "average_precision": average_precision,
    "recall_at_1pct_fpr": lambda seen: recall_at(seen, 0.01),
    "recall_at_half_pct_fpr": lambda seen: recall_at(seen, 0.005),
    "recall": lambda seen: recall(seen.labels, seen.fired),
    "precision": precision,
    "f1": f1,
    "fpr": lambda seen: false_alarms(seen.labels, seen.fired),
    "accuracy": accuracy,
    "stop_recall": lambda seen: recall(seen.labels, seen.stopped),
    "stop_fpr": lambda seen: false_alarms(seen.labels, seen.stopped),
}


@dataclass(frozen=True, slots=True)
class Bin:
    """The rows whose scores lie in one tenth of 0 to 1: how many, their mean score, and the share of
    positives among them."""

    n: int
    score: float
    positive: Figure


def calibration(seen: Observed) -> tuple[Bin, ...]:
    """The tenths that hold any rows, from the lowest."""
    place = np.minimum((seen.scores * BINS).astype(np.int64), BINS - 1)
    return tuple(
        Bin(int(inside.sum()), float(seen.scores[inside].mean()), _positive(seen.labels[inside]))
        for number in range(BINS)
        if (inside := place == number).any()
    )


def _positive(labels: Bools) -> Figure:
    return share(int(labels.sum()), len(labels))
