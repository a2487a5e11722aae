"""Many patterns at once: what matches, and that a failure is no empty answer."""

from __future__ import annotations

import pytest

from safety.detectors.normalise.patterns import PatternSet


def test_tells_which_patterns_match() -> None:
    patterns = PatternSet(["cat", r"\bdog\b", "größe", "(?i)fish"])
    assert sorted(patterns.match("a cat, a FISH and die größe")) == [0, 2, 3]
    assert patterns.match("a dogma") == []
    assert patterns.match("") == []
    assert patterns.match("größe".encode()) == [2]


def test_no_pattern_matches_nothing() -> None:
    assert PatternSet([]).match("anything") == []


def test_a_pattern_the_engine_cannot_read_is_an_error() -> None:
    with pytest.raises(Exception, match="failed to add"):
        PatternSet(["(?=lookahead)"])
