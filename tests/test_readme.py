"""Every block of the README does what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from readme import Block, block, blocks

from safety.errors import ConfigError
from safety.server.config import configure, read_shape

ENVIRONMENT = Path(sys.executable).parent
SHELL = [b for b in blocks() if b.language == "sh" and not b.name]
PYTHON = [b for b in blocks() if b.language == "python"]
SERVE = "safety-layer serve"


def shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run in ``folder`` with this environment's commands first."""
    path = f"{ENVIRONMENT}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_every_block_is_known_here() -> None:
    known = {"demo", "tests", "policy", "serve"}
    assert {b.name for b in blocks() if b.name} == known
    assert {b.language for b in blocks()} <= {"", "sh", "python", "yaml"}


def test_the_first_command_does_the_main_job(tmp_path: Path) -> None:
    make, install, demo = block("demo").strip().split(" && ")
    assert make == "python3 -m venv .venv"
    assert install == ".venv/bin/pip install -q ."
    assert demo == ".venv/bin/safety-layer demo"
    done = shell("safety-layer demo --once --listen 127.0.0.1:0", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("-- as described") == 7


def test_the_second_command_is_what_continuous_integration_runs() -> None:
    assert block("tests").strip().endswith(".venv/bin/python -m pytest")
    script = (Path(__file__).parent.parent / ".ci" / "run").read_text()
    assert "tests/readme.py tests" in script


@pytest.mark.parametrize("one", PYTHON, ids=range(len(PYTHON)))
def test_python_blocks(one: Block, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", one.text],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("one", SHELL, ids=range(len(SHELL)))
def test_shell_blocks(one: Block, tmp_path: Path) -> None:
    if not one.text.startswith(SERVE):
        done = shell(one.text, tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        return
    command = re.sub(r"--listen \S+", "--listen 127.0.0.1:0", one.text.strip())
    path = f"{ENVIRONMENT}{os.pathsep}{os.environ['PATH']}"
    server = subprocess.Popen(
        ["bash", "-c", f"exec {command}"],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stderr is not None
        assert server.stderr.readline().startswith("safety-layer on http://127.0.0.1:")
    finally:
        server.terminate()
        server.communicate(timeout=20)


def test_the_policy_and_its_commands(tmp_path: Path) -> None:
    texts = {b.language: b.text for b in blocks() if b.name == "policy"}
    (tmp_path / "my-shop.yaml").write_text(texts["yaml"])
    done = shell(texts["sh"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_configuration_of_the_dashboard(tmp_path: Path) -> None:
    path = tmp_path / "serve.yaml"
    path.write_text(block("serve"))
    secrets = {"RECORD_URL": "postgresql://u@127.0.0.1/d", "REDIS_URL": "redis://127.0.0.1:6379/0"}
    secrets |= {"VIEWER_TOKEN": "v" * 32, "EDITOR_TOKEN": "e" * 32}
    configuration = configure(read_shape(path, {}), secrets, tmp_path)
    assert configuration.monitor is not None
    assert configuration.monitor.token_editor == "e" * 32
    assert configuration.metrics == ("127.0.0.1", 9464)
    with pytest.raises(ConfigError, match="VIEWER_TOKEN"):
        configure(read_shape(path, {}), secrets | {"VIEWER_TOKEN": ""}, tmp_path)
