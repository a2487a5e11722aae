from __future__ import annotations

import json

import pytest

from safety.types import Action, Exchange, Finding, Hit, Span, Stage, Verdict
from safety.wire import content_filter


def hit(category: str, action: Action = Action.BLOCK, *, enforced: bool = True, **finding: object) -> Hit:
    return Hit("rule-1", action, Finding("detector", category, **finding), enforced)  # type: ignore[arg-type]


SAFE = {"filtered": False, "severity": "safe"}
HARMS = {"hate": SAFE, "self_harm": SAFE, "sexual": SAFE, "violence": SAFE}
CALM = {"filtered": False, "detected": False}


def test_nothing_found() -> None:
    assert content_filter.results([], Stage.OUTPUT) == HARMS
    assert content_filter.results([], Stage.INPUT) == {**HARMS, "jailbreak": CALM, "indirect_attack": CALM}


@pytest.mark.parametrize(
    ("severity", "word"), list(enumerate(["safe", "safe", "low", "low", "medium", "medium", "high", "high"]))
)
def test_severities_fold_two_by_two(severity: int, word: str) -> None:
    results = content_filter.results([hit("violence", severity=severity)], Stage.INPUT)
    assert results["violence"] == {"filtered": True, "severity": word}


@pytest.mark.parametrize(
    ("hits", "key", "expected"),
    [
        ([hit("prompt_attack.role_play")], "jailbreak", {"filtered": True, "detected": True}),
        ([hit("indirect_attack", Action.ANNOTATE)], "indirect_attack", {"filtered": False, "detected": True}),
        ([hit("prompt_attack", enforced=False)], "jailbreak", {"filtered": False, "detected": True}),
        (
            [hit("hate", severity=2), hit("hate", Action.ANNOTATE, severity=6)],
            "hate",
            {"filtered": True, "severity": "high"},
        ),
        ([hit("hate", score=0.9)], "hate", {"filtered": True, "severity": "high"}),
        (
            [hit("blocklist.names"), hit("blocklist", Action.ANNOTATE)],
            "custom_blocklists",
            {
                "filtered": True,
                "details": [{"id": "names", "filtered": True}, {"id": "rule-1", "filtered": False}],
            },
        ),
        (
            [hit("pii.IBAN_CODE", Action.REDACT), hit("pii.IBAN_CODE", Action.ANNOTATE)],
            "personally_identifiable_information",
            {
                "filtered": False,
                "detected": True,
                "sub_categories": [
                    {"sub_category": "IBAN_CODE", "detected": True, "filtered": False, "redacted": True}
                ],
            },
        ),
        (
            [hit("ungrounded", span=Span("/choices/0/message/content", 3, 9)), hit("ungrounded")],
            "ungrounded_material",
            {
                "filtered": True,
                "detected": True,
                "details": [{"completion_start_offset": 3, "completion_end_offset": 9}],
            },
        ),
    ],
)
def test_rows(hits: list[Hit], key: str, expected: object) -> None:
    assert content_filter.results(hits, Stage.INPUT)[key] == expected


def test_a_check_that_did_not_run_is_said_without_its_inner_error() -> None:
    found = Finding("pii", "not_run.failed", evidence="/etc/models/x: no such file")
    results = content_filter.results([Hit("on_error", Action.BLOCK, found)], Stage.INPUT)
    assert results["error"] == {"code": "content_filter_error", "message": "not run: pii"}


def test_what_azure_has_no_word_for_is_in_the_extras_only() -> None:
    hits = (hit("secrets.aws", detail="AKIA...", evidence="AKIA", score=0.98765),)
    exchange = Exchange("ev-1", Stage.INPUT, ())
    verdict = Verdict(exchange, "default@1", Action.BLOCK, Action.BLOCK, hits)
    assert content_filter.results(hits, Stage.OUTPUT) == HARMS
    extras = content_filter.extras(verdict, hits)
    assert extras == {
        "event_id": "ev-1",
        "policy": "default@1",
        "rules": [
            {
                "rule": "rule-1",
                "action": "block",
                "category": "secrets.aws",
                "score": 0.9877,
                "filtered": True,
            }
        ],
    }
    assert "AKIA" not in json.dumps(extras)
