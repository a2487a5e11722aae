"""The whole detector: its examples, its options, exact spans, and text that still grows."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.detectors.secrets import Found, Secrets, SecretsOptions
from safety.detectors.secrets.examples import MISSES, NEGATIVES, POSITIVES
from safety.detectors.secrets.library import rules
from safety.detectors.secrets.rules import OWN
from safety.types import Exchange, Origin, Segment, Span, Stage

DETECTOR = Secrets()
EVERYTHING = Secrets(SecretsOptions(min_score=0.0, entropy=True))
CUT = next(row.text for row in POSITIVES if row.kind == "private_key" and row.text.count("-----") == 2)
TOKENS = tuple(row for row in POSITIVES if row.kind != "keyword")
BLOCKS = tuple(row for row in POSITIVES if "-----END" in row.value or "Private-MAC" in row.value)


def found(text: str, detector: Secrets = DETECTOR) -> list[tuple[str, str]]:
    return [(one.kind, text[one.start : one.end]) for one in detector.find(text)]


@pytest.mark.parametrize("row", POSITIVES, ids=lambda row: row.kind)
def test_positive(row):
    assert found(row.text) == [(row.kind, row.value)]


@pytest.mark.parametrize("text", NEGATIVES)
def test_negative(text):
    assert found(text) == []


@pytest.mark.parametrize("row", MISSES, ids=lambda row: row.why)
def test_known_miss(row):
    assert found(row.text) == [], "found now: make it a positive"


def test_rules_without_a_positive_are_named():
    untested = {rule.kind for rule in (*rules(), *OWN)} - {row.kind for row in POSITIVES}
    assert untested == {
        *("perplexity_api_key", "replicate_api_token", "atlassian_token", "notion_token", "fly_token"),
        "square_access_token",
    }


def test_the_tail_of_a_longer_token_is_never_left_behind():
    token = "gh" + "p_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    assert found(f"{token}s9T0 x") == [("github_token", f"{token}s9T0")]


def test_a_token_inside_a_word_is_not_one():
    token = POSITIVES[0].value
    assert found(f"x{token}") == []
    assert found(f"x={token}") == [("aws_access_key", token)]


# Options


def test_keywords_can_be_left_out():
    assert found('password = "Tr0ub4dor&3"', Secrets(SecretsOptions(keywords=False))) == []


def test_kinds_can_be_skipped_and_texts_allowed():
    first, other = POSITIVES[0], POSITIVES[4]
    text = f"{first.value} {other.value}"
    assert found(text, Secrets(SecretsOptions(skip=(first.kind,)))) == [(other.kind, other.value)]
    assert found(text, Secrets(SecretsOptions(allow=(other.value,)))) == [(first.kind, first.value)]


def test_entropy_is_off_unless_asked_for():
    text = f"x = '{MISSES[0].text[6:46]}' y = \"0000000000000000000000\""
    assert found(text) == []
    assert found(text, Secrets(SecretsOptions(entropy=True))) == [("hex_high_entropy_string", text[5:45])]


def test_min_score():
    text = "my password is hunter22"
    assert found(text, Secrets(SecretsOptions(min_score=0.65))) == []


# Findings


def test_findings_carry_wire_spans_and_never_the_value():
    row = POSITIVES[0]
    segment = Segment("/messages/0/content", Origin.USER, row.text, start=7)
    ((finding,), none) = DETECTOR.detect(
        [Exchange("x", Stage.INPUT, (segment,)), Exchange("y", Stage.INPUT, ())]
    )
    assert none == []
    assert (finding.category, finding.score) == ("secret.aws_access_key", 1.0)
    assert finding.span == Span("/messages/0/content", 7 + 4, 7 + 4 + len(row.value))
    assert row.value not in finding.evidence + finding.detail


# Invisible characters

UNSEEN = st.sampled_from("\u034f\u061c\u3164\u206a\U000e0100\u200b\u00ad\u115f\ufff9\U0001d173\x07\x80")


@settings(max_examples=200, deadline=None)
@given(row=st.sampled_from(POSITIVES), char=UNSEEN, data=st.data())
def test_an_invisible_character_inside_hides_nothing(row, char, data):
    at = data.draw(st.integers(1, len(row.value) - 1))
    value = row.value[:at] + char + row.value[at:]
    assert found(row.text.replace(row.value, value)) == [(row.kind, value)]


@settings(max_examples=60, deadline=None)
@given(row=st.sampled_from([row for row in TOKENS if row.kind != "json_web_token"]), char=UNSEEN)
def test_a_secret_that_only_an_invisible_character_parts_from_a_word_is_found(row, char):
    assert (row.kind, row.value) in found(f"x{char}{row.text}")


def test_a_token_in_full_width_letters_is_found():
    token = "".join(chr(ord(char) + 0xFEE0) for char in POSITIVES[0].value)
    assert found(f"é {token}") == [("aws_access_key", token)]


@pytest.mark.parametrize("char", "\u200b\u00ad\u3164", ids=ascii)
def test_a_token_with_invisible_characters_is_pending(char):
    assert DETECTOR.pending(f"so: {char.join('gh' + 'p_a1B2c3')}") == 4


# Wherever it stands

AROUND = st.lists(
    st.sampled_from(
        ["é", "e\u0301", "👩‍👩‍👧", "🏳️‍🌈", "word", "İ", "漢字", "\n", ", ", "\u0301", "🔑", "ß", "!?", "K"]
    ),
    max_size=8,
).map("".join)


@settings(max_examples=150, deadline=None)
@given(row=st.sampled_from(POSITIVES), before=AROUND, after=AROUND)
def test_a_secret_is_found_wherever_it_stands(row, before, after):
    assert found(f"{before}\n{row.text}\n{after}") == [(row.kind, row.value)]


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.sampled_from(POSITIVES[:-2]), min_size=1, max_size=4))
def test_secrets_do_not_hide_each_other(rows):
    text = "\n\nthen: \n".join(row.text for row in rows if row.text != CUT)
    wanted = [(row.kind, row.value) for row in rows if row.text != CUT]
    assert found(text) == wanted


PIECES = st.one_of(
    st.sampled_from([row.text for row in POSITIVES]),
    st.sampled_from(
        ["password", "secret=", "://a:b@c", "eyJ", "-----BEGIN ", "PRIVATE KEY-----", "sk-", "İ", "\n"]
    ),
    st.text(max_size=10),
)


@settings(max_examples=150, deadline=None)
@given(text=st.lists(PIECES, max_size=8).map("".join))
def test_results_are_sorted_disjoint_and_inside(text):
    every = EVERYTHING.find(text)
    assert all(isinstance(one, Found) and 0 <= one.start < one.end <= len(text) for one in every)
    assert all(a.end <= b.start for a, b in pairwise(every))


# Text that still grows


@settings(max_examples=100, deadline=None)
@given(row=st.sampled_from(TOKENS), data=st.data())
def test_a_token_cut_anywhere_is_pending(row, data):
    start = row.text.index(row.value)
    cut = data.draw(st.integers(start + 1, start + len(row.value) - 1))
    if row.text[cut - 1] in " .\n":
        return  # a sentence may end there; a key block goes on, see below
    at = DETECTOR.pending(row.text[:cut])
    assert at is not None
    assert at <= start or row.kind == "private_key"


@pytest.mark.parametrize("row", BLOCKS, ids=lambda row: row.value[11:35])
def test_an_open_block_is_pending_from_its_first_line(row):
    start = row.text.index(row.value)
    first_line_end = start + 40
    for cut in range(first_line_end, start + len(row.value) - 1, 7):
        at = DETECTOR.pending(row.text[:cut])
        assert at is not None
        assert at <= start
    assert DETECTOR.pending(row.text[: start + len(row.value)] + "\nThat is all. ") is None


@pytest.mark.parametrize(
    "text", ['password = "Tr0u', "the password is ", "api_key: ", '{"secret": "8f7', "token="]
)
def test_an_open_assignment_is_pending(text):
    assert DETECTOR.pending(text) is not None


@pytest.mark.parametrize(
    "text",
    ["", "All is said. ", "The password is required. ", "Keep the keys safe, always.\n", "It is a key. "],
)
def test_nothing_is_pending_after_a_sentence(text):
    assert DETECTOR.pending(text) is None
