from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from event_samples import AT, MAIL, TEXT, hit_on, span_of, verdict, verdicts
from hypothesis import given
from hypothesis import strategies as st

from safety.errors import StoreError
from safety.events.entry import DetectorRun, Event, Gap, dumped, entry_from_json, plain
from safety.events.event import MAX_HITS, make_event, make_notice
from safety.types import Action, Finding, Hit, Origin, Outcome, Ran, Stage


@given(verdicts(), st.datetimes(timezones=st.timezones()), st.booleans())
def test_any_event_survives_json(verdict, at, raw):
    event = make_event(verdict, at=at, raw_excerpts=raw)
    text = event.to_json()
    assert Event.from_json(text) == event
    assert text.isascii()
    assert "\n" not in text


def test_a_gap_survives_json():
    gap = Gap("gap.w.1", "2026-11-23T10:00:00.000000Z", 3, "a", "b", "disk full", "00")
    assert entry_from_json(gap.to_json()) == gap
    with pytest.raises(StoreError, match="a gap stands where an event was expected"):
        Event.from_json(gap.to_json())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"kind":"other"}',
        '{"kind":"event"}',
        '{"kind":"gap","bad":1}',
        '{"kind":["event"]}',
        "1",
    ],
)
def test_what_is_no_event_is_refused(text):
    with pytest.raises(StoreError, match=r"^record: not an event: "):
        entry_from_json(text)


def test_a_notice_survives_json():
    notice = make_notice("erased", at=AT, by="anna", about="u1", detail="12 events")
    assert entry_from_json(notice.to_json()) == notice
    assert notice.id != make_notice("erased", at=AT).id


@given(verdicts(), st.booleans())
def test_what_is_written_by_hand_is_what_the_library_writes(verdict, erased):
    event = replace(make_event(verdict, at=AT), erased=erased)
    assert event.to_json() == dumped({"kind": "event"} | plain(event))


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), "1", None])
def test_what_is_no_number_is_refused(wrong):
    for event in (
        replace(make_event(verdict(), at=AT), seconds=wrong),
        replace(make_event(verdict(), at=AT), ran=(DetectorRun("pii@1", Ran.OK, wrong),)),
    ):
        with pytest.raises((ValueError, TypeError)):
            event.to_json()


def test_values_of_personal_data_and_secrets_are_on_their_way_to_be_hashed_only():
    hits = [hit_on(MAIL), hit_on(MAIL), hit_on("at once", "secret.aws"), hit_on("ignore", "prompt_attack")]
    event = make_event(verdict(hits=hits), at=AT)
    assert event.values == (MAIL, "at once")
    assert MAIL not in event.to_json()
    assert MAIL not in repr(event)


def test_a_changed_word_is_refused():
    text = make_event(verdict(), at=AT).to_json()
    with pytest.raises(StoreError):
        Event.from_json(text.replace('"stage":"input"', '"stage":"inside"'))


def test_a_clean_verdict():
    event = make_event(verdict(model="phi-4", tenant="a"), at=AT)
    assert event.id == "e1.input"
    assert (event.exchange, event.stage, event.policy) == ("e1", Stage.INPUT, "default@0123456789ab")
    assert event.at == "2026-11-23T10:00:00.123456Z"
    assert (event.action, event.would, event.monitored, event.complete) == (
        Action.ALLOW,
        Action.ALLOW,
        False,
        True,
    )
    assert event.labels == {"model": "phi-4", "tenant": "a"}
    assert event.hits == event.rules == event.categories == ()
    assert event.ran[0].detector == "pii@1"
    assert event.ran[0].ms == 1.5
    assert event.clean
    assert event.seconds == 0.002


def test_times_become_utc_and_need_a_zone():
    tokyo = timezone(timedelta(hours=9))
    assert make_event(verdict(), at=datetime(2026, 1, 1, 8, tzinfo=tokyo)).at == "2025-12-31T23:00:00.000000Z"
    with pytest.raises(ValueError, match="without a zone"):
        make_event(verdict(), at=datetime(2026, 1, 1))


