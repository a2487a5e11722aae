"""The gate against a reference that sees the whole text: any chunking, the same released text."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.gate import Cut, Gate
from safety.policy.model import Policy, Rule, StreamMode, StreamPolicy, When, decide
from safety.redact import apply_edits
from safety.types import Action, Delta, Exchange, Finding, Origin, Outcome, Segment, Span, Stage, Verdict

PATH = "/choices/0/message/content"
REQUEST = Exchange("x", Stage.INPUT, (Segment("/messages/0/content", Origin.USER, "Hello?"),))
POLICY = Policy(
    "p",
    rules=(
        Rule("secret", When(("secret",)), Action.REDACT, replacement="[S]"),
        Rule("bad", When(("bad",)), Action.BLOCK),
    ),
)
DAY = date(2026, 1, 1)
OPEN = re.compile(r"s(?:e(?:c(?:r(?:e(?:t(?:\.? ?\d*)?)?)?)?)?)?\s*\Z|\[[^\]]*\Z")
FINDS = {
    "secret": re.compile(r"secret(?:\. |\s)?\d+"),
    "secret.bracket": re.compile(r"\[[^\]]*\]"),
    "bad": re.compile("BAD"),
}


def judge(exchange: Exchange, *, pending: bool = True) -> Verdict:
    """A verdict by a small real detector: numbers after "secret" (even across a sentence end), what stands in
    brackets (over any number of sentences), and BAD."""
    findings = [
        Finding("d", category, span=segment.span(*m.span()))
        for segment in exchange.segments
        for category, pattern in FINDS.items()
        for m in pattern.finditer(segment.text)
    ]
    outcome = Outcome("d@1", tuple(findings), open=unfinished(exchange) if pending else ())
    return decide(POLICY, exchange, [outcome], today=DAY)


def unfinished(exchange: Exchange) -> tuple[Span, ...]:
    """``secret`` with what may still become a number after it."""
    ends = ((s, OPEN.search(s.text)) for s in exchange.segments)
    return tuple(s.span(m.start(), m.end()) for s, m in ends if m is not None)


def run(chunks: Sequence[str], stream: StreamPolicy) -> tuple[str, bool, list[str]]:
    """Released text, whether it was cut, and the released text after each chunk."""
    gate: Gate[str] = Gate(REQUEST, stream)
    out, steps, cut = "", [], False
    for chunk in [*chunks, None]:
        if chunk is None:
            gate.close()
        else:
            gate.feed(chunk, [Delta(PATH, Origin.ASSISTANT, chunk)])
        while windows := gate.due():
            for window in windows:
                gate.settle(window, judge(window))
        for piece in gate.release():
            if isinstance(piece, Cut):
                cut = True
            else:
                out += piece.item if piece.texts is None else "".join(piece.texts)
        steps.append(out)
        if gate.over:
            break
    return out, cut, steps


def chunked(text: str, cuts: Sequence[int]) -> list[str]:
    edges = sorted({0, len(text), *(c % (len(text) + 1) for c in cuts)})
    return [text[a:b] for a, b in itertools.pairwise(edges)]


WORDS = st.sampled_from(
    [
        "Hello there. ",
        "secret 12345",
        "secret. 99 ",
        "BAD",
        "wor",
        "ds ",
        "é✓ ",
        "\n",
        "!? ",
        "secret",
        " 7",
        "x" * 60,
        "[",
        "]. ",
    ]
)
TEXT = st.lists(WORDS, max_size=25).map("".join)
CUTS = st.lists(st.integers(0, 10_000), max_size=30)
MODES = st.sampled_from([StreamMode.WINDOWED, StreamMode.BUFFERED, StreamMode.OBSERVE])


@settings(max_examples=500)
@given(TEXT, CUTS, MODES, st.integers(20, 120), st.integers(0, 60))
def test_any_chunking_releases_the_same_text(
    text: str, cuts: list[int], mode: StreamMode, hold: int, overlap: int
) -> None:
    stream = StreamPolicy(mode, hold, overlap)
    whole, whole_cut, _ = run([text] if text else [], stream)
    pieces, pieces_cut, _ = run(chunked(text, cuts), stream)
    assert (pieces, pieces_cut) == (whole, whole_cut)


@settings(max_examples=500)
@given(TEXT, CUTS)
def test_a_stream_that_is_not_cut_is_the_whole_redacted(text: str, cuts: list[int]) -> None:
    verdict = judge(Exchange("x", Stage.OUTPUT, (Segment(PATH, Origin.ASSISTANT, text),)))
    for mode in (StreamMode.WINDOWED, StreamMode.BUFFERED):
        released, cut, _ = run(chunked(text, cuts), StreamPolicy(mode))
        assert cut == verdict.blocked
        expected = apply_edits(text, PATH, verdict.edits)
        if cut:
            assert "BAD" not in released
            assert expected.startswith(released)
        else:
            assert released == expected


@settings(max_examples=400)
@given(TEXT, CUTS)
def test_nothing_before_the_end_of_a_finding_leaves_unjudged(text: str, cuts: list[int]) -> None:
    """Whatever has left at any moment is a beginning of the redacted text: no finding ever left."""
    verdict = judge(Exchange("x", Stage.OUTPUT, (Segment(PATH, Origin.ASSISTANT, text),)))
    expected = apply_edits(text, PATH, verdict.edits)
    _, _, steps = run(chunked(text, cuts), StreamPolicy())
    assert all(expected.startswith(step) for step in steps)


def test_the_first_sentence_leaves_when_it_is_complete() -> None:
    _, _, steps = run(["One two", " three.", " Four", " five."], StreamPolicy())
    assert steps == ["", "", "One two three.", "One two three.", "One two three. Four five."]


def test_observe_never_holds() -> None:
    released, cut, steps = run(["a BAD", " secret 1"], StreamPolicy(StreamMode.OBSERVE))
    assert steps[0] == "a BAD"
    assert (released, cut) == ("a BAD secret 1", False)


def test_a_finding_known_too_late_stops_the_stream() -> None:
    """What should have been taken out has left in part: the rest must not follow."""
    gate: Gate[str] = Gate(REQUEST, StreamPolicy())
    gate.feed("a secret. 12", [Delta(PATH, Origin.ASSISTANT, "a secret. 12")])
    (window,) = gate.due()
    gate.settle(window, judge(window, pending=False))  # nobody said that it was open
    gate.feed("345. More. ", [Delta(PATH, Origin.ASSISTANT, "345. More. ")])
    assert window.segments[0].text == "a secret. "
    gate.release()
    for window in gate.due():
        gate.settle(window, judge(window))
    gate.close()
    for window in gate.due():
        gate.settle(window, judge(window))
    text = "".join(
        p.item if p.texts is None else "".join(p.texts) for p in gate.release() if not isinstance(p, Cut)
    )
    assert "345" not in text


@pytest.mark.parametrize("mode", [StreamMode.WINDOWED, StreamMode.BUFFERED])
def test_other_choices_go_on_when_one_is_stopped(mode: StreamMode) -> None:
    gate: Gate[str] = Gate(REQUEST, StreamPolicy(mode), choices=2)
    other = "/choices/1/message/content"
    gate.feed("a", [Delta(PATH, Origin.ASSISTANT, "Fine. BAD here. No. ", 0)])
    gate.feed("b", [Delta(other, Origin.ASSISTANT, "Good. Very good. ", 1)])
    gate.feed("end 0", [], [0])
    gate.feed("end 1", [], [1])
    gate.close()
    while windows := gate.due():
        for window in windows:
            gate.settle(window, judge(window))
    released = gate.release()
    assert not gate.over
    items = [p.item for p in released if not isinstance(p, Cut)]
    assert "b" in items
    assert "end 1" in items
    assert "end 0" not in items
    assert [p.choices for p in released if isinstance(p, Cut)] == [(0,)]
