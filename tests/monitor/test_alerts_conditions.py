"""What conditions read: from counts by hand, and from a record through the real counts."""

from datetime import UTC, datetime, timedelta

import pytest
from alerts_rig import NOW, Counts, User, rule

from safety.errors import StoreError
from safety.events.entry import DetectorRun, Event, Gap, RuleHit, timestamp
from safety.events.log import EventLog
from safety.events.store import write_once
from safety.monitor.alerts.conditions import EVER, WHOLE, Reading, blind, read
from safety.monitor.alerts.engine import holding
from safety.monitor.alerts.file import alerts_from_text
from safety.monitor.alerts.rules import Bound, Measure
from safety.monitor.figures import Figures
from safety.monitor.folding import REST
from safety.monitor.tallies import Tallies
from safety.types import Action, Ran, Stage


def values(rule_, counts, looked=None):
    return read([rule_], counts, NOW, looked)["r"].values


ROWS = [
    (1, "events", "", 60),
    (4, "events", "", 40),
    (7, "events", "", 900),
    (1, "action", "block", 6),
    (4, "action", "block", 4),
    (1, "action", "allow", 90),
    (1, "tenant", "acme", 80),
    (1, "tenant", "b", 10),
    (1, "tenant", REST, 10),
    (1, "tenant+action", "acme|block", 8),
    (1, "tenant+action", "acme|allow", 72),
    (1, "tenant+action", "b|block", 5),
    (1, "tenant+action", f"{REST}|block", 9),
    (1, "policy", "default@1", 3),
    (1, "policy", "default@2", 4),
    (1, "policy", "default2@2", 5),
    (1, "policy+action", "default@1|block", 2),
    (1, "policy+action", "default@2|block", 1),
    (1, "failed", "pii", 3),
    (1, "failed", "harm", 1),
    (1, "lost", "lost", 7),
    (1, "lost", "unreadable", 1),
    (1, "lost", "sampled", 500),
    (1, "added_ms", "10", 30),
    (1, "detector_ms", "pii|10", 4),
    (1, "detector_ms", "harm|10", 40),
]

READ = [
    ({"measure": Measure.COUNT}, {WHOLE: 100}),
    ({"measure": Measure.COUNT, "over": 600}, {WHOLE: 1000}),
    ({"measure": Measure.COUNT, "of": "action", "name": "block"}, {WHOLE: 10}),
    ({"measure": Measure.COUNT, "of": "action", "name": "redact"}, {WHOLE: 0}),
    ({"measure": Measure.COUNT, "of": "tenant", "each": True}, {"acme": 80, "b": 10}),
    (
        {"measure": Measure.COUNT, "of": "tenant+action", "name": "block", "each": True},
        {"acme": 8, "b": 5},
    ),
    ({"measure": Measure.COUNT, "of": "tenant+action", "name": "acme|block"}, {WHOLE: 8}),
    ({"measure": Measure.COUNT, "of": "policy", "name": "default"}, {WHOLE: 7}),
    ({"measure": Measure.COUNT, "of": "policy", "name": "default@2"}, {WHOLE: 4}),
    ({"measure": Measure.COUNT, "of": "policy+action", "name": "default|block"}, {WHOLE: 3}),
    ({"measure": Measure.RATE, "of": "action", "name": "block", "over": 270}, {WHOLE: 10 / 4.5}),
    ({"measure": Measure.SHARE, "of": "action", "name": "block"}, {WHOLE: 0.1}),
    ({"measure": Measure.SHARE, "of": "action", "name": "block", "least": 101}, {WHOLE: None}),
    ({"measure": Measure.SHARE, "of": "tenant+action", "name": "acme|block"}, {WHOLE: 0.1}),
    (
        {"measure": Measure.SHARE, "of": "tenant+action", "name": "block", "each": True, "least": 20},
        {"acme": 0.1, "b": None},
    ),
    ({"measure": Measure.SHARE, "of": "policy+action", "name": "default|block"}, {WHOLE: 3 / 7}),
    ({"measure": Measure.LATENCY, "of": "added_ms", "least": 30, "quantile": 0.99}, {WHOLE: 77.0}),
    ({"measure": Measure.LATENCY, "of": "added_ms", "least": 31, "quantile": 0.99}, {WHOLE: None}),
    ({"measure": Measure.LATENCY, "of": "detector_ms", "name": "pii", "least": 5}, {WHOLE: None}),
    ({"measure": Measure.LATENCY, "of": "detector_ms", "name": "harm", "least": 5}, {WHOLE: 77.0}),
    ({"measure": Measure.NOT_RUN, "of": "failed"}, {WHOLE: 4}),
    ({"measure": Measure.NOT_RUN, "of": "failed", "each": True}, {"pii": 3, "harm": 1}),
    ({"measure": Measure.USER_SCORE, "of": "user"}, {"u1": 0.9, "u2": 0.1}),
    ({"measure": Measure.LOST, "of": "lost"}, {WHOLE: 8}),
    ({"measure": Measure.ABSENCE}, {WHOLE: 100}),
    ({"measure": Measure.BEHIND}, {WHOLE: 3.0}),
]


