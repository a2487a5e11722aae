from itertools import chain, pairwise

from hypothesis import given
from hypothesis import strategies as st

from safety.monitor.steps import DAY, HOUR, MOST_POINTS, STEPS, cover, first_kept, parts, points, source

minutes = st.integers(0, 400 * DAY)
lengths = st.integers(0, 3 * HOUR) | st.integers(0, 400 * DAY)


def pieces(runs):
    """The minutes that ``runs`` count, as intervals in order."""
    found = ((at, at + run.step.minutes) for run in runs for at in run.minutes)
    return sorted(found)


@given(minutes, lengths)
def test_a_period_is_made_up_of_steps_none_twice(start, length):
    end = start + length
    found = pieces(cover(start, end, {}))
    edges = [start, *chain.from_iterable(found), end]
    assert edges[::2] == edges[1::2]


@given(minutes, st.integers(1, 30 * DAY))
def test_a_period_of_a_month_is_few_counts(start, length):
    assert len(pieces(cover(start, start + length, {}))) <= 30 + 2 * 23 + 2 * 59


@given(minutes, lengths, st.integers(0, 400).map(lambda days: days * DAY), st.integers(0, 92))
def test_where_fine_counts_are_gone_the_period_is_rounded_outwards(start, length, first, days):
    end = start + length
    kept = {"minutes": first, "hours": max(first - days * DAY, 0)}
    found = cover(start, end, kept)
    for run in found:
        assert run.minutes.start >= kept.get(run.step.name, 0)
    assert all(one[1] <= next_one[0] for one, next_one in pairwise(pieces(found)))
    if length:
        edges = pieces(found)
        assert start - DAY < edges[0][0] <= start
        assert end <= edges[-1][1] < end + DAY


@given(minutes, lengths, st.integers(0, 400).map(lambda days: days * DAY))
def test_a_chart_has_at_most_so_many_points_and_shows_the_end(start, length, first):
    kept = {"minutes": first, "hours": max(first - 92 * DAY, 0)}
    at = points(start, start + length, kept)
    assert 1 <= len(at) <= MOST_POINTS
    assert at.stop - at.step <= start + length <= at.stop or length == 0
    assert at.start <= start + at.step
    assert all(point % at.step == 0 for point in at)
    assert start >= kept.get(source(at.step).name, 0)


@given(minutes, lengths, st.integers(0, 400).map(lambda days: days * DAY))
def test_parts_follow_each_other_and_are_counted_exactly(start, length, first):
    kept = {"minutes": first, "hours": max(first - 92 * DAY, 0)}
    found = parts(start, start + length, kept, 8)
    assert len(found) == 8
    assert all(one[1] == following[0] for one, following in pairwise(found))
    assert found[0][0] <= start
    assert start + length <= found[-1][1]
    for part in found:
        edges = pieces(cover(*part, kept))
        assert edges == pieces(cover(*part, {}))
    if length >= 16 * DAY:
        middle = found[4][0] - found[0][0]
        assert length / 2 - 2 * DAY < middle < length / 2 + 2 * DAY


def test_parts_of_a_month_are_few_counts():
    now = 1000 * DAY + 617
    assert sum(len(pieces(cover(*part, {}))) for part in parts(now - 30 * DAY, now, {}, 8)) <= 200
    assert [b - a for a, b in parts(now - HOUR, now, {}, 8)] == [7, 8] * 4


def test_charts_of_usual_periods():
    usual = {
        HOUR: 1,
        2 * HOUR: 1,
        DAY: 15,
        7 * DAY: 2 * HOUR,
        14 * DAY: 3 * HOUR,
        30 * DAY: DAY,
        365 * DAY: 7 * DAY,
    }
    now = 1000 * DAY + 617
    assert {length: points(now - length, now, {}).step for length in usual} == usual


def test_minutes_and_hours_are_kept_for_a_while_and_days_for_ever():
    newest = 1000 * DAY + 617
    assert [first_kept(step, newest) // DAY for step in STEPS] == [992, 900, 0]
    assert [first_kept(step, 5) for step in STEPS] == [0, 0, 0]
