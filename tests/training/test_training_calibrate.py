"""Thresholds, scores and exits keep what they promise."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from safety.models.card import scored
from safety.training.calibrate import area_under, exit_of, scale_of, threshold_at

LOGITS = st.lists(st.floats(-9, 9), min_size=1, max_size=60).map(np.array)


@given(LOGITS, st.floats(0, 0.5))
def test_a_threshold_is_the_lowest_that_keeps_the_rate(negatives: np.ndarray, rate: float) -> None:
    threshold = threshold_at(negatives, rate)
    assert (negatives >= threshold).mean() <= rate
    lower = negatives[negatives < threshold].max()
    assert (negatives >= lower).mean() > rate


@given(LOGITS, LOGITS, st.floats(-5, 5))
def test_the_threshold_scores_one_half(
    negatives: np.ndarray, positives: np.ndarray, threshold: float
) -> None:
    logits = np.concatenate((negatives, positives))
    scale = scale_of(logits, np.arange(len(logits)) >= len(negatives), threshold)
    assert scored(threshold, scale) == 0.5
    assert scored(threshold + 1, scale) > 0.5 > scored(threshold - 1, scale)


def test_what_is_told_apart_clearly_gets_sure_scores() -> None:
    positive = np.arange(100) >= 50
    clear = scale_of(np.where(positive, 6.0, -6.0), positive, 0.0)
    noisy = scale_of(np.random.default_rng(0).normal(positive * 1.0, 3), positive, 0.5)
    assert clear.spread < noisy.spread


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=1, max_size=80), st.floats(0, 0.2))
def test_an_exit_loses_no_more_than_it_may(pairs: list[tuple[float, float]], lost: float) -> None:
    cheap, dear = np.array(pairs).T
    bounds = exit_of(cheap, dear, 0.0, lost=lost)
    flagged = dear > 0
    if bounds.low is not None:
        assert (cheap[flagged] < bounds.low).mean() <= lost
    else:
        assert not flagged.any()
    if bounds.high is not None:
        assert not (cheap[~flagged] > bounds.high).any()


def test_the_area_is_the_share_of_pairs_in_order() -> None:
    assert area_under(np.array([1.0, 2.0, 3.0, 2.0]), np.array([False, False, True, True])) == 0.875
