"""Labelled rows: every shape from every kind of file, and a clear line for what cannot be read."""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safety.errors import ConfigError
from safety.measure.rows import Row, read_row, read_rows
from safety.scan.files import Row as FileRow
from safety.types import Origin


def read(value: dict[str, Any]) -> Row:
    return read_row("a:1", FileRow(1, value))


def write(path: Path, rows: list[Any]) -> Path:
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize(
    ("value", "origin", "labels"),
    [
        ({"label": "benign"}, "user", {"prompt_attack": 0}),
        ({"label": "direct"}, "user", {"prompt_attack": 1}),
        ({"label": "indirect"}, "document", {"indirect_attack": 1}),
        ({"label": "benign", "surface": "document"}, "document", {"indirect_attack": 0}),
        ({"label": 1, "surface": "document"}, "document", {"indirect_attack": 1}),
        ({"label": 0}, "user", {"prompt_attack": 0}),
        ({"label": "1", "surface": "user"}, "user", {"prompt_attack": 1}),
        ({"label": True}, "user", {"prompt_attack": 1}),
        ({"labels": {"hate": 1, "sexual": None, "violence": 0}}, "user", {"hate": 1, "violence": 0}),
        ({"labels": {}}, "user", {}),
        (
            {"labels": {"pii.EMAIL_ADDRESS": 1}, "origin": "tool_result"},
            "tool_result",
            {"pii.EMAIL_ADDRESS": 1},
        ),
        ({"labels": {"hate": 0}, "surface": "document"}, "document", {"hate": 0}),
        ({"labels": {"hate": 0}, "label": "direct"}, "user", {"hate": 0}),
    ],
)
def test_texts(value: dict[str, Any], origin: str, labels: dict[str, int]) -> None:
    row = read({"text": "x", "severity": 4, "unknown": [], **value})
    assert (row.text, row.origin, dict(row.labels), row.documents) == ("x", Origin(origin), labels, ())


def test_pairs_are_answers_compared_with_their_premise() -> None:
    row = read({"premise": "p", "claim": "c", "label": 1, "doc_id": "d"})
    assert row == Row("a:1", "c", Origin.ASSISTANT, {"ungrounded": 0}, ("p",))
    assert read({"premise": "p", "claim": "c", "label": 0}).labels == {"ungrounded": 1}


def test_responses_are_ungrounded_where_a_span_is() -> None:
    value = {"sources": ["a", "b"], "response": "r", "query": "q", "spans": [{"start": 0, "end": 1}]}
    row = read(value)
    assert row == Row("a:1", "r", Origin.ASSISTANT, {"ungrounded": 1}, ("a", "b"), "q")
    assert read({**value, "spans": [], "query": None}).labels == {"ungrounded": 0}


def test_slices_are_words_or_nothing() -> None:
    row = read({"text": "x", "label": 0, "source": "s", "kind": None, "lang": "de", "group": 7})
    assert (row.source, row.kind, row.lang, row.group) == ("s", "", "de", "7")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({}, "no labelled text: a row is {text, label}, {text, labels}"),
        ({"text": "x"}, "no labelled text"),
        ({"text": "x", "label": "evil"}, "label: 'evil': must be one of 0, 1, benign, direct, indirect"),
        ({"text": "x", "label": 2}, "label: 2: must be one of 0, 1"),
        ({"text": "x", "label": 0.5}, "label: 0.5: must be one of 0, 1"),
        ({"text": "x", "label": [1]}, "label: of type list: must be one of 0, 1"),
        ({"text": 3, "label": 0}, "text: 3: must be a text"),
        ({"text": None, "label": 0}, "text: missing: must be a text"),
        ({"text": "x", "label": 0, "surface": "web"}, "surface: 'web': must be one of user, document"),
        ({"text": "x", "label": 0, "kind": {}}, "kind: of type dict: must be a text"),
        ({"text": "x", "labels": {"hate": "yes"}}, "labels: hate: 'yes': must be one of 0, 1"),
        ({"text": "x", "labels": [1]}, "labels: of type list: must be an object of category to 0, 1 or null"),
        ({"text": "x", "labels": {}, "origin": "web"}, "origin: 'web': must be one of system, user"),
        ({"premise": "p", "claim": "c"}, "label: missing: must be one of 0, 1"),
        ({"premise": " ", "claim": "c", "label": 1}, "nothing to compare with"),
        ({"premise": None, "claim": "c", "label": 1}, "premise: missing: must be a text"),
        ({"sources": [], "response": "r", "spans": []}, "nothing to compare with"),
        ({"sources": [3], "response": "r", "spans": []}, "sources: item 0 is of type int"),
        ({"sources": "s", "response": "r", "spans": []}, "sources: 's': must be a list"),
        ({"sources": ["s"], "response": "r"}, "spans: missing: must be a list"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(value: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=r"^a:1: ") as error:
        read(value)
    assert said in str(error.value)


def test_the_line_of_a_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "x", "label": 0}\n\n{"text": "x", "label": 9}\n')
    with pytest.raises(ConfigError, match=r"a\.jsonl:3: label: 9: must be one of"):
        read_rows([path])
    path.write_text('{"text": "x", "label": 0}\nnot json\n')
    with pytest.raises(ConfigError, match=r"a\.jsonl:2: not JSON: .*: one JSON object per line"):
        read_rows([path])
    path.write_text("\n")
    with pytest.raises(ConfigError, match="no rows"):
        read_rows([path])


