from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from safety.detectors.blocklist import (
    KNOWN_MISSES,
    NEGATIVES,
    POSITIVES,
    Blocklist,
    BlocklistOptions,
    ListOptions,
    Squeezed,
    fold_case,
)
from safety.errors import ConfigError
from safety.types import Exchange, Origin, Segment, Stage


def blocklist(**lists: ListOptions) -> Blocklist:
    return Blocklist(BlocklistOptions(lists))


def exchange(text: str, start: int = 0) -> Exchange:
    return Exchange("x", Stage.INPUT, (Segment("/messages/0/content", Origin.USER, text, start),))


def found(detector: Blocklist, text: str) -> list[str]:
    [findings] = detector.detect([exchange(text)])
    return [text[f.span.start : f.span.end] for f in findings]


@pytest.mark.parametrize(("options", "text", "excerpt"), POSITIVES)
def test_positives(options, text, excerpt):
    assert found(blocklist(x=options), text) == [excerpt]


@pytest.mark.parametrize(("options", "text"), NEGATIVES)
def test_negatives(options, text):
    assert found(blocklist(x=options), text) == []


@pytest.mark.parametrize(("options", "text"), KNOWN_MISSES)
def test_known_misses_are_still_missed(options, text):
    assert found(blocklist(x=options), text) == []


def test_findings_say_which_list_and_entry_and_quote_nothing():
    detector = blocklist(
        people=ListOptions(terms=("ann", "bob")), codes=ListOptions(patterns=(r"\bQX-\d+", r"\bBOB\b"))
    )
    [findings] = detector.detect([exchange("Bob has QX-17", start=100)])
    assert [(f.category, f.evidence, f.span.start, f.span.end) for f in findings] == [
        ("blocklist.codes", "pattern 1", 100, 103),
        ("blocklist.people", "term 1", 100, 103),
        ("blocklist.codes", "pattern 0", 108, 113),
    ]
    assert all(f.score == 1.0 and f.detector == "blocklist" for f in findings)


def test_a_disguise_is_named_in_the_evidence():
    [[finding]] = blocklist(x=ListOptions(terms=("foo",))).detect([exchange("f.o.o")])
    assert finding.evidence == "term 0 (spelled)"


def test_of_nested_terms_the_widest_is_reported_once_per_list():
    detector = blocklist(a=ListOptions(terms=("red", "red fox")), b=ListOptions(terms=("fox",)))
    assert sorted(found(detector, "a red fox")) == ["fox", "red fox"]


def test_the_same_term_in_two_lists_is_found_for_both():
    detector = blocklist(a=ListOptions(terms=("foo",)), b=ListOptions(terms=("FOO",), case="match"))
    [findings] = detector.detect([exchange("FOO")])
    assert {f.category for f in findings} == {"blocklist.a", "blocklist.b"}


