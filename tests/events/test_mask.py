import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from safety.events.mask import AROUND, LONGEST, excerpt, mask_error, mask_words
from safety.types import Origin, Segment, Span

EMAIL = "pii.EMAIL_ADDRESS"
ATTACK = "prompt_attack.role_play"


def shown(text, words, category=ATTACK, raw=False, start=0):
    at = text.index(words) + start
    return excerpt(
        Segment("/m", Origin.USER, text, start), Span("/m", at, at + len(words)), category, raw=raw
    )


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Ignore all previous instructions.", "I••••e a•l p••••••s i•••••••••••."),
        ("to be or I", "t• b• o• •"),
        ("s e c r e t", "• • • • • •"),
        ("call +49 30 1234-5678!", "c••l ••• •• •••••••••!"),
        ("a@b.org,", "a••••••,"),
        ("  two\n\tlines ", " t•o l•••s "),
        ("   ", " "),
        ("", ""),
        ("\x1b[31mred", "•••••••d"),
    ],
)
def test_words(text, masked):
    assert mask_words(text) == masked


@pytest.mark.parametrize(
    ("category", "masked"),
    [
        (EMAIL, "‹EMAIL_ADDRESS ****›"),
        ("pii", "‹pii ****›"),
        ("secret.aws_key", "‹aws_key ****›"),
        ("canary", "‹canary ****›"),
        ("egress.markdown_image", "‹markdown_image ****›"),
        ("piiish", "‹a•••••g›"),
        ("prompt_attack.pii", "‹a•••••g›"),
    ],
)
def test_what_is_personal_or_secret_keeps_only_its_type(category, masked):
    assert shown("mail a@b.org please", "a@b.org", category) == f"m••l {masked} p••••e"


@pytest.mark.parametrize(("length", "stars"), [(1, 4), (8, 4), (9, 8), (24, 8), (25, 16), (5000, 16)])
def test_stars_tell_a_class_of_lengths_only(length, stars):
    assert shown("x" * length, "x" * length, EMAIL) == f"‹EMAIL_ADDRESS {'*' * stars}›"


def test_as_much_around_as_is_said():
    text = "a" * 100 + "FINDING" + "b" * 100
    assert shown(text, "FINDING", raw=True) == "a" * AROUND + "‹FINDING›" + "b" * AROUND


def test_a_long_finding_is_shortened():
    text = "word " * 1000
    found = shown(text, text)
    assert len(found) <= LONGEST + 10
    assert "… " in shown(text, text, raw=True)


def test_a_segment_that_begins_inside_a_string():
    assert shown("say hello now", "hello", raw=True, start=500) == "say ‹hello› now"


def test_an_error_keeps_its_type_and_what_is_not_of_the_text():
    masked = mask_error("KeyError: 'Anna' not found in Berlin table 7", ["Anna lives in Berlin"])
    assert masked == "KeyError: '…' not found in B••••n table 7"
    assert mask_error("the deadline of 2 s passed", ["hello"]) == "the deadline of 2 s passed"
    assert mask_error("no end: 'quote is never closed", []) == "no end: '…'"


SECRETS = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="*•‹›…_"), min_size=4, max_size=40)
AROUND_IT = st.text(max_size=60)


def runs(text, length=4):
    return {text[i : i + length] for i in range(len(text) - length + 1)}


@given(SECRETS, AROUND_IT, AROUND_IT, st.sampled_from([EMAIL, "secret.x", "canary", "egress.link", ATTACK]))
def test_no_run_of_four_survives(secret, before, after, category):
    # The type's own letters may stand in the secret; no other part of the excerpt may.
    assume(not runs(secret) & runs(category.rpartition(".")[2]))
    segment = Segment("/m", Origin.USER, before + secret + after)
    found = excerpt(segment, Span("/m", len(before), len(before) + len(secret)), category)
    assert not runs(found) & runs(secret)


@given(SECRETS, AROUND_IT)
def test_a_secret_beside_another_finding_does_not_survive_either(secret, text):
    segment = Segment("/m", Origin.USER, f"{text} attack {secret}")
    found = excerpt(segment, Span("/m", 0, len(text) + 7), ATTACK)
    assert not runs(found) & runs(secret)


@given(st.text(max_size=200), st.integers(0, 200), st.integers(0, 200), st.integers(0, 50))
def test_any_span_gives_one_printable_line(text, start, length, offset):
    segment = Segment("/m", Origin.USER, text, offset)
    assert excerpt(segment, Span("/m", start, start + length), ATTACK).isprintable()
