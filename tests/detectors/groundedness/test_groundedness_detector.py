"""The detector as the guard and the stream gate call it: stages, sources, spans, windows, options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.detectors.groundedness import Groundedness, GroundednessOptions
from safety.detectors.groundedness.examples import NEGATIVES, POSITIVES
from safety.detectors.groundedness.pairing import Pair
from safety.detectors.groundedness.passage import read
from safety.detectors.groundedness.verifier import Blend, Doubt
from safety.gate import Gate
from safety.policy.model import StreamPolicy
from safety.types import Action, Delta, Exchange, Finding, Origin, Segment, Span, Stage, Verdict

SOURCE = POSITIVES[0].source
WRONG = "The Eiffel Tower is 350 metres tall."
RIGHT = "It was completed in 1889."
DETECTOR = Groundedness()


def exchange(answer: str, *context: Segment, start: int = 0, stage: Stage = Stage.OUTPUT) -> Exchange:
    return Exchange("x", stage, (Segment("/a", Origin.ASSISTANT, answer, start),), context)


def document(text: str = SOURCE, origin: Origin = Origin.DOCUMENT, start: int = 0) -> Segment:
    return Segment("/d", origin, text, start)


def found(case: Exchange, detector: Groundedness = DETECTOR) -> list[Finding]:
    (findings,) = detector.detect([case])
    return list(findings)


def test_the_span_is_the_claim_and_the_support_is_the_evidence() -> None:
    (finding,) = found(exchange(f"{RIGHT} {WRONG}", document(start=7), start=100))
    begin = 100 + len(RIGHT) + 1
    assert finding.span == Span("/a", begin, begin + len(WRONG))
    assert finding.category == "ungrounded.contradiction"
    assert (finding.evidence, finding.detail) == (
        "number_differs",
        "number differs: 350 metres against 330 metres",
    )
    assert finding.support is not None
    assert "330 metres" in document(start=7).excerpt(finding.support)
    assert 0.5 <= finding.score <= 1


def test_evidence_never_quotes_the_text() -> None:
    for example in POSITIVES:
        for finding in found(exchange(example.answer, document(example.source))):
            assert finding.evidence.replace("_", "").isalpha()


def test_without_sources_there_is_nothing_to_be_grounded_in() -> None:
    assert found(exchange(WRONG)) == []
    assert found(exchange(WRONG, document(" \n"))) == []
    assert found(exchange(WRONG, document(origin=Origin.USER))) == []


def test_only_answers_are_judged_and_only_at_output() -> None:
    assert found(exchange(WRONG, document(), stage=Stage.INPUT)) == []
    thought = Exchange("x", Stage.OUTPUT, (Segment("/r", Origin.REASONING, WRONG),), (document(),))
    assert found(thought) == []


def test_tool_results_are_sources_and_options_add_more() -> None:
    assert found(exchange(WRONG, document(origin=Origin.TOOL_RESULT)))
    system = document(origin=Origin.SYSTEM)
    assert found(exchange(WRONG, system)) == []
    assert found(exchange(WRONG, system), Groundedness(GroundednessOptions(origins=(Origin.SYSTEM,))))
    (finding,) = found(exchange(WRONG), Groundedness(GroundednessOptions(sources=(SOURCE,))))
    assert finding.support is None


def test_the_best_of_several_sources_is_named() -> None:
    other = replace(document("Bananas are rich in potassium. They grow in bunches."), path="/other")
    (finding,) = found(exchange(WRONG, other, document()))
    assert finding.support is not None
    assert finding.support.path == "/d"


def test_strictness_and_min_score_move_what_is_reported() -> None:
    claim = exchange("The tower stands in the capital of France.", document())
    (usual,) = found(claim)
    (strict,) = found(claim, Groundedness(GroundednessOptions(strictness=2)))
    assert strict.score > usual.score
    assert found(claim, Groundedness(GroundednessOptions(min_score=0.99))) == []


def test_short_claims_are_left_alone_on_request() -> None:
    claim = exchange("Bananas sing.", document())
    assert found(claim)
    assert found(claim, Groundedness(GroundednessOptions(min_claim_words=3))) == []


@pytest.mark.parametrize("wrong", [{"min_claim_words": 0}, {"strictness": 6}, {"min_score": 2}])
def test_options_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        GroundednessOptions(**wrong)  # type: ignore[arg-type]


def test_one_list_per_exchange_in_order_and_the_same_when_asked_again() -> None:
    batch = [exchange(example.answer, document(example.source)) for example in (*POSITIVES, *NEGATIVES)]
    together = [list(findings) for findings in DETECTOR.detect(batch)]
    assert together == [found(case, Groundedness()) for case in batch]
    assert together == [found(case) for case in batch]


SENTENCES = st.sampled_from([e.answer for e in (*POSITIVES, *NEGATIVES) if not e.question])
NOISE = st.text("aZ19.,;:!?%$€()[]\"'-|*#`\n 。、橋é", max_size=30)
ANSWERS = st.lists(SENTENCES | NOISE, max_size=6).map(" ".join)
SOURCES = st.sampled_from([e.source for e in POSITIVES]) | NOISE


@settings(max_examples=150, deadline=None)
@given(ANSWERS, SOURCES, st.integers(0, 50))
def test_spans_are_exact(answer: str, source: str, start: int) -> None:
    case = exchange(answer, document(source), start=start)
    last = start
    for finding in found(case):
        assert finding.span is not None
        assert last <= finding.span.start < finding.span.end <= start + len(answer)
        last = finding.span.end
        said = case.segments[0].excerpt(finding.span)
        assert said == said.strip()
        assert finding.support is None or document(source).excerpt(finding.support)


class Reciter:
    """A verifier whose doubt depends on all that it is shown, and on nothing else."""

    label, blend = "reciter@1", Blend(pair=1, checks=0, named=0)

    def doubts(self, pairs: Sequence[Pair]) -> list[Doubt]:
        return [Doubt((crc32(repr(pair).encode("utf-8", "replace")) % 97) / 10, 0, ()) for pair in pairs]


LINES = st.sampled_from(
    [
        *(e.answer for e in (*POSITIVES, *NEGATIVES) if not e.question),
        "It is tall.",
        "They say so; it was built in 1889!",
        "She said that this is 300 m high.\n\n- It is old\n",
    ]
)


@settings(max_examples=100, deadline=None)
@given(st.lists(LINES | NOISE, max_size=8).map(" ".join), SOURCES, st.data())
def test_a_stream_in_any_chunks_finds_what_the_whole_does(
    answer: str, source: str, data: st.DataObject
) -> None:
    detector = Groundedness(GroundednessOptions(min_score=0), verifier=Reciter())
    gate: Gate[str] = Gate(Exchange("x", Stage.INPUT, (document(source),)), StreamPolicy())
    cuts = sorted(data.draw(st.sets(st.integers(0, len(answer)), max_size=12)))
    streamed: list[Finding] = []
    for start, end in zip([0, *cuts], [*cuts, len(answer)], strict=True):
        if start < end:
            gate.feed("", [Delta("/a", Origin.ASSISTANT, answer[start:end])])
        while windows := gate.due():
            for window in windows:
                streamed += found(window, detector)
                gate.settle(window, Verdict(window, "p", Action.ALLOW, Action.ALLOW))
    judged = max((f.span.end for f in streamed if f.span), default=0)
    whole = found(exchange(answer, document(source)), detector)
    assert streamed == [f for f in whole if f.span and f.span.end <= judged]


@pytest.mark.parametrize("piece", ["a", "-----", "a1", " - "])
def test_floods_are_read(piece: str) -> None:
    text = (piece * 1_000_000)[:1_000_000]
    assert len(found(exchange(f"{WRONG} {text}", document(f"{SOURCE} {text}")))) > 0


def test_a_capital_or_digit_after_the_first_letter_makes_a_name() -> None:
    words = read("Paris NASA iPhone 3D B2B 2nd").words
    assert {word.lower for word in words if word.shouted} == {"nasa", "iphone", "b2b"}
