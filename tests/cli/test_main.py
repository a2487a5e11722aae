"""The command line's frame: lazy commands, exit codes, and one line per failure."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from safety.cli.main import COMMANDS, build_parser, main

ROOT = Path(__file__).parents[2]


def test_help_names_every_command_and_imports_none() -> None:
    code = (
        "import sys; from safety.cli.main import main; main(['--help'])\n"
        "print([m for m in sys.modules if m.startswith('safety.')], file=sys.stderr)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    for name, (_, line) in COMMANDS.items():
        assert f"{name} " in out.stdout
        assert line in out.stdout
    imported = "['safety.cli', 'safety.cli.terminal', 'safety.errors', 'safety.cli.main']"
    assert out.stderr.strip() == imported


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_parser_and_a_run(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"usage: safety-layer {name}")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("safety-layer ")


@pytest.mark.parametrize("argv", [[], ["nothing"], ["check", "--nothing"], ["scan"], ["--nothing"]])
def test_broken_usage_is_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "safety-layer" in captured.err


def test_a_broken_policy_is_one_line_per_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("version: 1\nname: x\nrulez: []\nmode: no\n")
    assert main(["check", "x", "--policy", str(path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 2
    assert all(line.startswith(f"safety-layer: {path}:") for line in lines)


@pytest.fixture
def command() -> Iterator[str]:
    """The name of a command that does what standard input says."""
    COMMANDS["act"] = "acting_command", "for a test"
    yield "act"
    del COMMANDS["act"]


@pytest.mark.parametrize(
    ("what", "code", "said"),
    [
        ("return 0", 0, ""),
        ("return 1", 1, ""),
        (
            "raise ConfigError('here: was wrong: is allowed')",
            2,
            "safety-layer: here: was wrong: is allowed\n",
        ),
        ("raise ConfigError()", 2, "safety-layer: ConfigError\n"),
        ("raise ConfigError('a\\x1b[2Jb')", 2, "safety-layer: a\\x1b[2Jb\n"),
        ("open('/nothing/here')", 2, "safety-layer: /nothing/here: No such file or directory\n"),
        ("raise OSError('port in use')", 2, "safety-layer: port in use\n"),
        ("raise KeyboardInterrupt", 130, ""),
        (
            "raise KeyError('x\\ny')",
            2,
            "safety-layer: internal error: KeyError: 'x\\ny' (SAFETY_LAYER_DEBUG=1 shows where)\n",
        ),
        ("raise SystemExit('odd')", 2, ""),
    ],
)
def test_what_a_command_does_becomes_an_exit_code(
    command: str, what: str, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, what]) == code
    assert capsys.readouterr().err == said


def test_only_the_named_command_has_its_options(command: str) -> None:
    assert build_parser(command).parse_args([command, "return 0"]).what == "return 0"
    with pytest.raises(SystemExit):
        build_parser("check").parse_args([command, "return 0"])


def test_a_traceback_is_shown_only_when_asked_for() -> None:
    code = (
        "import sys; sys.path.insert(0, 'tests/cli'); from safety.cli.main import COMMANDS, main\n"
        "COMMANDS['act'] = ('acting_command', ''); sys.exit(main(['act', '1 / 0']))"
    )
    for env, traceback in (({}, False), ({"SAFETY_LAYER_DEBUG": "1"}, True)):
        out = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT, env=env
        )
        assert ("Traceback" in out.stderr) is traceback
        assert "ZeroDivisionError" in out.stderr


def test_a_reader_that_goes_away_is_no_error() -> None:
    code = (
        "import sys; sys.path.insert(0, 'tests/cli'); from safety.cli.main import COMMANDS, main\n"
        "COMMANDS['act'] = ('acting_command', ''); sys.exit(main(['act', 'print(\"x\" * 10**6)']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141
