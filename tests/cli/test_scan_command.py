"""``safety-layer scan``: files in, findings and a table out, and going on after an interruption."""

from __future__ import annotations

import csv
import gzip
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from guards import POLICY

from safety.cli.main import main
from safety.events.query import EventQuery

ROOT = Path(__file__).parents[2]
ROWS = [{"id": str(n), "text": "a forbidden one" if n % 7 == 0 else "fine"} for n in range(200)]
FOUND = [n + 1 for n in range(200) if n % 7 == 0]

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a policy in it."""
    (tmp_path / "policy.yaml").write_text(POLICY.replace("MODE", "windowed"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: Path, rows: list[dict[str, str]] = ROWS) -> Path:
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    if path.name.endswith(".jsonl.gz"):
        path.write_bytes(gzip.compress(lines.encode()))
    elif path.suffix == ".jsonl":
        path.write_text(lines)
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, ["id", "text"])
            writer.writeheader()
            writer.writerows(rows)
    return path


def scan(*args: str | Path) -> int:
    return main(["scan", *map(str, args), "--policy", "policy.yaml"])


def found(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    ("name", "first"), [("a.jsonl", 1), ("a.jsonl.gz", 1), ("a.parquet", 1), ("a.csv", 2)]
)
def test_every_kind_of_file(name: str, first: int, folder: Path, capsys: Capture) -> None:
    assert scan(write(folder / name)) == 1
    lines = found(folder / f"{name}.findings.jsonl")
    assert [line["row"] for line in lines] == [n - 1 + first for n in FOUND]
    assert [line["id"] for line in lines] == [str(n - 1) for n in FOUND]
    table = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert ["rows", "200"] in table
    assert ["findings", str(len(FOUND))] in table
    assert ["action", "block", str(len(FOUND))] in table
    assert ["category", "blocklist.stop", str(len(FOUND))] in table


def test_a_clean_file(folder: Path) -> None:
    assert scan(write(folder / "a.jsonl", ROWS[1:7])) == 0
    assert found(folder / "a.jsonl.findings.jsonl") == []


def test_bad_rows_make_it_unclean(folder: Path, capsys: Capture) -> None:
    (folder / "a.jsonl").write_text('{"text": "fine"}\n{"text": 3}\nnot json\n')
    assert scan(folder / "a.jsonl") == 1
    assert [line["row"] for line in found(folder / "a.jsonl.findings.jsonl")] == [2, 3]
    assert "unreadable rows" in capsys.readouterr().out


def test_fail_on(folder: Path) -> None:
    file = write(folder / "a.jsonl", [{"text": "hidden"}])
    assert scan(file, "-o", "1") == 1
    assert scan(file, "-o", "2", "--fail-on", "block") == 0
    assert scan(file, "-o", "3", "--fail-on", "annotate") == 1


def test_findings_on_standard_output(folder: Path, capsys: Capture) -> None:
    assert scan(write(folder / "a.jsonl", ROWS[:1]), "-o", "-", "--text") == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["hits"][0]["excerpt"] == "a ‹forbidden› one"
    assert "findings" in captured.err
    assert [path.name for path in folder.iterdir() if "findings" in path.name] == []


def test_named_columns(folder: Path) -> None:
    file = write(folder / "a.jsonl", [{"id": "1", "text": "forbidden", "q": "fine"}])
    assert scan(file, "-o", "1", "--prompt-column", "q") == 0
    assert scan(file, "-o", "2", "--prompt-column", "p") == 1
    assert found(folder / "2")[0]["error"] == "no column 'p': it was named as one to read"


def test_recording(folder: Path) -> None:
    assert scan(write(folder / "a.jsonl", ROWS[:2]), "--store", "events.db") == 1
    recorded = {entry.id for entry in EventQuery("events.db").events()}
    assert len(recorded) == 2
    assert found(folder / "a.jsonl.findings.jsonl")[0]["event"] in recorded


# --- going on ---------------------------------------------------------------------------------------------


def test_a_scan_that_is_done_is_not_done_again(folder: Path, capsys: Capture) -> None:
    file = write(folder / "a.jsonl")
    scan(file)
    table = capsys.readouterr().out
    assert scan(file) == 1
    captured = capsys.readouterr()
    assert "was scanned before; --restart" in captured.err
    assert captured.out == table


def test_another_input_policy_or_option_is_refused(folder: Path, capsys: Capture) -> None:
    file = write(folder / "a.jsonl")
    scan(file)
    before = (folder / "a.jsonl.findings.jsonl").read_bytes()
    assert scan(file, "--text") == 2
    assert "begun with another options" in capsys.readouterr().err
    (folder / "policy.yaml").write_text(POLICY.replace("MODE", "windowed").replace("two words", "three"))
    assert scan(file) == 2
    assert "begun with another policy" in capsys.readouterr().err
    write(file, ROWS[:9])
    assert scan(file) == 2
    assert "begun with another input, policy" in capsys.readouterr().err
    assert (folder / "a.jsonl.findings.jsonl").read_bytes() == before
    assert scan(file, "--restart") == 1
    assert [line["row"] for line in found(folder / "a.jsonl.findings.jsonl")] == [1, 8]


def test_the_input_is_not_overwritten(folder: Path, capsys: Capture) -> None:
    file = write(folder / "a.jsonl")
    assert scan(file, "-o", "./a.jsonl", "--restart") == 2
    assert "is the input" in capsys.readouterr().err
    assert len(found(file)) == 200


INTERRUPTED = """
import os, signal, sys
from safety.scan import batch as scan
from safety.cli.main import main
real = scan._judged
def judged(batch, *rest):
    if batch[0].number > {after}:
        os.kill(os.getpid(), signal.{signal})
    yield from real(batch, *rest)
