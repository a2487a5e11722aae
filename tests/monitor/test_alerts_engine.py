"""The engine: what fires, when, and how often; by hand and for any course of events."""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
from alerts_rig import rule
from hypothesis import given
from hypothesis import strategies as st

from safety.monitor.alerts.conditions import WHOLE, Reading
from safety.monitor.alerts.engine import (
    MOST_FIRING,
    MOST_STANDING,
    NOTHING,
    UNWATCHED,
    holding,
    pending,
    step,
)
from safety.monitor.alerts.rules import Bound, Measure
from safety.monitor.alerts.state import decoded, encoded

RULE = rule(hold=60, cooldown=600)
NEW = rule(measure=Measure.FIRST_HIT, bound=Bound("at_least", 1), of="rule", cooldown=100)


def run(rules, looks):
    """``looks``: time and readings. What was sent, per look."""
    state, sent = NOTHING, []
    for now, readings in looks:
        state, alerts = step(rules, state, readings, now)
        sent.append([(one.status, one.subject, one.id) for one in alerts])
    return state, sent


def course(rule_, values):
    """One subject's values by time (``None``: nothing could be read): statuses per look."""
    looks = [(now, {} if value is None else {rule_.id: Reading({WHOLE: value})}) for now, value in values]
    return [[status for status, _, _ in sent] for sent in run([rule_], looks)[1]]


def test_it_fires_after_it_held_for_long_enough_and_resolves():
    told = course(RULE, [(0, 11), (30, 12), (59, 11), (60, 11), (75, 11), (90, 10), (105, 3)])
    assert told == [[], [], [], ["firing"], [], ["resolved"], []]


def test_a_break_begins_the_hold_anew():
    assert course(RULE, [(0, 11), (45, 9), (50, 11), (100, 11), (110, 11)]) == [[], [], [], [], ["firing"]]


def test_what_could_not_be_read_is_a_break_but_resolves_nothing():
    assert course(RULE, [(0, 11), (45, None), (60, 11), (120, 11)]) == [[], [], [], ["firing"]]
    assert course(RULE, [(0, 11), (60, 11), (75, None), (90, 11), (99, 1)]) == [
        [],
        ["firing"],
        [],
        [],
        ["resolved"],
    ]


def test_a_long_pause_between_looks_is_a_break():
    assert course(RULE, [(0, 11), (UNWATCHED, 11)]) == [[], ["firing"]]
    late = UNWATCHED + 1
    assert course(RULE, [(0, 11), (late, 11), (late + 60, 11)]) == [[], [], ["firing"]]


def test_it_stays_silent_for_the_cooldown():
    quick = replace(RULE, hold=0)
    looks = [(0, 11), (15, 1), (30, 11), (599, 11), (600, 11), (615, 1)]
    assert course(quick, looks) == [["firing"], ["resolved"], [], [], ["firing"], ["resolved"]]


def test_while_it_holds_it_is_told_once():
    quick = replace(RULE, hold=0)
    told = course(quick, [(at, 11) for at in range(0, 5000, 15)])
    assert [status for look in told for status in look] == ["firing"]


def test_too_little_to_judge_does_not_hold():
    state, sent = run([rule()], [(0, {"r": Reading({WHOLE: 11.0})}), (15, {"r": Reading({WHOLE: None})})])
    assert [one[0][0] for one in sent] == ["firing", "resolved"]
    assert not state.firing


def test_the_end_has_the_id_of_the_beginning_and_the_next_firing_another():
    quick = rule(cooldown=0)
    _, sent = run([quick], [(at, {"r": Reading({WHOLE: value})}) for at, value in ((0, 11), (0, 1), (0, 11))])
    ids = [one[0][2] for one in sent]
    assert ids[0] == ids[1] != ids[2]


def test_each_subject_stands_by_itself():
    readings = [{"acme": 11.0, "b": 3.0}, {"acme": 12.0, "b": 11.0}, {"b": 11.0}]
    _, sent = run([rule(each=True)], [(i * 15, {"r": Reading(one)}) for i, one in enumerate(readings)])
    assert [[(status, name) for status, name, _ in one] for one in sent] == [
        [("firing", "acme")],
        [("firing", "b")],
        [("resolved", "acme")],
    ]


def test_made_up_names_do_not_flood():
    many = {f"tenant{n:04}": 100.0 + n for n in range(1000)}
    state, sent = run([rule(each=True)], [(0, {"r": Reading(many)}), (15, {"r": Reading(many)})])
    assert [len(one) for one in sent] == [MOST_FIRING, 0]
    assert sent[0][0][1] == "tenant0999"  # the most extreme come first
    assert len(state.standings) == MOST_STANDING


def test_there_is_room_again_when_one_is_resolved():
    many = {f"t{n:04}": 100.0 for n in range(MOST_FIRING + 1)}
    few = {name: value for name, value in many.items() if name != "t0000"}
    _, sent = run([rule(each=True)], [(0, {"r": Reading(many)}), (15, {"r": Reading(few)})])
    assert {(status, name) for status, name, _ in sent[1]} == {
        ("resolved", "t0000"),
        ("firing", f"t{MOST_FIRING:04}"),
    }


def test_what_fires_is_resolved_when_its_rule_is_taken_out():
    state, _ = step([rule()], NOTHING, {"r": Reading({WHOLE: 11.0})}, 0)
    state, alerts = step([], state, {}, 15)
    assert [(one.status, one.to) for one in alerts] == [("resolved", ("ops",))]
    assert "taken out" in alerts[0].said
    assert step([], state, {}, 30)[1] == ()


def names(*given, before=()):
    return {"r": Reading(dict.fromkeys(given, 1.0), before=frozenset(before))}


