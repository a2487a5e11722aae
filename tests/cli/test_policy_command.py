"""The ``policy`` commands, as the main entry calls them, on policies that need few detectors."""

import argparse
import io
import json
import sys

import pytest

from safety.cli import policy as command
from safety.errors import ConfigError, PolicyError

POLICY = """version: 1
detectors:
  blocklist:
    lists:
      words: {terms: [zebra], files: [terms.txt]}
rules:
  - {id: words, when: {category: blocklist.words, origin: user}, action: block, message: no animals}
  - {id: answers, when: {category: blocklist, stage: output}, action: redact}
exceptions:
  - {text: tiger, reason: the mascot, expires: 2099-01-01}
tests:
  - {name: clean, prompt: hello, expect: allow}
  - {name: word, prompt: a zebra, expect: block, rules: words}
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "terms.txt").write_text("lion\ntiger\n")
    path = tmp_path / "p.yaml"
    path.write_text(POLICY)
    return path


def run(*words: object) -> int:
    parser = argparse.ArgumentParser(prog="safety-layer")
    command.add_parser(parser.add_subparsers(required=True))
    args = parser.parse_args(["policy", *map(str, words)])
    return args.run(args)


def test_check_says_what_a_good_policy_is(file, capsys):
    assert run("check", file, file) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"{file}: ok, p@")
    assert lines[0].endswith("2 rules, 2 tests")


def test_check_names_the_mistakes_of_all_files(file, tmp_path, capsys):
    bad, worse = tmp_path / "bad.yaml", tmp_path / "worse.yaml"
    bad.write_text("version: 1\nmode: x\n")
    worse.write_text(POLICY.replace("terms: [zebra]", 'patterns: ["a("]'))
    with pytest.raises(PolicyError) as caught:
        run("check", bad, file, worse)
    first, second = caught.value.problems
    assert first.startswith(f"{bad}:2: $.mode: unknown value 'x'")
    assert second.startswith(f"{worse}:3: $.detectors.blocklist: lists.words.patterns[0]: ")
    assert capsys.readouterr().out.startswith(f"{file}: ok")


def test_test_passes(file, capsys):
    assert run("test", file) == 0
    out = capsys.readouterr().out
    assert f"{file}: 2 passed, 0 failed, 0 could not run" in out
    assert "word" in out


def test_test_shows_what_failed_and_where(file, capsys):
    file.write_text(POLICY + "  - {name: wrong, prompt: a lion, expect: allow}\n")
    assert run("test", file) == 1
    out = capsys.readouterr().out
    assert f"{file}:14" in out
    assert "expected allow, got block (words on blocklist.words 1.00)" in out
    assert "2 passed, 1 failed" in out


def test_test_of_a_broken_policy_is_an_error(file):
    file.write_text("version: 1\nname: [\n")
    with pytest.raises(PolicyError):
        run("test", file)


def test_explain_shows_findings_and_every_rule(file, capsys):
    assert run("explain", file, "a zebra and a tiger") == 0
    out = capsys.readouterr().out
    assert "blocklist.words 1.00  user /prompt 2-7" in out
    assert "“zebra”" in out
    assert "+ words (block)" in out
    assert "let pass by an exception: the mascot" in out
    assert "- answers (redact)" in out
    assert "wrong stage: input, the rule asks for output" in out
    assert "verdict  block by words" in out


def test_explain_takes_what_check_takes(file, tmp_path, capsys):
    (tmp_path / "zebra.txt").write_text("zebra")
    document = ("--document", tmp_path / "zebra.txt")
    assert run("explain", file, "the lion", "--stage", "output", "--prompt", "q", *document) == 0
    out = capsys.readouterr().out
    assert "assistant /answer 4-8" in out
    assert "verdict  redact by answers" in out
    assert "zebra" not in out  # context is compared with, not judged
    assert run("explain", file, "--file", tmp_path / "zebra.txt") == 0
    assert "+ words (block)" in capsys.readouterr().out
    assert run("explain", file, "q <document>zebra</document>") == 0
    assert "verdict  allow" in capsys.readouterr().out  # a document, and the rule asks for user text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["x", "--file", "y"], "TEXT and --file: give one of them"),
        (["x", "--prompt", "y"], "--prompt: TEXT is the prompt: give --stage output"),
    ],
)
def test_explain_refuses_two_texts_for_one(file, words, said):
    with pytest.raises(ConfigError, match=said):
        run("explain", file, *words)


def test_explain_reads_standard_input_and_does_not_steer_the_terminal(file, capsys):
    before, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(b"a ze\x1b[2Jbra, a zebra\n"))
    try:
        assert run("explain", file, "-") == 0
    finally:
        sys.stdin = before
    out = capsys.readouterr().out
    assert "“zebra”" in out
    assert "\x1b" not in out


def test_schema_is_json(capsys):
    assert run("schema") == 0
    schema = json.loads(capsys.readouterr().out)
    assert "limits" in schema["properties"]["detectors"]["properties"]


@pytest.mark.parametrize("words", [(), ("chekc", "x"), ("check",)])
def test_wrong_usage_exits_with_2(words, capsys):
    with pytest.raises(SystemExit) as caught:
        run(*words)
    assert caught.value.code == 2
    assert "usage" in capsys.readouterr().err
