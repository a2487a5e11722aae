import math
import random
from bisect import bisect_left
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from counted import AT, MINUTE, empty_store, event, gap, hit, run, write
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.errors import StoreError
from safety.monitor.buckets import ADDED_MS, DETECTOR_MS, bucket, percentiles
from safety.monitor.dimensions import minute_of, tally
from safety.monitor.figures import Figures, Now
from safety.monitor.folding import REST
from safety.monitor.scores import SLICES, Conduct, row
from safety.monitor.tallies import Tallies
from safety.types import Action, Ran, Stage

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = AT.replace(second=0, microsecond=0)


@pytest.fixture(params=["sqlite", "postgres"])
def store(request, tmp_path):
    with empty_store(request.param, tmp_path) as found:
        yield found


class Counted:
    """A record with ``entries``, counted, and its figures."""

    def __init__(self, store, entries):
        write(store, entries)
        tallies = Tallies(store)
        while tallies.advance():
            pass
        tallies.close()
        self.figures = Figures(store)

    def __enter__(self):
        return self.figures

    def __exit__(self, *_):
        self.figures.close()


# --- percentiles --------------------------------------------------------------------------------------------


@given(
    st.lists(st.floats(0, 200_000), min_size=1, max_size=60),
    st.floats(0, 1),
    st.sampled_from([ADDED_MS, DETECTOR_MS]),
)
def test_a_percentile_lies_in_the_bucket_of_the_exact_one(values, q, bounds):
    (found,) = percentiles(bounds, Counter(bucket(bounds, value) for value in values), (q,))
    exact = sorted(values)[max(math.ceil(q * len(values)) - 1, 0)]
    at = bisect_left(bounds, exact)
    assert (bounds[at - 1] if at else 0.0) <= found <= bounds[min(at, len(bounds) - 1)]


@given(st.lists(st.floats(0, 200_000), min_size=1, max_size=60))
def test_percentiles_rise(values):
    found = percentiles(ADDED_MS, Counter(bucket(ADDED_MS, value) for value in values), (0, 0.1, 0.5, 0.9, 1))
    assert found == sorted(found)


def test_bounds():
    assert ADDED_MS[:4] == (0.01, 0.012, 0.015, 0.018)
    assert ADDED_MS[-1] == 100_000
    assert all(1.15 < high / low < 1.3 for low, high in pairwise(ADDED_MS))
    assert [bucket(DETECTOR_MS, value) for value in (0, 1, 1.001, 99_999, 1e9)] == [
        *("0.01", "1", "2.2", "100000", "inf")
    ]
    assert percentiles(ADDED_MS, {"inf": 3}, (0.5,)) == [100_000]
    assert percentiles(ADDED_MS, {}, (0.5, 0.9)) == [None, None]


# --- scores -------------------------------------------------------------------------------------------------

counts = st.lists(st.integers(0, 1000), min_size=SLICES, max_size=SLICES)
conducts = st.builds(
    Conduct, counts, st.dictionaries(st.sampled_from(["annotate", "redact", "block"]), counts)
)


def conduct(events, blocked, action="block"):
    return Conduct(list(events), {action: list(blocked)})


def score(events, blocked, action="block"):
    return row("u", conduct(events, blocked, action)).score


@given(conducts)
def test_scores_are_bounded(one):
    found = row("u", one)
    assert 0 <= found.score < 1
    assert -1 < found.trend < 1
    assert (found.score > 0) == (found.violations > 0)


@given(counts, counts, st.integers(0, SLICES - 1))
def test_one_violation_more_scores_higher(clean, bad, at):
    more = [count + (slot == at) for slot, count in enumerate(bad)]
    total = [a + b + 1 for a, b in zip(clean, bad, strict=True)]
    assert score(total, more) > score(total, bad)


def test_what_scores_mean():
    always, once = [10] * SLICES, [0] * (SLICES - 1) + [1]
    assert score(once, once) < 0.2, "one bad event is no 1"
    assert score(always, always) > 0.85
    assert score(always, always, "annotate") < score(always, always, "redact") < score(always, always)
    early, late = [5] + [0] * (SLICES - 1), [0] * (SLICES - 1) + [5]
    assert score(always, early) < score(always, late)
    assert row("u", conduct(always, early)).trend < 0 < row("u", conduct(always, late)).trend
    assert row("u", conduct(always, [2] * SLICES)).trend == 0


# --- what a record says -------------------------------------------------------------------------------------