def test_new_names_are_told_once_together_and_never_resolved():
    looks = [
        (0, names("a", "b", before="a")),
        (15, names("a", "b")),
        (30, names()),
        (45, names("c")),
        (60, names("d")),
        (100, names("c", "d", "b")),
        (900, names("a", "b", "c", "d")),
    ]
    _, sent = run([NEW], looks)
    assert [[(status, subject) for status, subject, _ in one] for one in sent] == [
        [("firing", "b")],
        [],
        [],
        [],
        [],
        [("firing", "c, d")],
        [],
    ]


def test_a_look_that_could_not_be_made_forgets_no_names():
    state, _ = run([NEW], [(0, names("a", before="a")), (15, {}), (30, names("a"))])
    assert state.known["r"].names == {"a"}
    state, _ = run([NEW], [(0, names("a", before="a")), (15, {})])
    assert state.looked == {"r": 0}  # the next look begins where the last one ended


def test_a_clock_that_was_set_back_silences_nothing_for_longer_than_the_cooldown():
    quick = replace(RULE, hold=0)
    looks = [(10_000, 11), (10_015, 1), (100, 11), (699, 11), (701, 11)]
    assert course(quick, looks) == [["firing"], ["resolved"], [], [], ["firing"]]


def test_pending_and_holding_are_told():
    state, _ = step([RULE], NOTHING, {"r": Reading({WHOLE: 11.0})}, 5)
    assert list(pending(state)) == [("r", WHOLE, 5)]
    assert holding(RULE, Reading({WHOLE: 11.0})) == ["count of events over 5 min is 11 (above 10)"]
    assert holding(RULE, Reading({WHOLE: 10.0})) == []
    assert holding(RULE, Reading({"a": 12.0, "b": 99.0}))[0].startswith("b: ")
    assert holding(NEW, names("a", "b", before="a")["r"]) == ["rule seen for the first time: b"]


@pytest.mark.parametrize(
    ("how", "holds"), [("above", [9]), ("at_least", [5, 9]), ("below", [1]), ("at_most", [1, 5])]
)
def test_the_comparisons(how, holds):
    assert [value for value in (1, 5, 9) if Bound(how, 5).holds(value)] == holds


# --- any course of events -----------------------------------------------------------------------------------

SUBJECTS = [WHOLE, "a", "b"]
value = st.none() | st.sampled_from([1.0, 11.0])
reading = st.dictionaries(st.sampled_from(SUBJECTS), value, max_size=3)
looks = st.lists(st.tuples(st.integers(0, 200), st.none() | reading, st.booleans()), min_size=1, max_size=60)
lengths = st.sampled_from([0, 15, 60, 200, 900])


@given(looks, lengths, lengths)
def test_any_course(given_looks, hold, cooldown):
    one = rule(hold=hold, cooldown=cooldown, each=True)
    state, now = NOTHING, 0
    history = defaultdict(list)  # subject: (time, whether it held and could be read)
    fired, firing, ids = defaultdict(list), {}, set()
    for pause, values, restart in given_looks:
        now += pause
        if restart:  # what is written down and read again makes no difference
            again, _ = decoded(encoded(state, ()), Path("state"))
            assert again == state
            state = again
        for subject in SUBJECTS:
            held = values is not None and values.get(subject) == 11.0
            history[subject].append((now, held))
        state, alerts = step([one], state, {} if values is None else {"r": Reading(values)}, now)
        for told in alerts:
            if told.status == "resolved":
                assert values is not None
                assert not history[told.subject][-1][1]
                assert firing.pop(told.subject) == told.id
                continue
            assert told.subject not in firing
            assert told.id not in ids
            firing[told.subject] = told.id
            ids.add(told.id)
            assert held_for(history[told.subject]) >= hold
            assert all(now - before >= cooldown for before in fired[told.subject][-1:])
            fired[told.subject].append(now)
        assert {alert.subject for alert in state.firing} == firing.keys()
        if values is not None:  # what fires holds
            assert all(history[subject][-1][1] for subject in firing)


def held_for(history):
    """How long it has held without a break."""
    since = history[-1][0]
    for at, held in reversed(history):
        if not held:
            break
        since = at
    return history[-1][0] - since


@given(st.lists(st.tuples(st.integers(0, 300), st.booleans()), min_size=1, max_size=80))
def test_nothing_that_goes_on_holding_is_forgotten(given_looks):
    """Whatever came before: after the hold and the cooldown of looks that hold, it fires."""
    one = rule(hold=60, cooldown=300)
    state, now = NOTHING, 0
    for pause, held in given_looks:
        now += pause
        state, _ = step([one], state, {"r": Reading({WHOLE: 11.0 if held else 1.0})}, now)
    for later in range(0, 361, 15):
        state, _ = step([one], state, {"r": Reading({WHOLE: 11.0})}, now + later)
    assert [alert.rule for alert in state.firing] == ["r"]


@given(
    st.lists(st.tuples(st.integers(0, 90), st.sets(st.sampled_from("abcdef"))), min_size=1, max_size=40),
    st.sets(st.sampled_from("abcdef")),
)
def test_every_new_name_is_told_exactly_once(given_looks, before):
    state, now, told, seen = NOTHING, 0, [], set()
    for pause, found in given_looks:
        now += pause
        seen |= found
        state, alerts = step([NEW], state, names(*seen, before=before), now)
        told += [name for alert in alerts for name in alert.subject.split(", ")]
        assert all(alert.status == "firing" for alert in alerts)
    state, alerts = step([NEW], state, names(*seen, before=before), now + 100)
    told += [name for alert in alerts for name in alert.subject.split(", ")]
    assert sorted(told) == sorted(seen - before)
