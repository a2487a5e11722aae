"""Labelled rows as training reads them, and the rows that come with the package."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from safety.detectors.model import HARM, Role
from safety.errors import ConfigError
from safety.models.heads import HEADS
from safety.training.rows import WRITTEN, Row, read_rows, written_rows


def read(tmp_path: Path, family: str, *rows: object) -> list[Row]:
    folder = tmp_path / family
    folder.mkdir(exist_ok=True)
    lines = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
    (folder / "train.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    return read_rows(tmp_path, family, "train")


def shield(label: str, surface: str, kind: str = "k") -> dict[str, str]:
    return {
        "text": "Some TEXT",
        "label": label,
        "surface": surface,
        "kind": kind,
        "source": "s",
        "lang": "en",
    }


@pytest.mark.parametrize(
    ("label", "surface", "role", "head", "target"),
    [
        ("benign", "user", Role.SAID, "prompt_attack", 0.0),
        ("direct", "user", Role.SAID, "prompt_attack", 1.0),
        ("benign", "document", Role.READ, "indirect_attack", 0.0),
        ("indirect", "document", Role.READ, "indirect_attack", 1.0),
    ],
)
def test_a_shield_row_answers_the_head_of_its_role(
    tmp_path: Path, label: str, surface: str, role: Role, head: str, target: float
) -> None:
    (row,) = read(tmp_path, "prompt_shield", shield(label, surface))
    assert (row.text, row.role, row.source, row.lang) == ("some text", role, "s", "en")
    assert {h: t for h, t in zip(HEADS, row.targets, strict=True) if t is not None} == {head: target}
    assert row.positive == bool(target)


def test_what_is_plainly_harmless_teaches_harm_too(tmp_path: Path) -> None:
    (row,) = read(tmp_path, "prompt_shield", shield("benign", "user", "coding_request"))
    assert row.targets == (0.0, None, 0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("label", "kind", "harmless"),
    [
        ("benign", "coding_request", True),
        ("benign", "trigger_word|git", True),
        ("benign", "clean|bipia_table", True),
        ("benign", "clean|email", False),
        ("direct", "coding_request", False),
    ],
)
def test_only_what_is_benign_by_its_kind_is_called_harmless(
    tmp_path: Path, label: str, kind: str, harmless: bool
) -> None:
    (row,) = read(tmp_path, "prompt_shield", shield(label, "user", kind))
    assert row.targets[2:] == ((0.0,) * 4 if harmless else (None,) * 4)


@pytest.mark.parametrize(
    ("kind", "severity", "expected"),
    [
        ("1.1 threats of harm", None, 6.0),
        ("2.3 dehumanising", None, 5.0),
        ("hazard_cse", None, 7.0),
        ("hazard_cse", 2, 2.0),  # the row's own word counts
        ("threateninglanguage", None, 6.0),
        ("unheard of", None, None),
        ("unheard of", 9, 7.0),
    ],
)
def test_severities_come_from_the_row_or_its_kind(
    tmp_path: Path, kind: str, severity: int | None, expected: float | None
) -> None:
    value = {"text": "a", "labels": {"hate": 1, "sexual": 0}, "kind": kind, "severity": severity}
    (row,) = read(tmp_path, "harm", value)
    assert row.severities == (expected, 0.0, None, None)


def test_a_harm_row_is_no_attack_and_masks_what_nobody_annotated(tmp_path: Path) -> None:
    labels = {"hate": 1, "sexual": 0, "violence": None}
    row, graded = read(
        tmp_path,
        "harm",
        {"text": "a", "labels": labels, "kind": "animosity", "source": "s", "group": "women"},
        {"text": "b", "labels": {"self_harm": 1, "hate": 0}, "severity": 5, "source": "s"},
    )
    assert row.targets == (0.0, None, 1.0, 0.0, None, None)
    assert row.severities == (3.0, 0.0, None, None)
    assert row.group == "women"
    assert graded.severities == (0.0, None, None, 5.0)


def test_odd_line_ends_inside_a_text_are_text(tmp_path: Path) -> None:
    texts = ["one\u2028two", "three\x85four", "five\nsix"]
    rows = read(tmp_path, "prompt_shield", *({**shield("benign", "user"), "text": text} for text in texts))
    assert len(rows) == 3
    assert [row.text.split()[-1][-3:] for row in rows] == ["two", "our", "six"]


@pytest.mark.parametrize(
    ("family", "row"),
    [
        ("prompt_shield", {"text": "a", "label": "bad", "surface": "user"}),
        ("prompt_shield", {"text": "a", "surface": "user"}),
        ("prompt_shield", {"text": "a", "label": "benign", "surface": "web"}),
        ("prompt_shield", {"text": "a", "label": ["benign"], "surface": "user"}),
        ("prompt_shield", {"text": 3, "label": "benign", "surface": "user"}),
        ("prompt_shield", {**shield("benign", "user"), "source": "written:chat"}),
        ("prompt_shield", ["a"]),
        ("harm", {"text": "a"}),
        ("harm", {"text": "a", "labels": {"hate": "yes"}}),
        ("harm", {"text": "a", "labels": {"hate": 2}}),
        ("harm", {"text": "a", "labels": {"hate": float("nan")}}),
        ("harm", {"text": "a", "labels": ["hate"]}),
        ("harm", {"text": "a", "labels": {"hate": 1}, "severity": "bad"}),
        ("harm", None),
    ],
)
def test_what_is_no_row_is_named_by_its_line(tmp_path: Path, family: str, row: object) -> None:
    good = shield("benign", "user") if family == "prompt_shield" else {"text": "a", "labels": {"hate": 0}}
    with pytest.raises(ConfigError, match=rf"{family}/train\.jsonl\.gz:2: not a row of {family}"):
        read(tmp_path, family, good, row)


@pytest.mark.parametrize("data", [b"not gzip", gzip.compress(b"{}")[:-9], gzip.compress(b"\xff\n")])
def test_what_is_no_text_file_is_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "harm").mkdir()
    (tmp_path / "harm" / "dev.jsonl.gz").write_bytes(data)
    with pytest.raises(
        ConfigError, match=r"harm/dev\.jsonl\.gz: .*: must be UTF-8, compressed as its name says"
    ):
        read_rows(tmp_path, "harm", "dev")


def test_a_missing_file_says_what_the_folder_must_hold(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--data is the folder that holds prompt_shield and harm"):
        read_rows(tmp_path, "harm", "dev")


# ---- the rows written for the package


def test_the_written_rows_are_many_and_none_stands_twice() -> None:
    rows = written_rows()
    assert len(rows) > 4000
    lines = [
        line for path in WRITTEN.glob("*.jsonl") for line in path.read_text("utf-8").splitlines() if line
    ]
    texts = [" ".join(json.loads(line)["text"].split()) for line in lines]
    assert len(texts) == len(set(texts)) == len(rows)


def test_both_sides_of_every_head_are_written() -> None:
    rows = written_rows()
    for at in range(len(HEADS)):
        targets = [row.targets[at] for row in rows if row.targets[at] is not None]
        assert min(targets.count(0.0), targets.count(1.0)) >= 100


def test_written_severities_and_labels_agree() -> None:
    for path in WRITTEN.glob("harm*.jsonl"):
        for line in path.read_text("utf-8").split("\n"):
            if line:
                row = json.loads(line)
                assert set(row["labels"]) == set(HARM)
                assert any(row["labels"].values()) == (row["severity"] >= 2), row["kind"]
