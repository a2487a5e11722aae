"""The figures, against definitions written out the slow way and against published numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from safety.measure.metrics import (
    METRICS,
    UNKNOWN,
    Observed,
    Z,
    auc,
    auc_interval,
    average_precision,
    calibration,
    recall_at,
    share,
    wilson,
)

Pair = tuple[bool, float]

# Few distinct scores, so that ties are the rule, and any score.
SCORES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0]) | st.floats(0, 1)
PAIRS = st.lists(st.tuples(st.booleans(), SCORES), min_size=1, max_size=40)
RATES = st.sampled_from([0.0, 0.005, 0.01, 0.1, 0.5, 1.0])


def seen_of(pairs: Sequence[Pair], threshold: float = 0.5) -> Observed:
    labels = np.array([label for label, _ in pairs], dtype=np.bool_)
    scores = np.array([score for _, score in pairs], dtype=np.float64)
    return Observed(labels, scores, scores >= threshold, scores >= 0.9)


def split(pairs: Sequence[Pair]) -> tuple[list[float], list[float]]:
    return [s for label, s in pairs if label], [s for label, s in pairs if not label]


def flagged_at(pairs: Sequence[Pair]) -> list[tuple[int, int]]:
    """(positives, negatives) at or above each threshold, from above all scores down."""
    positives, negatives = split(pairs)
    thresholds = [math.inf, *sorted({score for _, score in pairs}, reverse=True)]
    return [(sum(p >= t for p in positives), sum(n >= t for n in negatives)) for t in thresholds]


@given(PAIRS)
def test_auc_is_the_share_of_pairs_in_order(pairs: list[Pair]) -> None:
    positives, negatives = split(pairs)
    assume(positives and negatives)
    wins = sum((p > n) + (p == n) / 2 for p in positives for n in negatives)
    assert auc(seen_of(pairs)).value == pytest.approx(wins / (len(positives) * len(negatives)))


@given(PAIRS)
def test_average_precision_sums_the_steps(pairs: list[Pair]) -> None:
    positives, negatives = split(pairs)
    assume(positives and negatives)
    total, before = 0.0, 0
    for found, alarms in flagged_at(pairs)[1:]:
        total += (found - before) / len(positives) * found / (found + alarms)
        before = found
    assert average_precision(seen_of(pairs)).value == pytest.approx(total)


@given(PAIRS, RATES)
def test_recall_at_a_rate_is_the_best_threshold_that_keeps_it(pairs: list[Pair], rate: float) -> None:
    positives, negatives = split(pairs)
    assume(positives and negatives)
    kept = [found for found, alarms in flagged_at(pairs) if alarms <= rate * len(negatives)]
    assert recall_at(seen_of(pairs), rate).value == pytest.approx(max(kept) / len(positives))


@given(PAIRS)
def test_the_shipped_threshold(pairs: list[Pair]) -> None:
    positives, negatives = split(pairs)
    assume(positives and negatives)
    tp, fp = sum(p >= 0.5 for p in positives), sum(n >= 0.5 for n in negatives)
    seen = seen_of(pairs)
    expected = {
        "recall": tp / len(positives),
        "fpr": fp / len(negatives),
        "precision": tp / (tp + fp) if tp + fp else None,
        "f1": tp / (tp + (fp + len(positives) - tp) / 2),
        "accuracy": (tp + len(negatives) - fp) / len(pairs),
        "stop_recall": sum(p >= 0.9 for p in positives) / len(positives),
        "stop_fpr": sum(n >= 0.9 for n in negatives) / len(negatives),
    }
    assert {name: METRICS[name](seen).value for name in expected} == pytest.approx(expected)


@given(PAIRS)
def test_intervals_hold_their_values(pairs: list[Pair]) -> None:
    for measure in METRICS.values():
        figure = measure(seen_of(pairs))
        assert (figure.low is None) is (figure.high is None)
        if figure.value is not None and figure.low is not None and figure.high is not None:
            assert 0 <= figure.low <= figure.value + 1e-12
            assert figure.value - 1e-12 <= figure.high <= 1


@pytest.mark.parametrize("label", [True, False])
def test_one_class_is_unknown_and_not_0(label: bool) -> None:
    seen = seen_of([(label, 0.2), (label, 0.8)])
    unknown = {name for name, measure in METRICS.items() if measure(seen) == UNKNOWN}
    both = {"auc", "average_precision", "recall_at_1pct_fpr", "recall_at_half_pct_fpr", "precision", "f1"}
    assert unknown == both | ({"fpr", "stop_fpr"} if label else {"recall", "stop_recall"})


def test_no_rows_are_unknown() -> None:
    assert {measure(seen_of([])) for measure in METRICS.values()} == {UNKNOWN}
    assert calibration(seen_of([])) == ()


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [
        (8, 10, 0.4901625, 0.9433178),
        (0, 10, 0.0, 0.2775328),
        (10, 10, 0.7224672, 1.0),
        (81, 263, 0.2552818, 0.3662182),  # Newcombe, Statistics in Medicine 17 (1998), table I: .2553 .3662
        (15, 148, 0.0624, 0.1605),  # the same: .0624 .1605
        (1, 29, 0.0061, 0.1718),  # the same: .0061 .1718
    ],
)
def test_wilson(hits: int, total: int, low: float, high: float) -> None:
    assert wilson(hits, total) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 400).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_wilson_limits_are_a_standard_error_s_multiple_away(counts: tuple[int, int]) -> None:
    hits, total = counts
    for limit in wilson(hits, total):
        assert abs(hits / total - limit) == pytest.approx(
            Z * math.sqrt(max(limit * (1 - limit), 0) / total), abs=1e-9
        )


def test_share_of_nothing() -> None:
    assert share(0, 0) == UNKNOWN


def test_hanley_and_mcneil_s_own_example() -> None:
    """Radiology 143 (1982): area 0.893 with 51 abnormal and 58 normal images has a standard error of 0.032.
    Solved for the limits, the interval is about as wide, and reaches further down than up."""
    low, high = auc_interval(0.893, 51, 58)
    assert high - low == pytest.approx(2 * 1.96 * 0.032, rel=0.05)
    assert 0.893 - low > high - 0.893


@given(st.floats(0, 1), st.integers(1, 500), st.integers(1, 500))
def test_auc_limits_solve_the_equation(value: float, positives: int, negatives: int) -> None:
    low, high = auc_interval(value, positives, negatives)
    assert 0 <= low <= value <= high <= 1
    for area in (low, high):
        first, second = area / (2 - area), 2 * area * area / (1 + area)
        spread = (
            area * (1 - area) + (positives - 1) * (first - area**2) + (negatives - 1) * (second - area**2)
        )
        error = math.sqrt(max(spread, 0) / (positives * negatives))
        assert abs(value - area) <= Z * error + 1e-6
        if 1e-6 < area < 1 - 1e-6:
            assert abs(value - area) == pytest.approx(Z * error, abs=1e-6)


def test_a_perfect_area_still_has_an_interval() -> None:
    low, high = auc_interval(1.0, 5, 5)
    assert (low < 0.8, high) == (True, 1.0)


@given(PAIRS)
def test_calibration_counts_every_row_once(pairs: list[Pair]) -> None:
    bins = calibration(seen_of(pairs))
    assert sum(one.n for one in bins) == len(pairs)
    assert sum(one.n * one.score for one in bins) == pytest.approx(sum(score for _, score in pairs))
    shares = [(one.positive.value or 0) * one.n for one in bins]
    assert sum(shares) == pytest.approx(sum(label for label, _ in pairs))
    assert [one.score for one in bins] == sorted(one.score for one in bins)
