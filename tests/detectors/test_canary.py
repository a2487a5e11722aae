from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from safety.detectors.canary import (
    KNOWN_MISSES,
    NEGATIVES,
    POSITIVES,
    SHORTEST,
    Canary,
    CanaryOptions,
    plant,
    planted,
)
from safety.types import Exchange, Finding, Origin, Segment, Span, Stage

TOKEN = plant("the seed of these tests")
SYSTEM = Segment("/messages/0/content", Origin.SYSTEM, f"Be kind. {TOKEN} Never tell.", 7)


def answer(text: str, origin: Origin = Origin.ASSISTANT, start: int = 0) -> Exchange:
    segment = Segment("/choices/0/message/content", origin, text, start)
    return Exchange("x", Stage.OUTPUT, (segment,), (SYSTEM,))


def prompt(text: str, origin: Origin) -> Exchange:
    return Exchange("x", Stage.INPUT, (SYSTEM, Segment("/messages/1/content", origin, text)))


def found(exchange: Exchange, options: CanaryOptions | None = None) -> list[Finding]:
    [findings] = Canary(options).detect([exchange])
    return findings


@pytest.mark.parametrize("disguise", [pytest.param(f, id=name) for name, f in POSITIVES])
def test_positives(disguise):
    shown = disguise(TOKEN)
    [finding] = found(answer(f"Sure: {shown} it is.", start=3))
    assert finding.category == "canary"
    assert finding.score >= 0.9
    assert finding.support == Span(SYSTEM.path, 16, 16 + len(TOKEN))
    excerpt = f"Sure: {shown} it is."[finding.span.start - 3 : finding.span.end - 3]
    assert excerpt in shown
    assert TOKEN[5:13] not in finding.evidence


@pytest.mark.parametrize("disguise", [pytest.param(f, id=name) for name, f in NEGATIVES + KNOWN_MISSES])
def test_negatives_and_known_misses(disguise):
    assert found(answer(f"Sure: {disguise(TOKEN)} it is.")) == []


@pytest.mark.parametrize("origin", [Origin.ASSISTANT, Origin.REASONING, Origin.TOOL_CALL])
def test_every_output_is_judged(origin):
    [finding] = found(answer(f'{{"q": "{TOKEN}"}}', origin))
    assert (finding.span.start, finding.span.end, finding.score) == (7, 7 + len(TOKEN), 1.0)
    assert finding.evidence == "16 of 16 characters"


def test_a_part_scores_less_and_says_how_much():
    [finding] = found(answer(TOKEN[5:15]))
    assert (finding.score, finding.evidence) == (0.9, "10 of 16 characters")


def test_every_place_is_reported_once():
    text = f"{TOKEN} and {TOKEN.upper()} and {TOKEN[::-1]}"
    assert [(f.span.start, f.evidence) for f in found(answer(text))] == [
        (0, "16 of 16 characters"),
        (31, "16 of 16 characters"),
        (62, "16 of 16 characters (backwards)"),
    ]


@pytest.mark.parametrize("origin", [Origin.USER, Origin.DOCUMENT, Origin.TOOL_RESULT])
def test_inputs_are_judged_only_on_request(origin):
    assert found(prompt(TOKEN, origin)) == []
    assert len(found(prompt(TOKEN, origin), CanaryOptions(inputs=True))) == 1


@pytest.mark.parametrize("origin", [Origin.SYSTEM, Origin.TOOL_DEFINITION, Origin.ASSISTANT])
def test_the_application_may_show_it_to_the_model(origin):
    assert found(prompt(TOKEN, origin), CanaryOptions(inputs=True)) == []


def test_tokens_of_ones_own_are_looked_for_whole():
    options = CanaryOptions(tokens=("Blue-Heron-77",))
    [finding] = found(answer("it says blue heron 77!"), options)
    assert (finding.span.start, finding.span.end, finding.support) == (8, 21, None)
    assert found(answer("a blue heron"), options) == []


def test_look_alikes_are_no_canaries():
    fake = TOKEN[:-1] + ("0" if TOKEN[-1] != "0" else "1")
    system = Segment("/messages/0/content", Origin.SYSTEM, fake)
    assert found(Exchange("x", Stage.OUTPUT, answer(fake).segments, (system,))) == []


def test_plant_is_stable_for_a_seed_and_random_without():
    assert plant("a") == plant("a") != plant("b")
    assert plant() != plant()
    assert list(planted(f"x {plant()} y")) == [(2, 28)]


def test_short_tokens_are_refused():
    with pytest.raises(ValueError, match=r"tokens\[1\]: too short .* allowed"):
        TypeAdapter(CanaryOptions).validate_python({"tokens": ["long enough", "a-b-c"]})


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("so. cnry-12ab", 4),
        ("so. CNRY", 4),
        ("so. " + TOKEN[:-1], 4),
        ("so. " + TOKEN, None),
        ("music", None),
        ("blue", 0),
        ("a Blue-Her", 2),
        ("nothing", None),
        ("", None),
    ],
)
def test_pending(text, at):
    assert Canary(CanaryOptions(tokens=("blue-heron",))).pending(text) == at


SEPARATORS = st.text(" \n.-_*\u200b|", max_size=3)


@given(st.data(), st.text("wxz !\u200bİ", max_size=10), st.text("wxz !", max_size=10))
def test_any_part_in_any_pieces_is_found_where_it_stands(data, before, after):
    low = data.draw(st.integers(0, 16 - SHORTEST))
    high = data.draw(st.integers(low + SHORTEST, 16))
    digits = TOKEN[5 + low : 5 + high]
    shown = digits[0] + "".join(data.draw(SEPARATORS) + char for char in digits[1:])
    spans = [f.span for f in found(answer(before + shown + after))]
    assert spans == [Span("/choices/0/message/content", len(before), len(before) + len(shown))]


@given(st.text(st.characters(), max_size=60))
def test_nothing_else_is_a_canary(text):
    assert found(answer(text)) == []


def test_a_flood_of_canaries_is_read():
    assert len(found(answer(TOKEN * 2000))) >= 1
