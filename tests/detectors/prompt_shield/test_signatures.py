"""Every row against its own positives, negatives and known misses; and the table as a whole."""

from __future__ import annotations

import re
from functools import cache

import pytest

from safety.detectors.prompt_shield import (
    KINDS,
    LANGUAGES,
    SIGNATURES,
    PromptShield,
    PromptShieldOptions,
    Signature,
)
from safety.types import Exchange, Origin, Segment, Stage

LEAST = PromptShieldOptions().min_score
rows = pytest.mark.parametrize("row", SIGNATURES, ids=lambda row: row.id)


@cache
def only(row: Signature) -> PromptShield:
    return PromptShield(PromptShieldOptions(without=tuple(other.id for other in SIGNATURES if other != row)))


def best(detector: PromptShield, text: str) -> float:
    """The highest score of ``text`` in either origin."""
    segments = [Segment("/0", origin, text) for origin in (Origin.USER, Origin.DOCUMENT)]
    found = detector.detect([Exchange("x", Stage.INPUT, (segment,)) for segment in segments])
    return max((finding.score for findings in found for finding in findings), default=0.0)


@rows
def test_positives_match(row: Signature) -> None:
    strong = max(row.user, row.document) >= 0.5
    assert row.positives
    for text in row.positives:
        assert best(only(row), text) >= (0.5 if strong else LEAST), text


@rows
def test_negatives_do_not(row: Signature) -> None:
    assert row.negatives
    for text in row.negatives:
        assert best(only(row), text) == 0, text


@rows
def test_known_misses_are_missed(row: Signature) -> None:
    assert row.misses
    for text in row.misses:
        assert best(only(row), text) == 0, text


@rows
def test_row_is_well_formed(row: Signature) -> None:
    assert re.fullmatch("[a-z0-9]+(?:-[a-z0-9]+)*", row.id)
    assert row.kind in KINDS
    assert row.languages
    assert 0 <= row.user <= 1
    assert 0 <= row.document <= 1
    assert max(row.user, row.document) >= LEAST
    assert not re.search(r"(?<!\\)\[[^\]\\]* [^\]]*\]", row.pattern), "a space in a class: write \\s"
    assert row.pattern == row.pattern.casefold() or re.search(r"\\[pBDSWZA]", row.pattern)


def test_ids_are_unique() -> None:
    assert len({row.id for row in SIGNATURES}) == len(SIGNATURES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_rows_for_users_and_for_documents(language: str) -> None:
    mine = [row for row in SIGNATURES if language in row.languages]
    assert {row.kind for row in mine if row.user} >= {"changed_rules", "role_play"}
    assert any(row.document and not row.user for row in mine)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_row(kind: str) -> None:
    assert any(row.kind == kind for row in SIGNATURES)


def test_all_rows_together_stay_quiet_on_every_negative() -> None:
    detector = PromptShield()
    loud = [text for row in SIGNATURES for text in row.negatives if best(detector, text) >= 0.5]
    assert loud == []