def test_now(store):
    entries = [
        *[event(AT - 10 * MINUTE, Action.BLOCK)] * 5,  # too long ago
        *[event(AT - 4 * MINUTE, ms=10)] * 6,
        *[event(AT, Action.BLOCK, ms=10)] * 3,
        event(AT, stage=Stage.OUTPUT, ms=99, ran=[run("harm", ran=Ran.LATE), run("pii", ran=Ran.FAILED)]),
        event(AT, stage=Stage.OUTPUT, ms=10, ran=[run("harm", ran=Ran.SKIPPED)]),
    ]
    with Counted(store, entries) as figures:
        write(store, [gap(4), gap(50, "sampled: too fast")])
        found = figures.now(AT + timedelta(seconds=10))
        assert found.lost == 0
        assert 9 < found.behind_seconds < 11
        tallies = Tallies(store)
        tallies.advance()
        tallies.close()
        found = figures.now(AT)
    assert found == Now(
        requests_per_second=3 / 90,
        events=11,
        block_share=3 / 11,
        p50_ms=found.p50_ms,
        p99_ms=found.p99_ms,
        not_run={"harm": 2, "pii": 1},
        lost=4,
        behind_seconds=0.0,
    )
    assert 8.2 < found.p50_ms <= 10 < 82 < found.p99_ms <= 100


def test_nothing_yet(store):
    with Counted(store, []) as figures:
        assert figures.now(AT) == Now(0.0, 0, 0.0, None, None, {}, 0, 0.0)
        assert figures.latest_minute() is None
        assert figures.top("user", AT - DAY, AT) == []
        assert figures.users(AT - DAY, AT) == []
        assert figures.percentiles("added_ms", AT - DAY, AT) == [None] * 3
        found = figures.series("action", AT - HOUR, AT)
        assert (found.step_seconds, len(found.starts), found.counts) == (60, 61, {})
        assert figures.series("action", AT - HOUR, AT, names=["block"]).counts == {"block": [0] * 61}


def test_a_series_by_the_minute(store):
    entries = [event(START, Action.BLOCK), event(START + MINUTE), event(START + MINUTE, Action.BLOCK)]
    with Counted(store, [*entries, event(START + 3 * MINUTE)]) as figures:
        found = figures.series("action", START, START + 3 * MINUTE)
        assert found.starts == [START, START + MINUTE, START + 2 * MINUTE]
        assert found.counts == {"block": [1, 1, 0], "allow": [0, 1, 0]}
        assert figures.series("action", START, START + 3 * MINUTE, most=1).counts == {
            "block": [1, 1, 0],
            REST: [0, 1, 0],
        }
        assert list(figures.series("action", START, START + HOUR, names=["x", "allow"]).counts) == [
            "x",
            "allow",
        ]
        assert figures.latest_minute() == START + 3 * MINUTE


def test_what_was_allowed_is_what_the_other_actions_leave(store):
    entries = [event(tenant="a")] * 5 + [event(action=Action.BLOCK, tenant="a")] * 2
    entries += [event(action=Action.REDACT, tenant="b"), event(AT + 2 * MINUTE, tenant="b")]
    with Counted(store, entries) as figures:
        period = START, START + 3 * MINUTE
        assert dict(figures.top("tenant+action", *period)) == {
            "a|allow": 5,
            "a|block": 2,
            "b|redact": 1,
            "b|allow": 1,
        }
        assert figures.series("tenant+action", *period, names=["b|allow", "a|block", "c|allow"]).counts == {
            "b|allow": [0, 0, 1],
            "a|block": [2, 0, 0],
            "c|allow": [0, 0, 0],
        }
        assert figures.series("tenant+action", *period, most=2).counts == {
            "a|allow": [5, 0, 0],
            "a|block": [2, 0, 0],
            REST: [1, 0, 1],
        }


def test_percentiles_of_one_detector(store):
    slow, quick = run("harm@2", 80), run("pii@1", 0.5)
    with Counted(store, [event(ran=[quick, slow])] * 3 + [event(ran=[quick])] * 9) as figures:
        (pii,) = figures.percentiles("detector_ms", START, START + HOUR, "pii", (0.5,))
        (harm,) = figures.percentiles("detector_ms", START, START + HOUR, "harm", (0.5,))
        either = figures.percentiles("detector_ms", START, START + HOUR, qs=(0.5, 0.99))
        assert figures.percentiles("detector_ms", START, START + HOUR, "none") == [None] * 3
        with pytest.raises(ValueError, match="one of added_ms, detector_ms"):
            figures.percentiles("tenant", START, START + HOUR)
    assert 0.47 <= pii <= 1 < 47 <= harm <= 100
    assert either[0] <= 1 < 47 <= either[1]


def test_users(store):
    entries = [event(AT + n * MINUTE, user="clean") for n in range(50)]
    entries += [
        event(AT + n * MINUTE, Action.BLOCK if n > 30 else Action.ALLOW, user="worse") for n in range(50)
    ]
    entries += [
        event(AT + n * MINUTE, Action.BLOCK if n < 20 else Action.ALLOW, user="better") for n in range(50)
    ]
    entries += [event(AT, would=Action.BLOCK, user="monitored"), event(AT)]
    with Counted(store, entries) as figures:
        found = figures.users(START, START + HOUR)
        assert figures.users(START, START + HOUR, 1) == found[:1]
        assert figures.users(START + DAY, START + 2 * DAY) == []
    assert [one.key for one in found] == ["worse", "better", "monitored", "clean"]
    rows = {one.key: one for one in found}
    assert (rows["worse"].events, rows["worse"].violations) == (50, 19)
    assert rows["worse"].trend > 0 > rows["better"].trend
    assert (rows["monitored"].events, rows["monitored"].violations) == (1, 1)
    assert (rows["clean"].violations, rows["clean"].score, rows["clean"].trend) == (0, 0.0, 0.0)