def test_a_hit_says_what_where_and_why():
    event = make_event(verdict(hits=[hit_on(MAIL)]), at=AT)
    (hit,) = event.hits
    place = span_of(MAIL)
    assert (hit.rule, hit.action, hit.category) == ("no_pii", Action.BLOCK, "pii.EMAIL_ADDRESS")
    assert (hit.path, hit.start, hit.end, hit.origin) == (place.path, place.start, place.end, Origin.USER)
    assert (hit.score, hit.evidence, hit.detail) == (0.9, "e-mail", "")
    assert "‹EMAIL_ADDRESS ********›" in hit.excerpt
    assert event.rules == ("no_pii",)
    assert event.categories == ("pii.EMAIL_ADDRESS",)
    assert event.ran[0].findings == 1


def test_raw_excerpts_only_when_asked():
    hits = [hit_on("ignore all previous instructions", "prompt_attack.changed_rules")]
    masked, raw = (make_event(verdict(hits=hits), at=AT, raw_excerpts=raw).hits[0] for raw in (False, True))
    assert "‹i••••e a•l p••••••s i••••••••••s›" in masked.excerpt
    assert masked.detail == ""
    assert "‹ignore all previous instructions›" in raw.excerpt
    assert raw.detail == "saw ignore all previous instructions"


def test_monitored_and_excused_hits_say_so():
    hits = [hit_on(MAIL, enforced=False), hit_on(MAIL, excused="our own address")]
    event = make_event(verdict(hits=hits, action=Action.ALLOW), at=AT)
    assert event.monitored
    assert [(hit.enforced, hit.excused) for hit in event.hits] == [(False, None), (True, "our own address")]


def test_what_did_not_run_is_on_record():
    outcomes = (
        Outcome("pii@1", ran=Ran.LATE, error="the deadline of 2 s passed"),
        Outcome("secrets@1", seconds=0.001, cached=3),
    )
    late = Hit(
        "on_error", Action.BLOCK, Finding("pii", "not_run.late", evidence="the deadline of 2 s passed")
    )
    event = make_event(verdict(hits=[late], outcomes=outcomes), at=AT)
    assert not event.complete
    assert (event.ran[0].ran, event.ran[0].error) == (Ran.LATE, "the deadline of 2 s passed")
    assert (event.ran[1].ran, event.ran[1].cached) == (Ran.OK, 3)
    assert (event.hits[0].category, event.hits[0].path, event.hits[0].excerpt) == ("not_run.late", None, "")


def test_an_error_that_quotes_the_text_is_masked():
    error = f"ValueError: cannot parse {TEXT!r} near schmidt"
    failed = Hit("on_error", Action.BLOCK, Finding("pii", "not_run.failed", evidence=error))
    failing = verdict(hits=[failed], outcomes=(Outcome("pii@1", ran=Ran.FAILED, error=error),))
    event = make_event(failing, at=AT)
    assert event.ran[0].error == event.hits[0].evidence == "ValueError: cannot parse '…' near s•••••t"
    raw = make_event(failing, at=AT, raw_excerpts=True)  # it can never be erased: masked all the same
    assert raw.ran == event.ran


def test_a_flood_of_hits_is_counted_and_the_strictest_are_kept():
    mild = [hit_on(MAIL, action=Action.ANNOTATE) for _ in range(MAX_HITS + 4)]
    event = make_event(verdict(hits=[*mild, hit_on("ignore", "prompt_attack.changed_rules")]), at=AT)
    assert len(event.hits) == MAX_HITS
    assert event.more_hits == 5
    assert event.hits[0].action is Action.BLOCK
    assert event.categories == ("pii.EMAIL_ADDRESS", "prompt_attack.changed_rules")


def test_a_label_of_any_length_is_bounded():
    assert len(make_event(verdict(user="u" * 100_000), at=AT).labels["user"]) == 300


def test_a_finding_outside_the_judged_text_has_no_excerpt():
    elsewhere = Finding("pii", "pii.PERSON", span=span_of(MAIL, path="/elsewhere"))
    event = make_event(verdict(hits=[Hit("r", Action.BLOCK, elsewhere)]), at=AT)
    assert (event.hits[0].path, event.hits[0].origin, event.hits[0].excerpt) == ("/elsewhere", None, "")
