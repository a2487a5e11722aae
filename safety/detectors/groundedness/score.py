"""From marks to log-odds: a sum of weights.

The weights began as a logistic regression on constructed and annotated pairs (copies and records) and were
set by hand where such pairs say little: in a paraphrase a number that no source has counts for much, a
word that it lacks for little. 0 is the threshold where no model is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from safety.detectors.groundedness.comparison import Case, Manner, Mark
from safety.detectors.groundedness.value_checks import dates, numbers
from safety.detectors.groundedness.word_checks import added, coverage, names, negation, opposites, other_words

CHECKS: tuple[Callable[[Case], Iterator[Mark]], ...] = (
    numbers,
    dates,
    names,
    negation,
    opposites,
    other_words,
    coverage,
    added,
)
BIAS = -2.2
NO_EVIDENCE = Mark("no_evidence", 1, "no source speaks of this")
NO_EVIDENCE_ODDS = 1.1

# Log-odds per unit of strength, by manner: (copy, free, record).
WEIGHTS: dict[str, tuple[float, float, float]] = {
    "number_differs": (5.0, 3.0, 1.0),
    "number_not_in_sources": (3.0, 2.4, 0.8),
    "count_not_in_sources": (2.0, 0.8, 0.2),
    "number_elsewhere": (0.3, 0.3, 0.4),
    "date_differs": (5.0, 3.0, 1.4),
    "date_not_in_sources": (3.0, 2.3, 0.5),
    "date_elsewhere": (0.2, 0.2, 0.1),
    "name_differs": (4.5, 0.0, 0.0),
    "name_not_in_sources": (2.2, 1.8, 1.2),
    "name_elsewhere": (0.4, 0.2, 0.8),
    "negation": (5.5, 2.2, 1.0),
    "opposite_in_place": (5.5, 0.0, 0.0),
    "opposite": (1.0, 0.7, 1.5),
    "word_differs": (0.3, 0.0, 0.0),
    "low_coverage": (1.6, 0.8, 0.8),
    "not_in_sources": (2.0, 1.5, 1.0),
    "added_words": (1.8, 0.2, 0.2),
    "added_tail": (1.5, 0.3, 0.1),
}
# The reasons that say the source speaks otherwise; the rest say that it does not speak of this.
CONTRADICTIONS = frozenset(
    ("number_differs", "date_differs", "name_differs", "negation", "opposite_in_place", "opposite")
)
_COLUMN = {Manner.COPY: 0, Manner.FREE: 1, Manner.RECORD: 2}


def log_odds(case: Case) -> tuple[float, Mark | None]:
    """The log-odds that a claim is not borne out, and the mark that counted most, if any.

    Of marks with one reason only the strongest counts.
    """
    column = _COLUMN[case.manner]
    marks: dict[str, Mark] = {}
    for check in CHECKS:
        for mark in check(case):
            known = marks.get(mark.reason)
            if known is None or mark.strength > known.strength:
                marks[mark.reason] = mark
    worth = {reason: WEIGHTS[reason][column] * mark.strength for reason, mark in marks.items()}
    first = max(worth, key=lambda reason: worth[reason], default=None)
    return BIAS + sum(worth.values()), None if first is None else marks[first]