def test_shapes_may_be_mixed_and_files_follow_each_other(tmp_path: Path) -> None:
    first = write(
        tmp_path / "a.jsonl", [{"text": "x", "label": 0}, {"premise": "p", "claim": "c", "label": 0}]
    )
    second = write(tmp_path / "b.jsonl.gz", [{"text": "y", "labels": {"hate": 1}}])
    rows = read_rows([first, second])
    assert [(row.place, row.text) for row in rows] == [
        (f"{first}:1", "x"),
        (f"{first}:2", "c"),
        (f"{second}:1", "y"),
    ]


def test_csv_has_the_same_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            "text label surface labels.hate labels.sexual premise claim sources response spans".split()
        )
        writer.writerow(["x", "direct", "", "", "", "", "", "", "", ""])
        writer.writerow(["y", "", "", "1", "", "", "", "", "", ""])
        writer.writerow(["", "0", "", "", "", "p", "c", "", "", ""])
        writer.writerow(["", "", "", "", "", "", "", '["s"]', "r", '[{"start": 0}]'])
    assert [(row.text, dict(row.labels), row.documents) for row in read_rows([path])] == [
        ("x", {"prompt_attack": 1}, ()),
        ("y", {"hate": 1}, ()),
        ("c", {"ungrounded": 1}, ("p",)),
        ("r", {"ungrounded": 1}, ("s",)),
    ]
    path.write_text("text,label\nx,maybe\n")
    with pytest.raises(ConfigError, match=r"a\.csv:2: label: 'maybe'"):
        read_rows([path])


TEXTS = st.text(
    st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), min_size=1, max_size=20
)
ROWS = st.fixed_dictionaries(
    {"text": TEXTS, "label": st.sampled_from(["benign", "direct", "indirect", "0", "1"])},
    optional={"surface": st.sampled_from(["user", "document"]), "lang": TEXTS, "group": TEXTS},
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(ROWS, min_size=1, max_size=5))
def test_csv_and_json_lines_say_the_same(tmp_path: Path, rows: list[dict[str, str]]) -> None:
    table = tmp_path / "a.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["text", "label", "surface", "lang", "group"])
        writer.writeheader()
        writer.writerows(rows)
    lines = read_rows([write(tmp_path / "a.jsonl", rows)])
    assert [replace(row, place="") for row in read_rows([table])] == [replace(row, place="") for row in lines]


def test_a_sample_is_always_the_same_and_in_order(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [{"text": str(n), "label": 0} for n in range(100)])
    chosen = [int(row.text) for row in read_rows([path], 10)]
    assert len(set(chosen)) == 10
    assert chosen == sorted(chosen)
    assert chosen != list(range(10))
    assert [int(row.text) for row in read_rows([path], 10)] == chosen
    assert len(read_rows([path], 1000)) == 100
