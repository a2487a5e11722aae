"""Labelled answers as training reads them, and the ones that come with the package."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from safety.errors import ConfigError
from safety.training.grounding.answers import (
    FAMILY,
    WRITTEN,
    Answer,
    Wrong,
    _marks,
    read_answers,
    written_answers,
)
from safety.training.rows import OWN, lines_of

PAIR = {
    "premise": "Lunch is at noon.",
    "claim": "Lunch is at one.",
    "label": 0,
    "kind": "k",
    "source": "org/a",
}
SPANS = {
    "task": "QA",
    "query": "When is lunch?",
    "sources": ["Lunch is at noon.", "Tea is at four."],
    "response": "It is at one.",
    "spans": [{"start": 9, "end": 12, "kind": "number_swap"}],
    "model": "constructed:org/b",
}


def write(path: Path, *rows: Any) -> None:
    lines = "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(lines.encode()))


def read(tmp_path: Path, pairs: list[Any], spans: list[Any]) -> list[Answer]:
    write(tmp_path / FAMILY / "pairs_train.jsonl.gz", *pairs)
    write(tmp_path / FAMILY / "spans_train.jsonl.gz", *spans)
    return read_answers(tmp_path, "train")


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({}, (Wrong(0, 16, None),)),
        ({"kind": "number_swap"}, (Wrong(0, 16, True),)),
        ({"kind": "not_enough_info"}, (Wrong(0, 16, False),)),
        ({"label": 1, "kind": "number_swap"}, ()),
    ],
)
def test_a_pair_is_an_answer_labelled_as_a_whole(
    tmp_path: Path, change: dict[str, Any], wrong: tuple[Wrong, ...]
) -> None:
    *_, answer = read(tmp_path, [PAIR | change], [SPANS])
    kind = change.get("kind", "k")
    expected = Answer(("Lunch is at noon.",), "", "Lunch is at one.", wrong, False, "org/a", kind)
    assert answer == expected


@pytest.mark.parametrize(("kind", "contradicts"), [("negation", True), ("fabricated", False), ("odd", None)])
def test_a_response_has_its_wrong_words_marked(tmp_path: Path, kind: str, contradicts: bool | None) -> None:
    row = SPANS | {"spans": [{"start": 9, "end": 12, "kind": kind}]}
    answer, _ = read(tmp_path, [PAIR], [row])
    assert answer.wrong == (Wrong(9, 12, contradicts),)
    assert answer.text[9:12] == "one"
    assert answer.marked
    assert (answer.sources, answer.question) == (tuple(SPANS["sources"]), "When is lunch?")
    assert (answer.source, answer.kind, answer.task) == ("org/b", kind, "QA")


def test_a_response_without_spans_is_supported(tmp_path: Path) -> None:
    answer, _ = read(tmp_path, [PAIR], [SPANS | {"spans": [], "query": None}])
    assert (answer.wrong, answer.kind, answer.question) == ((), "supported", "")


@pytest.mark.parametrize(
    "row",
    [
        "{",
        "[]",
        "",
        *({key: value for key, value in PAIR.items() if key != name} for name in PAIR),
        PAIR | {"claim": None},
        PAIR | {"premise": ["Lunch is at noon."]},
        PAIR | {"label": "0"},
        PAIR | {"label": 2},
        PAIR | {"label": None},
        PAIR | {"kind": None},
        PAIR | {"source": 7},
        PAIR | {"source": f"{OWN}qa"},
    ],
)
def test_a_pair_of_another_shape_is_named(tmp_path: Path, row: Any) -> None:
    place = tmp_path / FAMILY / "pairs_train.jsonl.gz"
    with pytest.raises(ConfigError, match=f"not a row of {FAMILY}") as caught:
        read(tmp_path, [PAIR, row], [SPANS])
    assert str(caught.value).startswith(f"{place}:2: ")


@pytest.mark.parametrize(
    "row",
    [
        *({key: value for key, value in SPANS.items() if key != name} for name in SPANS),
        SPANS | {"sources": "Lunch is at noon."},
        SPANS | {"sources": ["Lunch is at noon.", None]},
        SPANS | {"response": None},
        SPANS | {"spans": None},
        SPANS | {"spans": [{"start": 9, "end": 14, "kind": "k"}]},
        SPANS | {"spans": [{"start": -1, "end": 3, "kind": "k"}]},
        SPANS | {"spans": [{"start": 3, "end": 3, "kind": "k"}]},
        SPANS | {"spans": [{"start": "9", "end": "12", "kind": "k"}]},
        SPANS | {"spans": [{"start": 9, "end": 12, "kind": []}]},
        SPANS | {"spans": [{"start": 9, "end": 12}]},
        SPANS | {"model": f"constructed:{OWN}qa"},
    ],
)
def test_a_response_of_another_shape_is_named(tmp_path: Path, row: Any) -> None:
    place = tmp_path / FAMILY / "spans_train.jsonl.gz"
    with pytest.raises(ConfigError, match=f"not a row of {FAMILY}") as caught:
        read(tmp_path, [PAIR], [SPANS, SPANS, row])
    assert str(caught.value).startswith(f"{place}:3: ")


def test_an_error_says_nothing_of_what_rows_say(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, [PAIR | {"label": "0"}], [SPANS])
    assert "unch" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"spans_train\.jsonl\.gz: no such file: --data is the folder"):
        read_answers(tmp_path, "train")
    (tmp_path / FAMILY).mkdir()
    (tmp_path / FAMILY / "spans_train.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(ConfigError, match=r"spans_train\.jsonl\.gz: .*: must be UTF-8, compressed"):
        read_answers(tmp_path, "train")


# ---- written for this project


@pytest.fixture(scope="module")
def own() -> list[Answer]:
    return written_answers()


def test_the_written_answers_all_load(own: list[Answer]) -> None:
    names = {f"{OWN}{path.stem}" for path in WRITTEN.glob("*.jsonl")}
    assert {answer.source for answer in own} == names
    assert len(names) > 10
    assert all(answer.marked and answer.text.strip() and answer.sources for answer in own)


def test_their_marks_are_words_of_their_texts(own: list[Answer]) -> None:
    for answer in own:
        for wrong in answer.wrong:
            assert 0 <= wrong.start < wrong.end <= len(answer.text)
            assert answer.text[wrong.start : wrong.end].strip()
            assert wrong.contradicts is not None


def test_their_marks_stand_where_the_writers_put_them() -> None:
    lines = [line for path in sorted(WRITTEN.glob("*.jsonl")) for line in lines_of(path)]
    for answer, line in zip(written_answers(), lines, strict=True):
        sentences = json.loads(line)["answer"]
        assert answer.text == " ".join(sentence["text"] for sentence in sentences)
        said = [answer.text[wrong.start : wrong.end] for wrong in answer.wrong]
        assert said == [part for sentence in sentences for part in sentence["wrong"]]
        assert all(not s["wrong"] for s in sentences if s["label"] in ("supported", "no_claim"))


def test_what_is_supported_has_no_marks_and_what_is_not_has(own: list[Answer]) -> None:
    assert {answer.kind for answer in own if not answer.wrong} == {"supported"}
    assert "supported" not in {answer.kind for answer in own if answer.wrong}


SENTENCE = {"text": "Lunch is at one.", "label": "contradiction", "wrong": ["one"]}


@pytest.mark.parametrize(
    "change",
    [
        {"label": "supported"},
        {"label": "wrong"},
        {"label": None},
        {"wrong": []},
        {"wrong": [""]},
        {"wrong": "one"},
        {"wrong": ["two"]},
        {"wrong": [1]},
        {"text": None},
        {"label": "no_claim"},
    ],
)
def test_a_written_sentence_of_another_shape_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        _marks(SENTENCE | change)


def test_the_marks_of_a_written_sentence() -> None:
    assert _marks(SENTENCE) == [Wrong(12, 15, True)]
    assert _marks(SENTENCE | {"label": "not_mentioned"}) == [Wrong(12, 15, False)]
    assert _marks(SENTENCE | {"label": "supported", "wrong": []}) == []
