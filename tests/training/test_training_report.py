"""The card for people: what it promises to say, and what it must not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'; continuous integration has it")

from safety.detectors.model import HARM, Role
from safety.models.card import Card, Exit, Scale
from safety.models.heads import HEADS
from safety.training.judging import Judged
from safety.training.recipe import Recipe
from safety.training.report import write_report
from safety.training.rows import Row
from safety.training.tables import CUT, WORST

HATE = HEADS.index("hate")
SECTIONS = (
    "# tiny 3",
    "## Trained on",
    "## On rows that were not trained on",
    "### By source",
    "### By language",
    "## Thresholds and exits",
    "## Worst mistakes among them",
    "## Files",
)


def row(text: str, hate: float, source: str = "written:harm", lang: str = "en") -> Row:
    targets = [0.0, None, hate, 0.0, 0.0, 0.0]
    return Row(text, Role.SAID, tuple(targets), source=source, lang=lang)


def card_of(
    tmp_path: Path, rows: list[Row], hate: list[float], cheap: list[float] | None = None
) -> list[str]:
    """The lines of the card when the encoder says ``hate`` of one window per row; other heads say -5."""
    dear = np.full((len(rows), len(HEADS) + len(HARM)), -5, np.float32)
    dear[:, HATE] = hate
    quick = np.full((len(rows), len(HEADS)), -5, np.float32)
    quick[:, HATE] = hate if cheap is None else cheap
    judged = Judged(
        quick, dear[:, : len(HEADS)], dear, np.arange(len(rows)), np.array([int(r.role) for r in rows])
    )
    exits = {head: Exit(-4.0, 4.0) if head == "hate" else Exit(-4.0) for head in HEADS}
    scales = dict.fromkeys(HEADS, Scale(0.5, 0.5))
    files = {"a.onnx": "abc"}
    card = Card("tiny", "3", HEADS, 20, 5, scales, {"cheap": exits, "early": {"hate": Exit(-5.0)}}, files)
    write_report(tmp_path, card, Recipe(name="tiny"), judged, rows)
    return (tmp_path / "CARD.md").read_text("utf-8").split("\n")


def tables(lines: list[str]) -> list[list[str]]:
    """The tables of a card as GitHub sees them: runs of lines that begin with a bar."""
    found: list[list[str]] = [[]]
    for line in lines:
        if line.startswith("|"):
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return [table for table in found if table]


ROWS = [row(f"text {n}", n % 2) for n in range(40)]
RIGHT = [3.0 if n % 2 else -3.0 for n in range(40)]


def test_it_has_its_sections_in_order(tmp_path: Path) -> None:
    lines = card_of(tmp_path, ROWS, RIGHT)
    assert [line for line in lines if line.startswith("#")] == list(SECTIONS)
    assert "- `a.onnx` abc" in lines
    assert "| hate | 0.50 | 0.50 | -4.00 | 4.00 | -5.00 | – |" in lines
    assert "| sexual | 0.50 | 0.50 | -4.00 | – | – | – |" in lines


def test_figures_are_those_of_the_rows(tmp_path: Path) -> None:
    lines = card_of(tmp_path, ROWS, [*RIGHT[:-1], -3.0])
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["hate"]["rows"] == 40
    assert figures["hate"]["positives"] == 20
    assert figures["hate"]["recall"] == pytest.approx(0.95)
    assert figures["hate"]["false alarms"] == 0
    assert figures["indirect_attack"]["rows"] == 0  # not annotated in any row
    assert figures["sexual"]["auc"] is None  # one class alone
    assert any(line.startswith("| hate | 40 | 20 |") and "| 0.950 | 0.000 |" in line for line in lines)


def test_slices_too_small_to_say_anything_are_left_out(tmp_path: Path) -> None:
    few = [row(f"few {n}", n % 2, source="few", lang="de") for n in range(14)]
    many = [row(f"many {n}", n % 2, source="many", lang="fr") for n in range(15)]
    text = "\n".join(card_of(tmp_path, few + many, RIGHT[: len(few + many)]))
    assert "| hate: many | 15 |" in text
    assert "| hate: fr | 15 |" in text
    assert "few" not in text
    assert "hate: de" not in text


def test_what_leaving_early_costs_is_said(tmp_path: Path) -> None:
    wrong = [-9.0 if n == 1 else logit for n, logit in enumerate(RIGHT)]  # one positive leaves as harmless
    lines = card_of(tmp_path, ROWS, RIGHT, cheap=wrong)
    assert any(
        "not asked about 0.0% of the windows of harmless rows and 5.0% of the others" in line
        for line in lines
    )
    assert "| hate | 1.0000 | 0.9500 |" in lines


def test_the_worst_mistakes_come_first_and_are_few(tmp_path: Path) -> None:
    missed = [row(f"missed {n}", 1.0) for n in range(WORST + 5)]
    lines = card_of(tmp_path, ROWS + missed, RIGHT + [-0.1 * n for n in range(len(missed))])
    shown = [line for line in lines if line.startswith("- hate, missed")]
    assert len(shown) == WORST
    assert shown[0].endswith(f"`missed {WORST + 4}`")


def test_texts_of_data_that_is_not_written_here_are_not_copied(tmp_path: Path) -> None:
    data = [row(f"theirs {n}", 1.0, source="org/data") for n in range(20)]
    ours = [row("ours, a miss", 1.0), row("ours, an alarm", 0.0)]
    text = "\n".join(card_of(tmp_path, data + ours, [-9.0] * 20 + [-9.0, 9.0]))
    assert "theirs" not in text
    assert "hate, missed (0.00): `ours, a miss`" in text
    assert "hate, false alarm (1.00): `ours, an alarm`" in text


def test_hostile_words_break_neither_table_nor_code(tmp_path: Path) -> None:
    source = "org|a\n| b `c`\u2028\x1b[2J\u202e<x>"
    hostile = [row(f"x {n}", n % 2, source=source, lang="e|n\r\n# en") for n in range(20)]
    text = "see `rm` | here\n\n## Done\u2028\x1b]0;x\x07 " + "y" * 300
    lines = card_of(tmp_path, [*ROWS, *hostile, row(text, 1.0)], [*RIGHT, *RIGHT[:20], -9.0])
    for table in tables(lines):
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in table}
        assert len(cells) == 1, table
    assert [line for line in lines if line.startswith("#")] == list(SECTIONS)
    assert all(line.isprintable() for line in lines)
    (mistake,) = (line for line in lines if line.startswith("- hate, missed"))
    assert mistake.count("`") == 2
    assert len(mistake) < CUT + 60