@pytest.mark.parametrize(("when", "wanted"), READ, ids=[str(when) for when, _ in READ])
def test_what_is_read(when, wanted):
    counts = Counts(ROWS, [User("u1", 0.9), User("u2", 0.1)], ms=77.0, behind=3.0)
    assert values(rule(**when), counts) == pytest.approx(wanted)


def test_no_traffic_is_no_share_and_no_latency():
    for measure in (Measure.SHARE, Measure.LATENCY):
        assert values(rule(measure=measure, of="action", name="block"), Counts()) == {WHOLE: None}


AT_MOST_NONE = Bound("at_most", 0)


def test_what_is_missing_is_not_known_while_the_counts_are_behind():
    silence = rule(measure=Measure.ABSENCE, bound=AT_MOST_NONE)
    assert holding(silence, read([silence], Counts(), NOW)["r"]) == ["no events in 5 min"]
    assert read([silence], Counts(behind=0.5), NOW) == {}
    for named in (
        rule(measure=Measure.ABSENCE, bound=AT_MOST_NONE, of="tenant", name="acme"),
        rule(measure=Measure.RATE, bound=Bound("below", 5), of="tenant", name="acme"),
    ):
        assert holding(named, read([named], Counts(behind=60), NOW)["r"])
        assert read([named], Counts(behind=61), NOW) == {}
    assert read([rule()], Counts(behind=61), NOW)
    assert read([rule(measure=Measure.BEHIND, bound=Bound("below", 5))], Counts(behind=61), NOW)


def test_first_hits_at_the_first_look_are_those_within_the_window():
    new = rule(measure=Measure.FIRST_HIT, of="rule", bound=Bound("at_least", 1), over=3600)
    rows = [(60 * 24, "rule", "old", 1), (5, "rule", "old", 1), (5, "rule", "new", 2), (5, "rule", REST, 2)]
    counts = Counts(rows)
    reading = read([new], counts, NOW)["r"]
    assert reading.values == {"old": 1, "new": 2}
    assert reading.before == {"old"}
    assert min(since for _, since in counts.asked) == NOW - EVER


def test_later_looks_begin_before_the_last_one():
    new = rule(measure=Measure.FIRST_HIT, of="rule", bound=Bound("at_least", 1), over=300)
    counts = Counts([(100, "rule", "missed", 1)])
    assert values(new, counts, {"r": NOW.timestamp() - 6000}) == {"missed": 1}
    assert values(new, counts, {"r": NOW.timestamp() - 5000}) == {}
    assert values(new, counts, {"r": NOW.timestamp() - 10}) == {}


def test_nothing_is_asked_twice():
    counts = Counts(ROWS)
    read([rule(f"r{n}", of="action", name=name) for n, name in enumerate(("block", "allow"))], counts, NOW)
    assert len(counts.asked) == 1


def test_what_cannot_be_read_is_said_by_the_caller():
    with pytest.raises(StoreError):
        read([rule()], Counts(broken="disk"), NOW)


