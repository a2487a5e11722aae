"""From logits on data that was not trained on to thresholds, scores and exits. Pure numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from safety.measure.metrics import Observed, auc
from safety.models.card import Exit, Scale

Values = NDArray[np.floating]
Flags = NDArray[np.bool_]

LADDER = (0.0, 0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.07, 0.1)  # shares that may be lost
MARGINS = (3.0, 2.0, 1.5, 1.0, 0.75, 0.5, 0.25)  # logits below the lowest that is flagged
SPREADS = np.geomspace(0.3, 6, 40)


def threshold_at(negatives: Values, rate: float) -> float:
    """The lowest threshold that at most ``rate`` of the negatives pass."""
    ordered = np.sort(negatives)[::-1]
    allowed = int(rate * len(ordered))
    return float(np.nextafter(ordered[allowed], np.inf)) if len(ordered) > allowed else float(ordered[-1])


def scale_of(logits: Values, positive: Flags, threshold: float) -> Scale:
    """The scale with the given threshold whose scores fit the labels best (log loss), both classes weighing
    the same."""
    weights = np.where(positive, 0.5 / max(positive.sum(), 1), 0.5 / max((~positive).sum(), 1))
    return Scale(threshold, float(min(SPREADS, key=lambda s: _loss(logits, positive, weights, threshold, s))))


def _loss(logits: Values, positive: Flags, weights: Values, threshold: float, spread: float) -> float:
    signed = np.where(positive, -1, 1) * (logits - threshold) / spread
    return float((weights * np.logaddexp(0, signed)).sum())


def exit_of(cheap: Values, dear: Values, threshold: float, *, lost: float, least: float = 0.05) -> Exit:
    """Where the cheap model's word is taken for a head.

    Low: so that at most ``lost`` of what the encoder flags would have left before it. High: above all that
    the encoder does not flag, and by a margin, if at least ``least`` of what it flags lies there.
    """
    flagged = dear > threshold
    if not flagged.any():
        return Exit()
    low = float(np.quantile(cheap[flagged], lost, method="lower"))
    if flagged.all():
        return Exit(low)
    high = float(cheap[~flagged].max()) + 0.5
    return Exit(low, high if (cheap[flagged] > high).mean() >= least else None)


def area_under(logits: Values, positive: Flags) -> float:
    """The area under the ROC curve; 0 when there is one class only."""
    seen = Observed(positive, logits.astype(float), positive, positive)
    return auc(seen).value or 0.0
