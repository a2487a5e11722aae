from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from safety.events.chain import follow_on, genesis, link, verify_chain


def chain(bodies, writer="w"):
    rows, last = [], genesis(writer)
    for n, body in enumerate(bodies, 1):
        last = follow_on(last, body, n)
        rows.append(last)
    return rows


BODIES = st.lists(st.text(), min_size=1, max_size=8)


@given(BODIES, BODIES, st.randoms())
def test_chains_hold_however_writers_interleave(one, two, random):
    queues = [chain(one, "a"), chain(two, "b")]
    rows = []
    while any(queues):
        rows.append(random.choice([q for q in queues if q]).pop(0))
    assert verify_chain(rows) is None


@given(BODIES, st.data())
def test_any_alteration_is_found_where_it_is(bodies, data):
    rows = chain(bodies)
    at = data.draw(st.integers(0, len(rows) - 1))
    changed = {
        "body": data.draw(st.text().filter(lambda body: body != rows[at].body)),
        "hash": link(rows[at].hash, 1, "x"),
        "n": rows[at].n + 1,
        "seq": rows[at].seq + 1,
        "writer": "other",
    }
    name = data.draw(st.sampled_from(sorted(changed)))
    altered = replace(rows[at], **{name: changed[name]})
    found = verify_chain([*rows[:at], altered, *rows[at + 1 :]])
    assert found is not None
    assert found.row == altered


@given(st.lists(st.text(), min_size=2, max_size=8), st.data())
def test_a_missing_row_is_found_at_the_next(bodies, data):
    rows = chain(bodies)
    at = data.draw(st.integers(0, len(rows) - 2))
    found = verify_chain([*rows[:at], *rows[at + 1 :]])
    assert found is not None
    assert found.row == rows[at + 1]
    assert f"row {at + 2} follows row {at}" in found.why


@given(st.lists(st.text(), min_size=2, max_size=8, unique=True), st.data())
def test_swapped_rows_are_found(bodies, data):
    rows = chain(bodies)
    at = data.draw(st.integers(0, len(rows) - 2))
    rows[at], rows[at + 1] = rows[at + 1], rows[at]
    found = verify_chain(rows)
    assert found is not None
    assert found.row == rows[at]


def test_an_alteration_with_its_own_hash_mended_is_found_at_the_next():
    rows = chain(["a", "b", "c"])
    rows[1] = follow_on(rows[0], "B", 2)
    found = verify_chain(rows)
    assert found is not None
    assert found.row == rows[2]
    assert found.why == "writer w: row 3 was altered"


def test_what_is_left_after_older_rows_went_begins_at_the_anchor():
    rows = chain(["a", "b", "c"])
    assert verify_chain(rows[1:], {"w": rows[0]}) is None
    assert verify_chain(rows[1:]) is not None
    assert verify_chain(rows[2:], {"w": rows[0]}) is not None
    assert verify_chain(rows[1:], {"w": replace(rows[0], hash=rows[1].hash)}) is not None