def test_blindness_is_absence_once_it_lasts_as_long_as_the_window():
    silence = rule(measure=Measure.ABSENCE, bound=AT_MOST_NONE, over=300)
    assert blind([silence, rule("other")], 1299, 1000) == {}
    assert blind([silence, rule("other")], 1300, 1000) == {"r": Reading({WHOLE: 0.0})}


# --- through the real record --------------------------------------------------------------------------------


def event(n, at, action=Action.ALLOW, tenant="acme", failed=False):
    hits = ()
    if action is not Action.ALLOW:
        hits = (RuleHit("no_pii", action, True, None, "pii", "pii.EMAIL", 1.0, None, "x"),)
    ran = (DetectorRun("pii@1", Ran.FAILED if failed else Ran.OK, 2.0),)
    return Event(
        f"e{n}.input",
        f"e{n}",
        Stage.INPUT,
        timestamp(at),
        "default@1",
        action,
        action,
        not failed,
        0.02,
        {"tenant": tenant, "user": f"u{n % 2}"},
        ran,
        hits,
        0,
        ("no_pii",) if hits else (),
        ("pii.EMAIL",) if hits else (),
    )


FILE = """
version: 1
destinations: [{id: log, type: log}]
alerts:
  - {id: blocked, when: {measure: share, of: action, name: block, above: 0.2, least: 10, over: 10m}}
  - {id: tenant, when: {measure: share, of: tenant+action, name: block, each: true, above: 0.5, least: 5}}
  - {id: pii, when: {measure: rate, of: category, name: pii, above: 0.1}}
  - {id: slow, when: {measure: latency, above: 10, least: 10}}
  - {id: one_detector, when: {measure: latency, of: detector_ms, name: pii, above: 100, least: 10}}
  - {id: down, when: {measure: not_run, name: pii}}
  - {id: new, when: {measure: first_hit}}
  - {id: user, when: {measure: user_score, above: 0.3}}
  - {id: lost, when: {measure: lost}}
  - {id: silence, when: {measure: absence}}
  - {id: silent_tenant, when: {measure: absence, of: tenant, name: gone}}
  - {id: behind, when: {measure: behind, above: 60}}
"""


@pytest.fixture
def store(tmp_path):
    """40 events of the last minutes: half of tenant ``b`` and one more are blocked; one run failed."""
    path = str(tmp_path / "events.sqlite")
    now = datetime.now(UTC)
    with EventLog(path) as log:
        for n in range(40):
            tenant, at = ("acme", "b")[n % 2], now - timedelta(seconds=5 * (n % 20))
            action = (
                Action.BLOCK if (tenant == "b" and n % 4 != 1) or (n > 35 and tenant == "b") else Action.ALLOW
            )
            log.put(event(n, at, action, tenant, failed=n == 3))
    return path


def counted(store):
    tallies = Tallies(store)
    while tallies.advance():
        continue
    tallies.close()
    return Figures(store)


def test_the_real_counts_answer(store):
    rules = alerts_from_text(FILE).rules
    figures = counted(store)
    try:
        readings = read(rules, figures, datetime.now(UTC))
    finally:
        figures.close()
    held = {one.id: holding(one, readings[one.id]) for one in rules}
    assert {id for id, texts in held.items() if texts} == {
        "blocked",
        "tenant",
        "pii",
        "slow",
        "down",
        "new",
        "user",
        "silent_tenant",
    }
    assert len(held["tenant"]) == 1
    assert held["tenant"][0].startswith("b: share of tenant+action each block over 5 min is 5")
    assert held["new"] == ["rule seen for the first time: no_pii"]
    assert held["user"][0].startswith("u1: ")
    assert readings["blocked"].events == 40


def test_lost_events_in_the_real_counts(tmp_path):
    path = str(tmp_path / "events.sqlite")
    now = timestamp(datetime.now(UTC))
    write_once(path, Gap("g1", now, 12, now, now, "the disk is full"))
    (lost,) = [one for one in alerts_from_text(FILE).rules if one.id == "lost"]
    figures = counted(path)
    try:
        assert holding(lost, read([lost], figures, datetime.now(UTC))["lost"]) == [
            "events that could not be recorded over 5 min is 12 (above 0)"
        ]
    finally:
        figures.close()
