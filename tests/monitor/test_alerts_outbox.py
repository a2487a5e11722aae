"""What is still to be delivered, for any answers in any order."""

from collections import defaultdict

from alerts_rig import alert
from hypothesis import given
from hypothesis import strategies as st

from safety.monitor.alerts.deliver import Answer
from safety.monitor.alerts.outbox import (
    LONGEST_PAUSE,
    MOST_AGE,
    MOST_ITEMS,
    MOST_TRIES,
    due,
    next_due,
    queued,
    settled,
)

OK, LATER, NEVER = Answer(True, "200"), Answer(False, "500", again=True), Answer(False, "404")


def test_once_per_destination():
    one = alert(to=("a", "b", "a"))
    items, dropped = queued((), [one, one], 0)
    assert [item.to for item in items] == ["a", "b"]
    assert not dropped
    assert queued(items, [one], 5)[0] == items


def test_the_end_waits_for_the_beginning():
    items, _ = queued((), [alert(), alert(status="resolved")], 0)
    assert [item.alert.status for item in due(items, 0)["ops"]] == ["firing"]
    items, ended, _ = settled(items, items[0], OK, 0)
    assert ended == "delivered"
    assert [item.alert.status for item in due(items, 0)["ops"]] == ["resolved"]


def test_pauses_grow_and_end():
    items, _ = queued((), [alert()], 0)
    now, pauses, ended = 0.0, [], "again"
    while ended == "again":
        (item,) = due(items, now)["ops"]
        items, ended, pause = settled(items, item, LATER, now)
        pauses.append(pause)
        assert not due(items, now + pause - 0.1)
        now += pause
    assert pauses == [10, 30, 90, 270, 810, 900, 900, 0]
    assert ended == "given up"
    assert not items


def test_what_makes_no_sense_is_not_tried_again():
    items, _ = queued((), [alert()], 0)
    assert settled(items, items[0], NEVER, 0)[:2] == ((), "given up")


def test_a_destination_that_asks_for_more_time_gets_it_within_bounds():
    items, _ = queued((), [alert()], 0)
    assert settled(items, items[0], Answer(False, "429", again=True, after=120), 0)[2] == 120
    assert settled(items, items[0], Answer(False, "429", again=True, after=99_999), 0)[2] == LONGEST_PAUSE


def test_all_else_for_a_destination_that_fails_waits_too_and_others_do_not():
    items, _ = queued((), [alert(), alert(id="c3", to=("ops", "mail"))], 0)
    items, _, _ = settled(items, items[0], LATER, 0)
    assert list(due(items, 0)) == ["mail"]
    assert [item.alert.id for item in due(items, 10)["ops"]] == ["a1b2", "c3"]
    assert next_due(items) == 0


def test_there_is_an_end_to_what_may_wait():
    items, dropped = queued((), [alert(id=str(n)) for n in range(MOST_ITEMS + 3)], 0)
    assert (len(items), len(dropped)) == (MOST_ITEMS, 3)


def test_a_clock_that_was_set_back_holds_nothing_up():
    items, _ = queued((), [alert()], 1_000_000)
    assert due(items, 10)


@given(
    st.lists(
        st.tuples(st.integers(0, 1200), st.booleans(), st.sampled_from([OK, LATER, LATER, LATER, NEVER])),
        max_size=80,
    )
)
def test_any_answers(steps):
    items, now = (), 0.0
    ended_of, tries, first = {}, defaultdict(int), {}
    for n, (pause, new, answer) in enumerate(steps):
        now += pause
        if new:
            items, _ = queued(
                items, [alert(id=f"i{n}", to=("a", "b")), alert(id=f"i{n}", status="resolved")], now
            )
        for waiting in due(items, now).values():
            for item in waiting:
                first.setdefault(item.key, now)
                tries[item.key] += 1
                assert item.key not in ended_of  # delivered or given up: never sent again
                if item.alert.status == "resolved":
                    begun = [k for k in ended_of if k[0] == item.alert.id and k[2] == item.to]
                    assert begun or item.to == "ops"
                items, ended, _ = settled(items, item, answer, now)
                if ended != "again":
                    ended_of[item.key] = ended
                else:
                    break
    assert all(count <= MOST_TRIES for count in tries.values())
    for item in items:
        assert item.due <= item.first + MOST_AGE + LONGEST_PAUSE + 1200
