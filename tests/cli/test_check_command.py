"""``safety-layer check``: what is judged, what is printed, and the exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from guards import POLICY

from safety.cli.check import found, told
from safety.cli.main import main
from safety.cli.terminal import printable
from safety.events.event import Event
from safety.types import Action, Exchange, Origin, Outcome, Ran, Segment, Stage, Verdict

ROOT = Path(__file__).parents[2]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def policy(tmp_path: Path) -> str:
    path = tmp_path / "policy.yaml"
    text = POLICY.replace("MODE", "windowed")
    path.write_text(
        text + "  - {id: cited, when: {category: blocklist, origin: document}, action: annotate}\n"
    )
    return str(path)


def events(capsys: Capture) -> list[Event]:
    return [Event.from_json(line) for line in capsys.readouterr().out.splitlines()]


def test_clean_text(policy: str, capsys: Capture) -> None:
    assert main(["check", "fine", "--policy", policy]) == 0
    assert capsys.readouterr().out.startswith("allow  input  test@")


def test_findings_are_shown_with_the_text_around(policy: str, capsys: Capture) -> None:
    assert main(["check", "this is forbidden, they said", "--policy", policy]) == 1
    first, hit, place = capsys.readouterr().out.splitlines()
    assert first.startswith("block  input")
    assert hit.split() == "block stop blocklist.stop score 1.00 (term 0) - not that".split()
    assert place == "    user /prompt 8-17: this is ‹forbidden›, they said"


def test_monitor_mode_is_no_clean_bill(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(POLICY.replace("MODE", "windowed").replace("name: test", "name: test\nmode: monitor"))
    assert main(["check", "forbidden", "--policy", str(path)]) == 1
    out = capsys.readouterr().out
    assert out.startswith("allow (would block)  input")
    assert "monitor only" in out


def test_control_characters_do_not_reach_the_terminal(policy: str, capsys: Capture) -> None:
    assert main(["check", "\x1b[31m\u202e forbidden \u200b\x07\ud800", "--policy", policy]) == 1
    out = capsys.readouterr().out
    assert r"\x1b[31m\u202e ‹forbidden› \u200b\x07\ud800" in out
    assert all(character.isprintable() or character == "\n" for character in out)


def test_printable() -> None:
    assert printable("plain ä 漢 ›") == "plain ä 漢 ›"
    assert printable("a\nb\x1bc\u2028") == r"a\nb\x1bc\u2028"


def test_json_is_the_event(policy: str, capsys: Capture) -> None:
    assert main(["check", "hidden", "--policy", policy, "--json"]) == 1
    (event,) = events(capsys)
    assert (str(event.action), event.rules, event.hits[0].excerpt) == ("redact", ("hide",), "‹hidden›")


def test_a_file(policy: str, tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "text.txt"
    file.write_text("\ufeffforbidden", encoding="utf-8")
    assert main(["check", "--file", str(file), "--policy", policy]) == 1
    assert "0-9: ‹forbidden›" in capsys.readouterr().out


@pytest.mark.parametrize("args", [[], ["-"]])
def test_standard_input(args: list[str], policy: str) -> None:
    command = [sys.executable, "-m", "safety.cli.main", "check", *args, "--policy", policy]
    text = "forbidden ä".encode()
    done = subprocess.run(command, input=text, capture_output=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (1, b"")
    assert "‹forbidden› ä" in done.stdout.decode()


def test_stages_origins_documents_and_answers(policy: str, tmp_path: Path, capsys: Capture) -> None:
    document = tmp_path / "d.txt"
    document.write_text("a hidden one")
    tail = ["--policy", policy, "--json"]
    assert main(["check", "x", "--stage", "output", *tail]) == 0
    assert main(["check", "forbidden", "--origin", "document", *tail]) == 1
    assert main(["check", "hidden", "--origin", "assistant", *tail]) == 1
    assert main(["check", "hidden", "--origin", "assistant", "--stage", "input", *tail]) == 1
    assert main(["check", "x", "--document", str(document), *tail]) == 1
    assert main(["check", "x", "--answer", "hidden", "--document", str(document), *tail]) == 1
    assert main(["check", "x", "--origin", "tool_result", "--document", str(document), *tail]) == 1
    assert main(["check", "x", "--origin", "reasoning", "--stage", "output", *tail]) == 0
    found = [
        (str(e.stage), str(e.action), [(h.rule, str(h.origin), h.path) for h in e.hits])
        for e in events(capsys)
    ]
    in_document = [("hide", "document", "/documents/0"), ("cited", "document", "/documents/0")]
    assert found == [
        ("output", "allow", []),
        ("input", "block", [("stop", "document", "/text"), ("cited", "document", "/text")]),
        ("output", "redact", [("hide", "assistant", "/answer")]),
        ("input", "redact", [("hide", "assistant", "/answer")]),
        ("input", "redact", in_document),
        ("input", "redact", in_document),
        ("output", "redact", [("hide", "assistant", "/answer")]),
        ("input", "redact", in_document),
        ("output", "allow", []),
    ]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["x", "--file", "y"], "TEXT and --file: give one of them"),
        (["--file", "/nothing"], "/nothing: No such file or directory"),
        (["x", "--answer", "y", "--stage", "output"], "leave --stage and --origin out"),
        (["x", "--answer", "y", "--origin", "user"], "leave --stage and --origin out"),
        (["x", "--stage", "middle"], "invalid choice"),
        (["x", "--policy", "/nothing.yaml"], "/nothing.yaml"),
    ],
)
def test_broken_usage(args: list[str], said: str, policy: str, capsys: Capture) -> None:
    assert main(["check", "--policy", policy, *args]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err


def test_text_that_is_not_utf8(policy: str, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "x").write_bytes(b"ab\xff")
    assert main(["check", "--policy", policy, "--file", str(tmp_path / "x")]) == 2
    assert "byte 2: not UTF-8" in capsys.readouterr().err


def test_a_check_that_could_not_run_is_not_clean() -> None:
    exchange = Exchange("x", Stage.INPUT, (Segment("/prompt", Origin.USER, "fine"),))
    late = Outcome("pii@1", ran=Ran.LATE, error="over 2 s")
    for outcomes, said in (((late,), ["  not run: pii@1 late: over 2 s"]), ((Outcome("pii@1"),), [])):
        verdict = Verdict(exchange, "p@1", Action.ALLOW, Action.ALLOW, outcomes=outcomes)
        assert found(verdict) is bool(said)
        assert list(told(verdict)) == ["allow  input  p@1", *said]