def test_old_minutes_are_answered_from_hours(store):
    late = AT + timedelta(days=20)
    entries = [event(AT), event(AT + 10 * MINUTE), event(late)]
    with Counted(store, entries) as figures:
        assert figures.top("events", START, START + MINUTE) == [("", 2)], "to the hour"
        found = figures.series("events", START, START + 30 * MINUTE)
        assert (found.step_seconds, found.counts) == (3600, {"": [2]})
        assert figures.top("events", START, late + MINUTE) == [("", 3)]


def test_a_year(store):
    entries = [event(START + n * timedelta(days=15), tenant="a") for n in range(25)]
    with Counted(store, entries) as figures:
        found = figures.series("tenant", START, START + 365 * DAY)
        assert len(found.starts) <= 120
        assert sum(found.counts["a"]) == 25
        assert figures.top("tenant", START, START + 365 * DAY) == [("a", 25)]


@pytest.mark.parametrize("at", [datetime(2026, 3, 2), AT.replace(tzinfo=None)])
def test_a_time_without_a_zone_is_refused(tmp_path, at):
    with (
        Counted(tmp_path / "events.sqlite", []) as figures,
        pytest.raises(ValueError, match="without a zone"),
    ):
        figures.top("user", at, AT)


def test_a_record_that_is_not_there(tmp_path):
    with pytest.raises(StoreError):
        Figures(tmp_path / "events.sqlite")


def test_a_record_that_goes_away(tmp_path):
    path = tmp_path / "events.sqlite"
    with Counted(path, [event()]) as figures:
        path.unlink()
        with pytest.raises(StoreError):
            figures.top("user", AT, AT + HOUR)


# --- against adding up by hand ------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def many(request, tmp_path_factory):
    """Three days of any events, and their figures."""
    chance = random.Random(8)
    entries = []
    for _ in range(600):
        hits = [hit(chance.choice(["pii.EMAIL", "harm.hate"]), severity=chance.randint(0, 7))]
        entries.append(
            event(
                START + timedelta(seconds=chance.randrange(3 * 86_400)),
                chance.choice(list(Action)),
                hits=hits if chance.random() < 0.5 else (),
                stage=chance.choice(list(Stage)),
                ms=chance.lognormvariate(1, 2),
                tenant=chance.choice("abc"),
                user=f"u{chance.randrange(12)}",
            )
        )
    with (
        empty_store(request.param, tmp_path_factory.mktemp("many")) as store,
        Counted(store, entries) as figures,
    ):
        yield entries, figures


def by_hand(entries, of, first, last):
    """Names and counts of the minutes from ``first`` up to ``last``."""
    found = Counter()
    for one in entries:
        if first <= minute_of(one.at) < last:
            if of == "tenant+action":
                found[f"{one.labels['tenant']}|{one.action}"] += 1
            else:
                found.update({name: n for kind, name, n in tally(one) if kind == of})
    return found


periods = st.tuples(st.integers(-600, 3 * 86_400), st.integers(1, 600) | st.integers(1, 3 * 86_400))
dimensions = st.sampled_from(
    ["action", "tenant", "tenant+action", "user", "category", "added_ms", "severity"]
)


@given(period=periods, of=dimensions)
@settings(max_examples=25)
def test_any_period_adds_up(many, period, of):
    entries, figures = many
    since = START + timedelta(seconds=period[0])
    until = since + timedelta(seconds=period[1])
    first, last = int(since.timestamp() // 60), int(-(-until.timestamp() // 60))
    assert dict(figures.top(of, since, until, 1000)) == by_hand(entries, of, first, last)
    found = figures.series(of, since, until, most=1000)
    for at, start in enumerate(found.starts):
        minute = int(start.timestamp() // 60)
        expected = by_hand(entries, of, minute, minute + found.step_seconds // 60)
        assert {name: line[at] for name, line in found.counts.items() if line[at]} == expected


@given(period=periods)
@settings(max_examples=10)
def test_the_rest_is_what_is_not_shown(many, period):
    _, figures = many
    since = START + timedelta(seconds=period[0])
    until = since + timedelta(seconds=period[1])
    for of in ("user", "tenant+action"):
        every = figures.series(of, since, until, most=1000).counts
        few = figures.series(of, since, until, most=2).counts
        rest = few.pop(REST, None)
        assert len(few) == min(len(every), 2)
        assert {name: every[name] for name in few} == few
        left = [line for name, line in every.items() if name not in few]
        assert rest == ([sum(column) for column in zip(*left, strict=True)] if left else None)
