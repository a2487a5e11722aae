"""Rows judged in batches: which exchanges a row makes, what is written of them, and what is counted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from guards import POLICY, guard_of
from hypothesis import given
from hypothesis import strategies as st

from safety.detectors.base import Detector
from safety.events.memory import MemoryLog
from safety.guard import Guard
from safety.policy.model import Policy, Rule, When
from safety.scan.batch import BATCH, Columns, Options, Summary, scan
from safety.scan.files import Row
from safety.types import Action, Exchange, Finding

GUARD = guard_of()


def scanned(*values: Any, guard: Guard = GUARD, encoded: bool = False, **options: Any) -> Any:
    """The lines and the counts of rows with these values."""
    summary = Summary()
    rows = [Row(number, value, encoded=encoded) for number, value in enumerate(values, 1)]
    lines = [line for batch in scan(rows, guard, summary, Options(**options)) for line in batch.lines]
    return [json.loads(line) for line in lines], summary


def judged(value: Any, **options: Any) -> list[tuple[str, str, list[str]]]:
    """Of one row: stage, action and the paths of its hits."""
    lines, _ = scanned(value, everything=True, **options)
    return [(line["stage"], line["action"], [hit["path"] for hit in line["hits"]]) for line in lines]


# --- a row as exchanges -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"text": "fine"}, [("input", "allow", [])]),
        ({"prompt": "", "other": 3}, [("input", "allow", [])]),
        ({"prompt": "forbidden", "text": "hidden"}, [("input", "block", ["/prompt"])]),
        (
            {"question": "fine", "response": "hidden"},
            [("input", "allow", []), ("output", "redact", ["/answer"])],
        ),
        ({"output": "forbidden", "prompt": None}, [("output", "block", ["/answer"])]),
        ({"sources": "two words"}, [("input", "block", ["/documents/0"])]),
        (
            {"prompt": "q", "documents": ["a", {"text": "hidden"}, {"page_content": "b"}]},
            [("input", "redact", ["/documents/1"])],
        ),
        (
            {"messages": [{"role": "user", "content": "hidden"}], "answer": "x"},
            [("input", "redact", ["/messages/0/content"]), ("output", "allow", [])],
        ),
        (
            {"messages": '[{"role": "user", "content": "hidden", "name": null}]'},
            [("input", "redact", ["/messages/0/content"])],
        ),
    ],
)
def test_a_row_makes_one_exchange_or_two(value: Any, expected: Any) -> None:
    assert judged(value) == expected


def test_lists_stand_as_json_in_csv() -> None:
    assert judged({"text": "q", "documents": '["a", "hidden"]'}, encoded=True)[0][2] == ["/documents/1"]
    assert judged({"text": "q", "documents": "[1] hidden"}, encoded=True)[0][2] == ["/documents/0"]
    assert judged({"text": "q", "documents": "", "messages": ""}, encoded=True) == [("input", "allow", [])]


def test_an_answer_is_judged_against_its_own_row() -> None:
    class Copies(Detector):
        """Finds answers that repeat a document."""

        name = "copies"
        categories = ("copy",)

        def detect(self, batch: Sequence[Exchange]) -> list[list[Finding]]:
            known = [{s.text for s in e.context if s.origin == "document"} for e in batch]
            return [
                [Finding(self.name, "copy", span=s.whole()) for s in e.segments if s.text in texts]
                for e, texts in zip(batch, known, strict=True)
            ]

    policy = Policy("t", rules=(Rule("copy", When(("copy",)), Action.BLOCK),))
    rows = [{"documents": ["a"], "answer": "b"}, {"documents": ["b"], "answer": "b"}, {"answer": "a"}]
    lines, _ = scanned(*rows, guard=Guard(policy, [Copies()]))
    assert [line["row"] for line in lines] == [2]


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ({"other": "x"}, "nothing to judge: a row has one of the columns prompt, question, text"),
        ({"text": None}, "nothing to judge"),
        ({"text": 3}, "column 'text': of type int: must be a text"),
        ({"answer": ["x"]}, "column 'answer': of type list"),
        ({"documents": [3]}, "column 'documents': item 0 is of type int: must be a str, an object or dict"),
        ({"documents": {"a": "b"}}, "column 'documents': of type dict: must be a str, an object or dict"),
        ({"messages": "hello"}, "column 'messages': of type str: must be a list of OpenAI messages"),
        ({"messages": [{"role": "boss"}]}, "/messages/0/role: is not a known role"),
        ({"messages": []}, "/messages: is a list"),
        ({"messages": [], "text": "x"}, "both a prompt and messages"),
    ],
)
def test_a_row_that_cannot_be_judged_is_reported(value: Any, error: str) -> None:
    lines, summary = scanned({"text": "fine"}, {**value, "id": 7}, {"text": "forbidden"})
    assert (lines[0]["row"], lines[0]["id"], lines[1]["row"]) == (2, 7, 3)
    assert error in lines[0]["error"]
    assert (summary.rows, summary.errors, summary.findings, summary.clean) == (3, 1, 1, False)


def test_named_columns() -> None:
    columns = Columns(prompt=("q",), id=("key",), required=frozenset({"q"}))
    lines, _ = scanned({"q": "forbidden", "key": "k"}, {"Q": "x", "answer": "y"}, columns=columns)
    assert (lines[0]["id"], lines[0]["action"]) == ("k", "block")
    assert lines[1]["error"] == "no column 'q': it was named as one to read"


# --- what is written and counted --------------------------------------------------------------------------


def test_a_line_says_what_was_found_and_where() -> None:
    (line,), _ = scanned({"id": "r1", "text": "a forbidden word"})
    assert (line["row"], line["id"], line["stage"]) == (1, "r1", "input")
    assert (line["action"], line["would"], line["complete"], line["not_run"]) == ("block", "block", True, [])
    (hit,) = line["hits"]
    assert hit["rule"] == "stop"
    assert hit["category"] == "blocklist.stop"
    assert (hit["path"], hit["start"], hit["end"], hit["score"]) == ("/prompt", 2, 11, 1.0)
    assert "forbidden" not in json.dumps(line)


def test_text_is_written_only_when_asked_for() -> None:
    (line,), _ = scanned({"text": "a forbidden word"}, text=True)
    assert line["hits"][0]["excerpt"] == "a ‹forbidden› word"


def test_what_did_not_run_is_not_clean() -> None:
    class Broken(Detector):
        name = "broken"
        categories = ("x",)

        def detect(self, batch: Sequence[Exchange]) -> list[list[Finding]]:
            raise RuntimeError(f"cannot read '{batch[0].segments[0].text}'")

    policy = Policy("t", rules=(Rule("x", When(("x",)), Action.BLOCK),), on_error=Action.ALLOW)
    lines, summary = scanned({"text": "secretive"}, {"text": "more"}, guard=Guard(policy, [Broken()]))
    assert [(line["action"], line["complete"]) for line in lines] == [("allow", False)] * 2
    assert lines[0]["not_run"][0]["detector"] == "broken@1"
    assert "secretive" not in json.dumps(lines)
    assert (summary.findings, dict(summary.not_run), summary.clean) == (0, {"broken@1": 2}, False)


def test_monitored_findings_count() -> None:
    guard = guard_of(policy=POLICY.replace("name: test", "name: test\nmode: monitor"))
    lines, summary = scanned({"text": "forbidden"}, {"text": "fine"}, guard=guard)
    assert [(line["action"], line["would"]) for line in lines] == [("allow", "block")]
    assert (dict(summary.actions), dict(summary.would)) == ({"allow": 2}, {"allow": 1, "block": 1})
    assert (summary.findings, summary.clean) == (1, False)


def test_the_threshold_moves_what_counts() -> None:
    for threshold, findings in ((Action.ANNOTATE, 2), (Action.REDACT, 2), (Action.BLOCK, 1)):
        lines, summary = scanned({"text": "forbidden"}, {"text": "hidden"}, threshold=threshold)
        assert (len(lines), summary.findings) == (2, findings)


def test_nothing_is_recorded_unless_asked_for() -> None:
    log = MemoryLog()
    guard = guard_of(log)
    rows = [{"text": "forbidden", "answer": "x"}, {"text": "fine"}]
    scanned(*rows, guard=guard)
    assert log.events == ()
    lines, _ = scanned(*rows, guard=guard, record=True)
    assert [str(event.action) for event in log.events] == ["block", "allow", "allow"]
    assert lines[0]["event"] == log.events[0].id
    assert len({event.id for event in log.events}) == 3


def test_batches_are_bounded_and_rows_are_taken_as_they_are_needed() -> None:
    taken = 0

    def rows() -> Any:
        nonlocal taken
        for number in range(1, 3 * BATCH):
            taken = number
            yield Row(number, {"text": "forbidden"})

    batches = scan(rows(), GUARD, Summary())
    first = next(batches)
    assert (first.rows, first.row, len(first.lines), taken) == (BATCH, BATCH, BATCH, BATCH)
    assert [batch.rows for batch in batches] == [BATCH, BATCH - 1]


def test_a_summary_survives_the_disk() -> None:
    _, summary = scanned({"text": "forbidden"}, {"text": 3}, {"text": "hidden"})
    assert Summary.from_json(json.loads(json.dumps(summary.as_json()))) == summary
    assert Summary.from_json(None) == Summary()


@given(st.lists(st.sampled_from(["fine", "a forbidden one", "hidden", "two words", 3]), max_size=20))
def test_each_row_gets_the_verdict_it_would_get_alone(texts: list[Any]) -> None:
    lines, summary = scanned(*({"text": text} for text in texts), everything=True)
    assert [line["row"] for line in lines] == list(range(1, len(texts) + 1))
    for text, line in zip(texts, lines, strict=True):
        if isinstance(text, str):
            assert line["action"] == str(GUARD.check_prompt(text).action)
    assert summary.rows == len(texts) == summary.errors + sum(summary.actions.values())
