"""What the figures are called where people read them, and which stand together."""

from __future__ import annotations

from collections.abc import Mapping

HEADINGS: Mapping[str, str] = {
    "auc": "AUC",
    "average_precision": "AP",
    "recall_at_1pct_fpr": "recall at 1 % FPR",
    "recall_at_half_pct_fpr": "at 0.5 % FPR",
    "recall": "recall",
    "precision": "precision",
    "f1": "F1",
    "fpr": "FPR",
    "accuracy": "accuracy",
    "stop_recall": "recall, stopped",
    "stop_fpr": "FPR, stopped",
}
RANKING = ("auc", "average_precision", "recall_at_1pct_fpr", "recall_at_half_pct_fpr")
SHIPPED = tuple(name for name in HEADINGS if name not in RANKING)
SLICED = ("auc", "average_precision", "recall", "precision", "fpr")
NONE = "–"  # what cannot be computed