scan._judged = judged
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet", "a.jsonl.gz"])
@pytest.mark.parametrize(("kind", "code"), [("SIGINT", 130), ("SIGKILL", -signal.SIGKILL)])
def test_an_interrupted_scan_goes_on(name: str, kind: str, code: int, folder: Path, capsys: Capture) -> None:
    file = write(folder / name)
    scan(file, "-o", "whole")
    table = capsys.readouterr().out.splitlines()[1:]
    command = [sys.executable, "-c", INTERRUPTED.format(after=100, signal=kind)]
    args = ["scan", str(file), "--policy", "policy.yaml", "-o", "cut"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    stopped = subprocess.run([*command, *args], capture_output=True, text=True, check=False, env=env)
    assert stopped.returncode == code
    assert "Traceback" not in stopped.stderr
    assert ("interrupted after row 12" in stopped.stderr) is (kind == "SIGINT")
    assert 0 < (folder / "cut").stat().st_size < (folder / "whole").stat().st_size
    with (folder / "cut").open("a") as torn:
        torn.write('{"row": 13')
    assert main(args) == 1
    captured = capsys.readouterr()
    assert "going on after row 12" in captured.err
    assert (folder / "cut").read_bytes() == (folder / "whole").read_bytes()
    assert captured.out.splitlines()[1:] == table


def test_a_progress_bar_on_a_terminal_only(folder: Path) -> None:
    file = write(folder / "a.jsonl")
    command = [sys.executable, "-m", "safety.cli.main", "scan", str(file), "--policy", "policy.yaml"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"}
    plain = subprocess.run([*command, "-o", "1"], capture_output=True, check=False, env=env)
    assert (plain.returncode, plain.stderr) == (1, b"")
    reader, terminal = pty.openpty()
    shown = subprocess.run(
        [*command, "-o", "2"], stdout=subprocess.DEVNULL, stderr=terminal, check=False, env=env
    )
    os.close(terminal)
    assert shown.returncode == 1
    assert b"200 rows" in os.read(reader, 65536)
    os.close(reader)
