"""The whole detector: its examples, its options, and exact spans wherever a value stands."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.detectors.pii import Match, Pii, PiiOptions
from safety.detectors.pii.examples import MISSES, NEGATIVES, POSITIVES
from safety.detectors.pii.table import DEFAULT_ENTITIES
from safety.errors import ConfigError
from safety.types import Exchange, Origin, Segment, Span, Stage

DETECTOR = Pii()
ALL = Pii(PiiOptions(min_score=0.01))
# Found without a word beside them, whatever stands around.
STANDALONE = tuple(p for p in POSITIVES if p.text == p.value)


def found(text: str, detector: Pii = DETECTOR) -> list[tuple[str, str]]:
    return [(match.entity, text[match.start : match.end]) for match in detector.find(text)]


@pytest.mark.parametrize("row", POSITIVES, ids=lambda row: f"{row.entity}-{row.value}")
def test_positive(row):
    assert found(row.text) == [(row.entity, row.value)]


@pytest.mark.parametrize("text", NEGATIVES)
def test_negative(text):
    assert found(text) == []


@pytest.mark.parametrize("row", MISSES, ids=lambda row: row.why)
def test_known_miss(row):
    assert found(row.text) == [], "found now: make it a positive"


def test_every_default_entity_of_a_large_country_has_a_positive():
    untested = set(DEFAULT_ENTITIES) - {row.entity for row in POSITIVES}
    assert untested == {
        *("US_NPI", "UK_PASSPORT", "UK_DRIVING_LICENCE", "AU_MEDICARE", "IN_PASSPORT", "IN_VOTER"),
        *("DE_HEALTH_INSURANCE", "DE_ID_CARD", "DE_PASSPORT", "DE_FUEHRERSCHEIN", "ES_PASSPORT"),
        *("IT_DRIVER_LICENSE", "IT_IDENTITY_CARD", "IT_PASSPORT", "TH_TNIN", "KR_FRN", "KR_DRIVER_LICENSE"),
        *("KR_PASSPORT", "ZA_ID_NUMBER", "NG_NIN"),
    }


# Context words


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("457-55-5462", 0.5),
        ("ssn 457-55-5462", 0.85),
        ("ssn 457555462", 0.6),
        ("457555462 is my ssn", 0.6),
        ("the SSNs: 457555462", 0.6),
    ],
)
def test_a_word_nearby_raises_the_score(text, score):
    assert [match.score for match in DETECTOR.find(text)] == [pytest.approx(score)]


@pytest.mark.parametrize("word", ["assn", "ssnx", "passnumber", "accountability", "embankment"])
def test_part_of_a_word_is_no_context(word):
    assert found(f"{word} 457555462") == []


def test_a_word_far_away_is_no_context():
    assert found("ssn is one thing and another thing is the number 457555462") == []


# Overlaps


def test_the_surest_reading_of_the_same_characters_is_kept():
    text = "card, phone, account, ssn: 4111111111111111"
    assert found(text) == [("CREDIT_CARD", "4111111111111111")]


def test_a_validated_address_beats_the_number_in_it():
    assert found("account 12345678@qq.com") == [("EMAIL_ADDRESS", "12345678@qq.com")]


# Options


def test_only_the_chosen_entities():
    assert found("john@example.com 4111111111111111", Pii(PiiOptions(entities=("CREDIT_CARD",)))) == [
        ("CREDIT_CARD", "4111111111111111")
    ]


def test_entities_off_by_default_can_be_asked_for():
    chosen = Pii(PiiOptions(entities=("URL", "DATE_TIME", "UUID")))
    text = "2024-01-15 https://example.com/a 550e8400-e29b-41d4-a716-446655440000"
    assert [entity for entity, _ in found(text, chosen)] == ["DATE_TIME", "URL", "UUID"]


def test_languages_leave_out_ids_issued_elsewhere():
    text = "DNI 12345678Z, PESEL 44051401359"
    assert found(text, Pii(PiiOptions(languages=("es",)))) == [("ES_NIF", "12345678Z")]


def test_allowed_texts_are_not_reported():
    detector = Pii(PiiOptions(allow=("Info@Example.com",)))
    assert found("info@example.com, john@example.com", detector) == [("EMAIL_ADDRESS", "john@example.com")]


def test_a_lower_threshold_shows_what_needs_context():
    assert ("US_BANK_NUMBER", "12345678901") in found("x 12345678901", ALL)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            PiiOptions(entities=("EMAIL",)),
            r"entities: unknown 'EMAIL', did you mean 'EMAIL_ADDRESS'\?: allowed",
        ),
        (PiiOptions(languages=("xx",)), r"languages: unknown 'xx'.*: allowed are de, es"),
        (PiiOptions(regions=("UK",)), r"regions: 'UK' has no number plan: allowed"),
    ],
)
def test_options_that_cannot_be_used(options, message):
    with pytest.raises(ConfigError, match=message):
        Pii(options)


# Invisible characters

UNSEEN = "\u034f\u061c\u3164\u206a\U000e0100\u200b\u00ad\u115f\ufff9\U0001d173\x07\x80"
CARD = "4539148803436467"


@pytest.mark.parametrize("char", UNSEEN, ids=ascii)
def test_an_invisible_character_between_the_digits_hides_nothing(char):
    value = char.join(CARD)
    assert found(f"card {value}, é") == [("CREDIT_CARD", value)]


@pytest.mark.parametrize("char", UNSEEN, ids=ascii)
def test_a_value_that_only_an_invisible_character_parts_from_others_is_found(char):
    assert found(f"{CARD}{char}7 é") == [("CREDIT_CARD", CARD)]


# Findings


def test_findings_carry_wire_spans_and_never_the_value():
    segment = Segment("/messages/0/content", Origin.USER, "I am john@example.com", start=7)
    exchange = Exchange("x", Stage.INPUT, (segment,))
    ((finding,), none) = DETECTOR.detect([exchange, Exchange("y", Stage.INPUT, ())])
    assert none == []
    assert finding.category == "pii.EMAIL_ADDRESS"
    assert finding.span == Span("/messages/0/content", 12, 28)
    assert "john" not in finding.evidence + finding.detail


def test_nothing_reads_the_network():
    script = (
        "import sys\n"
        "def hook(event, args):\n"
        "    if event in ('socket.connect', 'socket.getaddrinfo', 'socket.gethostbyname', 'socket.sendto'):\n"
        "        print('network:', event); sys.exit(3)\n"
        "from safety.detectors.pii import Pii\n"
        "sys.addaudithook(hook)\n"
        "print(len(Pii().find('john@example.co.uk, jo@bücher.example.com')))\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100)
    assert (run.returncode, run.stdout.strip()) == (0, "2")


# Wherever it stands. Text around a value does not hold characters that could be part of it.

AROUND = st.lists(
    st.sampled_from(
        [
            "é",
            "e\u0301",
            "👩‍👩‍👧",
            "🏳️‍🌈",
            "word",
            "ÀÉ",
            "漢字",
            "\n",
            ", ",
            "\u0301",
            "💳",
            "\u00ad",
            "ß",
            "!?",
        ]
    ),
    max_size=8,
).map("".join)


@settings(max_examples=150, deadline=None)
@given(row=st.sampled_from(STANDALONE), before=AROUND, after=AROUND)
def test_a_value_is_found_wherever_it_stands(row, before, after):
    text = f"{before} {row.value} {after}"
    assert found(text) == [(row.entity, row.value)]


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(st.sampled_from(POSITIVES), min_size=1, max_size=5), filler=AROUND)
def test_values_far_apart_do_not_hide_each_other(rows, filler):
    gap = f"\n{filler} and then, after more of the very same talk about nothing at all, as one does:\n" * 2
    assert found(gap.join(row.text for row in rows)) == [(row.entity, row.value) for row in rows]


MIXED = st.lists(
    st.one_of(
        st.sampled_from(
            ["account ", "ssn ", "card ", "phone ", ". ", ", ", "\n", " ", "-", ":", "@", "GB82 WEST "]
        ),
        st.text("0123456789 -.", min_size=1, max_size=20),
        st.sampled_from(["a word or two ", "👩‍👩‍👧", "e\u0301", "\u200b"]),
        st.sampled_from([row.value for row in POSITIVES]),
    ),
    max_size=14,
).map("".join)


@settings(max_examples=200, deadline=None)
@given(text=MIXED)
def test_matches_are_sorted_disjoint_and_inside(text):
    matches = ALL.find(text)
    assert all(isinstance(match, Match) and 0 <= match.start < match.end <= len(text) for match in matches)
    assert all(a.end <= b.start for a, b in pairwise(matches))
    assert all(0 < match.score <= 1 for match in matches)


# Text that still grows


@settings(max_examples=100, deadline=None)
@given(row=st.sampled_from(POSITIVES), data=st.data())
def test_a_value_cut_anywhere_is_pending(row, data):
    start = row.text.index(row.value)
    cut = data.draw(st.integers(start + 1, start + len(row.value) - 1))
    begun = row.text[start:cut]
    if " " in begun and not any(map(str.isdigit, begun)):
        return  # "AB " may be anything
    at = DETECTOR.pending(row.text[:cut])
    assert at is not None
    assert at <= start


@pytest.mark.parametrize(
    "text", ["", "All is said. ", "It was in 2024. ", "Ask john@example.com. ", "Really?\n"]
)
def test_nothing_is_pending_after_a_sentence(text):
    assert DETECTOR.pending(text) is None


# Values beside values

NEIGHBOURS = {
    "4111111111111111": "CREDIT_CARD",
    "DE89 3704 0044 0532 0130 00": "IBAN_CODE",
    "DE89370400440532013000": "IBAN_CODE",
    "AT61 1904 3002 3457 3201": "IBAN_CODE",  # short: what follows could be its tail
    "john@example.com": "EMAIL_ADDRESS",
}
NO_BREAK = ("\u00a0", "\u202f", "\u3000")


@settings(max_examples=200, deadline=None)
@given(
    values=st.lists(st.sampled_from(sorted(NEIGHBOURS)), min_size=2, max_size=4),
    gap=st.sampled_from((" ", "  ", "\n", *NO_BREAK)),
    after=st.sampled_from(("", " for", " f\u200bor", "\tJa。そう！ f\u200bor")),
)
def test_a_value_beside_a_value_is_found(values, gap, after):
    expected = [(NEIGHBOURS[value], value) for value in values]
    assert found(gap.join(values) + after) == expected


@settings(max_examples=100, deadline=None)
@given(text=st.sampled_from((*NEGATIVES, *(row.text for row in POSITIVES))), space=st.sampled_from(NO_BREAK))
def test_a_no_break_space_reads_the_same_beside_invisible_characters(text, space):
    text = text.replace(" ", space)
    assert found(f"{text} . f\u200bor") == found(f"{text} . for")
