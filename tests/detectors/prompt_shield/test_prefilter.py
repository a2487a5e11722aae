"""The words a pattern needs, and that a row is never left out where it matches."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safety.detectors.normalise import fold
from safety.detectors.prompt_shield import SIGNATURES
from safety.detectors.prompt_shield.prefilter import Prefilter, needs

WORDS = {
    "a word": (r"\bsystem\b", [{"system"}]),
    "alternatives": (
        "(?:show|print) (?:rules|prompt)",
        [{"show rules", "show prompt", "print rules", "print prompt"}],
    ),
    "the shorter of two": ("(?:rule|rules)", [{"rule"}]),
    "a gap": (r"ignore (?:\w+ )*prompt", [{"ignore "}, {"prompt"}]),
    "optional parts": ("dis(?:re)?gard", [{"disgard", "disregard"}]),
    "at least once": ("(?:hello)+ friend", [{"hello"}, {" friend"}]),
    "repeated": ("x{0,3}world{2,4}", [{"worl"}]),
    "classes": ("gr[ae]y", [{"gray", "grey"}]),
    "a range is anything": ("abc[a-z]def", [{"abc"}, {"def"}]),
    "too common": (r"the\w* you", []),
    "too short": ("(?:ai|model)", []),
    "one branch says nothing": (r"(?:prompt|\w+)", []),
    "each branch says something": (r"(?:prompt\d|rule\d)", [{"prompt", "rule"}]),
    "scripts without spaces": ("(?:忽略|无视).*指令", [{"忽略", "无视"}, {"指令"}]),
    "white space": (r"new\stask", [{"new task"}]),
    "escapes": (r"\[inst\]", [{"[inst]"}]),
}


@pytest.mark.parametrize(("pattern", "expected"), WORDS.values(), ids=WORDS)
def test_needs(pattern: str, expected: list[set[str]]) -> None:
    assert sorted(map(sorted, needs(pattern))) == sorted(map(sorted, expected))


@pytest.mark.parametrize("pattern", ["(?=x)y", "(a", "a)", "[a", "*a", "a\\"])
def test_what_it_cannot_read_is_an_error(pattern: str) -> None:
    with pytest.raises(ValueError, match="signature:"):
        needs(pattern)


def test_candidates() -> None:
    rows = Prefilter(["ignore .*rules", "print .*prompt", r"\d\d"])
    assert rows.candidates("ignore 1") == [2]
    assert rows.candidates("print the rules") == [2]
    assert rows.candidates("ignore\nthe rules, print the prompt") == [0, 1, 2]


def test_every_row_needs_a_word() -> None:
    assert [row.id for row in SIGNATURES if not needs(row.expression)] == []


ROWS = Prefilter([row.expression for row in SIGNATURES])
# What Python's engine, which makes the examples, reads too.
PYTHON = [i for i, row in enumerate(SIGNATURES) if r"\p" not in row.pattern]


@given(st.data())
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_a_row_matches_it_is_a_candidate_for(data: st.DataObject) -> None:
    index = data.draw(st.sampled_from(PYTHON))
    pattern = SIGNATURES[index].expression.replace(r"\z", r"\Z")
    text = data.draw(st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True))
    assert index in ROWS.candidates(re.sub(r"\s", " ", text))  # as folding leaves it


def test_every_positive_is_a_candidate() -> None:
    for index, row in enumerate(SIGNATURES):
        for text in row.positives:
            if row.id != "squashed-order":  # matched in a joined view only
                assert index in ROWS.candidates(fold(text)), (row.id, text)