def test_terms_come_from_files_and_count_on(tmp_path):
    file = tmp_path / "terms.txt"
    file.write_text("alpha beta\n\n# not a comment\nгамма\n", encoding="utf-8-sig")
    detector = blocklist(x=ListOptions(terms=("first",), files=(file,)))
    assert found(detector, "Alpha\n beta, ГАММА, # not a comment.") == [
        "Alpha\n beta",
        "ГАММА",
        "# not a comment",
    ]
    [[finding]] = detector.detect([exchange("гамма")])
    assert finding.evidence == "term 3"


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        (
            {"x": ListOptions(patterns=("ok", "(?=a)"))},
            r"lists\.x\.patterns\[1\]: '\(\?=a\)' does not compile",
        ),
        ({"x": ListOptions(patterns=("a{900}{900}",))}, r"lists\.x\.patterns\[0\]"),
        ({"x": ListOptions(terms=("ok", " "))}, r"lists\.x\.terms\[1\]: empty"),
        ({"x y": ListOptions()}, r"lists: 'x y' is no name"),
        (
            {"x": ListOptions(files=(Path("/no/such/file"),))},
            r"lists\.x\.files: /no/such/file cannot be read",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place(lists, message):
    with pytest.raises(ConfigError, match=message) as error:
        Blocklist(BlocklistOptions(lists))
    assert "allowed" in str(error.value)
    assert "\n" not in str(error.value)


def test_options_are_read_from_plain_values():
    adapter = TypeAdapter(BlocklistOptions)
    options = adapter.validate_python({"lists": {"x": {"terms": ["Foo"], "case": "match"}}})
    assert options == BlocklistOptions({"x": ListOptions(terms=("Foo",), case="match")})


def test_no_lists_find_nothing():
    assert Blocklist().detect([exchange("anything"), exchange("")]) == [[], []]


def test_patterns_too_large_for_one_automaton_are_still_searched():
    patterns = tuple(f"[a-q][^u-z]{{{n}}}x{n}" for n in range(900, 990))
    text = "a" + "b" * 950 + "x950"
    assert found(blocklist(x=ListOptions(patterns=patterns)), text) == [text]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("tell me about project", 14),
        ("tell me about Project  \n", 14),
        ("tell me about project x-", 14),
        ("tell me about a proj", 16),
        ("the red", 4),
        ("project x-ray", None),
        ("project y", None),
        ("subproject", None),
        ("", None),
    ],
)
def test_pending_begins_where_a_term_may(text, at):
    detector = blocklist(x=ListOptions(terms=("Project X-Ray", "red", "red  fox")))
    assert detector.pending(text) == at


SPACES = st.text(" \t\n\u3000ab", max_size=12)
LETTERS = st.text("abAB \n.éßİΣς\u200bｂ日", max_size=30)
TERMS = st.lists(st.text("abé ", min_size=1, max_size=5).filter(str.strip), min_size=1, max_size=6)


@given(LETTERS)
def test_fold_case_moves_nothing(text):
    assert len(fold_case(text)) == len(text)


@given(SPACES)
def test_squeezed_maps_back(text):
    squeezed = Squeezed(text)
    assert squeezed.text == re.sub(r"\s+", " ", text)
    for at, char in enumerate(squeezed.text):
        start, end = squeezed.original(at, at + 1)
        assert text[start:end].isspace() if char == " " else text[start:end] == char


@given(terms=TERMS, text=LETTERS, whole=st.booleans(), case=st.sampled_from(["ignore", "match"]))
def test_every_literal_occurrence_is_covered(terms, text, whole, case):
    """The automaton against the obvious expression, on text as it stands."""
    options = ListOptions(tuple(terms), case=case, whole_words=whole, normalised=False)
    [findings] = blocklist(x=options).detect([exchange(text)])
    covered = [(f.span.start, f.span.end) for f in findings]
    for term in terms:
        words = r"\s+".join(map(re.escape, term.split()))
        guarded = rf"(?<![^\W_]){words}(?![^\W_])" if whole else words
        for hit in re.finditer(guarded, text, re.IGNORECASE if case == "ignore" else 0):
            if len(hit[0].split()) == len(term.split()):
                assert any(start <= hit.start() and hit.end() <= end for start, end in covered), (term, hit)


@given(terms=TERMS, text=LETTERS)
def test_spans_lie_in_the_text_and_are_not_nested(terms, text):
    [findings] = blocklist(x=ListOptions(tuple(terms), whole_words=False)).detect([exchange(text)])
    spans = [(f.span.start, f.span.end) for f in findings]
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(first[0] < second[0] and first[1] < second[1] for first, second in pairwise(spans))


@given(before=LETTERS, cut=st.integers(1, 9), after=LETTERS)
def test_nothing_before_the_end_of_a_term_is_let_go(before, cut, after):
    detector = blocklist(x=ListOptions(terms=("bad  word",)))
    text = before + " " + "bad \n word"
    at = detector.pending(text[: len(before) + 1 + cut])
    assert at is not None
    assert at <= len(before) + 1
    assert text in (text + after)


@pytest.mark.parametrize("text", ["a " * 50_000, "\ud800" * 1000, "f.o" * 30_000, " " * 100_000])
def test_hostile_texts_are_read(text):
    assert isinstance(found(blocklist(x=ListOptions(terms=("foo", "x"), patterns=("(a|a)*b",))), text), list)
