import json

import pytest
from event_samples import AT, MAIL, hit_on, verdict, verdicts
from hypothesis import given
from hypothesis import strategies as st

from safety.errors import StoreError
from safety.events.entry import Gap
from safety.events.event import make_event, make_notice
from safety.events.keyed import value_hash
from safety.events.schema import REPEATED
from safety.events.seal import columns_of, parted, seal, seal_hash, storable, unseal

KEY = b"k" * 32


@given(verdicts(), st.booleans())
def test_any_event_comes_back_as_it_was(verdict, raw):
    event = make_event(verdict, at=AT, raw_excerpts=raw)
    sealed = seal(event, KEY)
    assert unseal(sealed.body, sealed.texts) == event
    assert sealed.body.isascii()
    assert parted(sealed.body)[0] == ("" if sealed.texts is None else seal_hash(sealed.salt, sealed.texts))


@given(verdicts(), st.booleans())
def test_what_can_be_erased_stands_nowhere_else(verdict, raw):
    event = make_event(verdict, at=AT, raw_excerpts=raw)
    sealed = seal(event, KEY)
    erased = unseal(sealed.body, None)
    assert erased.erased == (sealed.texts is not None)
    assert all(hit.excerpt == hit.detail == "" for hit in erased.hits)
    assert all({"excerpt", "detail"}.isdisjoint(hit) for hit in json.loads(sealed.body)["hits"])
    hashes = {value_hash(value, KEY) for value in event.values}
    assert {name for of, name in sealed.marks if of == "value"} == hashes
    assert not any(value in sealed.body for value in hashes)


def test_clean_events_gaps_and_notices_have_nothing_apart():
    for entry in (
        make_event(verdict(), at=AT),
        Gap("gap.1", "2026", 1, "a", "b", "disk full"),
        make_notice("looked", at=AT),
    ):
        sealed = seal(entry, KEY)
        assert (sealed.texts, sealed.salt) == (None, "")
        assert sealed.body == entry.to_json()
        assert unseal(sealed.body, None) == entry


def test_salts_hide_that_two_excerpts_are_the_same():
    event = make_event(verdict(hits=[hit_on(MAIL)]), at=AT)
    one, other = seal(event, KEY), seal(event, KEY)
    assert one.texts == other.texts
    assert one.body != other.body


def test_without_a_key_no_hashes():
    event = make_event(verdict(hits=[hit_on(MAIL)]), at=AT)
    sealed = seal(event, None)
    assert [of for of, _ in sealed.marks] == ["category", "rule"]
    assert unseal(sealed.body, sealed.texts) == event


def test_columns_say_what_the_event_says():
    event = make_event(verdict(model="m", route="r", tenant="t", user="u", conversation="c"), at=AT)
    told = dict(zip(REPEATED, columns_of(event), strict=True))
    assert told == {
        "kind": "event",
        "id": "e1.input",
        "at": "2026-11-23T10:00:00.123456Z",
        "action": "allow",
        "would": "allow",
        "stage": "input",
        "complete": True,
        "policy": "default@0123456789ab",
        "model": "m",
        "route": "r",
        "tenant": "t",
        "user": "u",
        "conversation": "c",
        "seconds": 0.002,
    }
    assert len(columns_of(make_notice("looked", at=AT))) == len(REPEATED)


def test_marks_of_a_notice():
    notice = make_notice("looked", at=AT, about="e1.input")
    assert set(seal(notice, KEY).marks) == {("what", "looked"), ("about", "e1.input")}


@given(st.text(max_size=400))
def test_what_is_stored_can_be(text):
    stored = storable(text)
    assert len(stored) <= 300
    assert "\0" not in stored
    stored.encode()
    assert storable(stored) == stored


EVENT = seal(make_event(verdict(hits=[hit_on(MAIL)]), at=AT), KEY)


@pytest.mark.parametrize("texts", ["", "{}", "[]", "[[], []]", "[[[1]], []]", "[[], 1]", "[[],[],[]]"])
def test_excerpts_that_are_none(texts):
    with pytest.raises(StoreError, match=r"record: (not excerpts|excerpts of another event)"):
        unseal(EVENT.body, texts)


def test_a_label_called_sealed_is_a_label():
    event = make_event(verdict(sealed="yes"), at=AT)
    assert unseal(seal(event, KEY).body, None) == event
