"""Three drawings per category as inline SVG: ROC, precision and recall, calibration.

Nothing but shapes and numbers: no style attributes, no links, no scripts. Colours come from the classes of
the page. Every drawing has a title and says in words what it shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from safety.measure.metrics import Curve, Figure, Floats, Observed, calibration, curve
from safety.measure.summary import Card

SIDE, LEFT, TOP, RIGHT, BOTTOM = 220, 44, 12, 12, 44  # pixels: the square, and the margins around it
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
GRAIN = 2  # points are drawn to a half pixel, so that a curve of a million rows stays small

Point = tuple[float, float]


def roc(name: str, card: Card) -> str:
    """True positives over false positives, with the shipped threshold as a dot; needs both classes."""
    seen = card.observed
    steps = curve(seen.labels, seen.scores)
    points = _points(steps.alarms / seen.negatives, steps.found / seen.positives, start=(0.0, 0.0))
    dot = _dot(card.figures["fpr"], card.figures["recall"])
    words = f"Area {_said(card.figures['auc'])}; at the shipped threshold {_at(card, 'recall', 'fpr')}."
    return _drawing(
        f"ROC curve of {name}",
        words,
        ("false positive rate", "recall"),
        [_line([(0, 0), (1, 1)], "chance"), _line(points, "curve"), dot],
    )


def precision_recall(name: str, card: Card) -> str:
    """Precision over recall, with the share of positives as the line of chance; needs both classes."""
    seen = card.observed
    points = _precisions(curve(seen.labels, seen.scores), seen)
    base = seen.positives / seen.n
    dot = _dot(card.figures["recall"], card.figures["precision"])
    words = (
        f"Average precision {_said(card.figures['average_precision'])}; by chance it would be {base:.3f};"
        f" at the shipped threshold {_at(card, 'precision', 'recall')}."
    )
    return _drawing(
        f"Precision and recall of {name}",
        words,
        ("recall", "precision"),
        [_line([(0, base), (1, base)], "chance"), _line(points, "curve"), dot],
    )


def reliability(name: str, card: Card) -> str:
    """The share of positives over the mean score, one dot per tenth, with Wilson's intervals."""
    bins = calibration(card.observed)
    bars = [
        _line([(one.score, one.positive.low or 0.0), (one.score, one.positive.high or 0.0)], "bar")
        for one in bins
    ]
    dots = [_dot(Figure(one.score), one.positive) for one in bins]
    told = ", ".join(f"{one.positive.value or 0:.2f} at {one.score:.2f} ({one.n} rows)" for one in bins)
    return _drawing(
        f"Calibration of {name}",
        f"Share of positives by mean score: {told}.",
        ("mean score", "share of positives"),
        [_line([(0, 0), (1, 1)], "chance"), *bars, *dots],
    )


def _precisions(steps: Curve, seen: Observed) -> Sequence[Point]:
    """Steps, as the average precision sums them up: nothing is interpolated."""
    precision = np.repeat(steps.found / (steps.found + steps.alarms), 2)
    recall = np.repeat(steps.found / seen.positives, 2)
    return _points(recall[:-1], precision[1:], start=(0.0, float(precision[0])))


def _points(across: Floats, up: Floats, start: Point) -> Sequence[Point]:
    """The curve from ``start`` on, without the points that lie on the same half pixel as the one before."""
    places = np.vstack([start, np.column_stack([across, up])])
    grid = np.rint(places * SIDE * GRAIN)
    moved = np.append(True, (np.diff(grid, axis=0) != 0).any(axis=1))
    return [(float(x), float(y)) for x, y in places[moved]]


# --- shapes -----------------------------------------------------------------------------------------------


def _x(value: float) -> str:
    return f"{LEFT + value * SIDE:.1f}"


def _y(value: float) -> str:
    return f"{TOP + (1 - value) * SIDE:.1f}"


def _line(points: Iterable[Point], kind: str) -> str:
    drawn = " ".join(f"{_x(x)},{_y(y)}" for x, y in points)
    return f'<polyline class="{kind}" points="{drawn}"/>'


def _dot(across: Figure, up: Figure) -> str:
    if across.value is None or up.value is None:
        return ""
    return f'<circle class="dot" cx="{_x(across.value)}" cy="{_y(up.value)}" r="4"/>'


def _drawing(title: str, words: str, axes: tuple[str, str], shapes: Iterable[str]) -> str:
    """A figure; ``title`` and ``words`` must hold no markup."""
    width, height = LEFT + SIDE + RIGHT, TOP + SIDE + BOTTOM
    return (
        f'<figure><svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img"'
        f' aria-label="{title}. {words}">{_frame(axes)}{"".join(shapes)}</svg>'
        f"<figcaption><b>{title}.</b> {words}</figcaption></figure>"
    )


def _frame(axes: tuple[str, str]) -> str:
    across, up = axes
    middle_x, middle_y = _x(0.5), _y(0.5)
    lines = "".join(_tick(value) for value in TICKS)
    return (
        f"{lines}"
        f'<text class="axis" x="{middle_x}" y="{TOP + SIDE + 36}" text-anchor="middle">{across}</text>'
        f'<text class="axis" x="12" y="{middle_y}" text-anchor="middle"'
        f' transform="rotate(-90 12 {middle_y})">{up}</text>'
    )


def _tick(value: float) -> str:
    return (
        f"{_line([(value, 0), (value, 1)], 'grid')}{_line([(0, value), (1, value)], 'grid')}"
        f'<text x="{_x(value)}" y="{TOP + SIDE + 16}" text-anchor="middle">{value:g}</text>'
        f'<text x="{LEFT - 6}" y="{_y(value)}" dy="0.35em" text-anchor="end">{value:g}</text>'
    )


def _said(figure: Figure) -> str:
    return "–" if figure.value is None else f"{figure.value:.3f}"


def _at(card: Card, *names: str) -> str:
    return ", ".join(f"{name} {_said(card.figures[name])}" for name in names)
