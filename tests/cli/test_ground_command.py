"""``safety-layer ground``: what is not borne out, how it is shown, and the exit code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ground_cases import (
    ALIEN,
    ANSWER,
    POLICY,
    RIGHT,
    SHOP,
    TOWER,
    WRONG,
    Ground,
    fill,
    grounding_of,
    printed,
    run,
    write_policy,
)

from safety.cli.ground_page import ground_page
from safety.cli.grounding import Grounding, Source
from safety.cli.main import main
from safety.detectors.groundedness.claims import claims_of
from safety.detectors.groundedness.comparison import Mark
from safety.detectors.groundedness.examine import Examined

ROOT = Path(__file__).parents[2]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two sources and a policy that asks no model."""
    return fill(tmp_path)


@pytest.fixture
def ground(folder: Path) -> Ground:
    """The command with both sources and the policy."""
    return partial(run, folder)


def as_json(capsys: Capture) -> Any:
    (line,) = capsys.readouterr().out.splitlines()
    return json.loads(line)


# --- on a terminal ----------------------------------------------------------------------------------------


def test_all_is_borne_out(ground: Ground, capsys: Capture) -> None:
    assert ground(RIGHT) == 0
    assert capsys.readouterr().out.splitlines() == [
        RIGHT,
        "",
        "0 of 1 claim is not borne out (0 % of the text)",
    ]


@pytest.mark.parametrize("answer", ["", "Hello!", "Do you have any other questions?"])
def test_no_claims(answer: str, ground: Ground, capsys: Capture) -> None:
    assert ground(answer) == 0
    assert capsys.readouterr().out.splitlines() == [answer, "", "no claims: there is nothing to bear out"]


def test_what_is_not_borne_out(ground: Ground, folder: Path, capsys: Capture) -> None:
    assert ground(ANSWER) == 1
    shown, _, wrong, nearest, _, alien, _, summary = capsys.readouterr().out.splitlines()
    assert shown == f"⟦{WRONG}⟧[^1] {RIGHT} ⟦{ALIEN}⟧[^2]"
    assert re.fullmatch(r"\[\^1\] 0\.\d\d  contradicted: .*350 metres against 330 metres", wrong)
    first = TOWER[: TOWER.index(" It was")]
    assert nearest.strip() == f"nearest: [1] {folder / 'tower.txt'} 0-{len(first)}: {first}"
    assert re.fullmatch(r"\[\^2\] 0\.\d\d  not mentioned: no source speaks of this", alien)
    share = round(100 * len(WRONG + ALIEN) / len(ANSWER))
    assert summary == f"2 of 3 claims are not borne out ({share} % of the text)"


def test_only_the_wrong_words_are_marked_where_they_are_known() -> None:
    answer = "The old tower is 350 metres tall. So it is said."
    (claim, *_) = claims_of(answer, 2)
    words = ((4, 7), (17, 27))
    one = Examined(claim, 2.0, Mark("not_mentioned", 1, "the sources do not mention “old”"), False, words)
    grounding = Grounding(answer, (Source("a", "b"),), (one,))
    assert printed(grounding).splitlines()[0] == (
        "The ⟦old⟧[^1] tower is ⟦350 metres⟧[^1] tall. So it is said."
    )
    assert "not mentioned: the sources do not mention “old”\n     no source speaks of this" in printed(
        grounding
    )
    assert "The <u>old</u> tower is <u>350 metres</u> tall.<sup>1</sup></a> So it" in ground_page(grounding)
    assert "no source speaks of this" in ground_page(grounding)
    assert grounding.as_json()["claims"][0]["words"] == [{"start": 4, "end": 7}, {"start": 17, "end": 27}]


def test_colours_are_for_terminals_and_not_where_none_are_wanted() -> None:
    grounding = grounding_of(ANSWER)
    coloured = printed(grounding, force_terminal=True, color_system="standard", _environ={})
    assert f"⟦\x1b[4;31m{WRONG}\x1b[0m⟧" in coloured
    plain = printed(grounding, force_terminal=True, color_system="standard", _environ={"NO_COLOR": "1"})
    assert f"⟦\x1b[4m{WRONG}\x1b[0m⟧" in plain
    assert "\x1b" not in printed(grounding)


def test_long_lines_are_not_cut(ground: Ground, capsys: Capture) -> None:
    answer = " ".join([RIGHT] * 30)
    assert ground(answer) == 0
    assert capsys.readouterr().out.splitlines()[0] == answer


def test_control_characters_do_not_reach_the_terminal(folder: Path, ground: Ground, capsys: Capture) -> None:
    bad = "\x1b[31m\u202e\x07\ud800"
    (folder / "tower.txt").write_text(TOWER.replace("stands", "stands \x1b[2J"), encoding="utf-8")
    assert (
        ground(f"{bad} The Eiffel Tower is 350 metres tall.\r\nThe \x1btower is 20 metres tall.", "--cite")
        == 1
    )
    out = capsys.readouterr().out
    assert all(character.isprintable() or character == "\n" for character in out)
    assert r"\x1b[31m\u202e\x07\ud800" in out
    assert r"stands \x1b[2J" in out


def test_markup_of_the_terminal_library_stays_text(ground: Ground, capsys: Capture) -> None:
    assert ground(f"[bold]{RIGHT}[/bold] :smile:") in (0, 1)
    assert "[bold]" in capsys.readouterr().out


def test_a_terminal_that_knows_few_characters(folder: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "safety.cli.main", "ground", "--answer=-"),
            *("--source", str(folder / "tower.txt"), "--policy", str(folder / "p.yaml")),
        ],
        input=f"{WRONG} ä\n".encode(),
        capture_output=True,
        check=False,
        cwd=ROOT,
        env={"PYTHONIOENCODING": "ascii"},
    )
    assert (done.returncode, done.stderr) == (1, b"")
    assert done.stdout.startswith(rb"\u27e6" + WRONG.encode())


# --- written anew -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", ["", ", correction: extract"])
def test_corrected_and_cited(options: str, folder: Path, ground: Ground, capsys: Capture) -> None:
    write_policy(folder, options)
    assert ground(ANSWER, "--correct", "--cite") == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-7:] == [
        lines[-7],
        "",
        "Corrected:",
        f"The Eiffel Tower is 330 metres tall. {RIGHT}",
        "",
        "Cited:",
        f"{WRONG} {RIGHT[:-1]} [1]. {ALIEN}",
    ]
    assert "not borne out" in lines[-7]


def test_nothing_is_left(ground: Ground, capsys: Capture) -> None:
    assert ground(ALIEN, "--correct") == 1
    assert capsys.readouterr().out.splitlines()[-1] == "(nothing is left)"


def test_citations_that_stand_there_are_kept(ground: Ground, capsys: Capture) -> None:
    answer = "The tower was completed on 31 March 1889 [1]. Shipping costs $4.99."
    assert ground(answer, "--cite", "--json") == 0
    assert as_json(capsys)["cited"] == answer.replace("$4.99.", "$4.99 [2].")


# --- JSON -------------------------------------------------------------------------------------------------


def test_json(ground: Ground, capsys: Capture) -> None:
    assert ground(f"{WRONG} Shipping costs $4.99. {ALIEN}", "--json") == 1
    found = as_json(capsys)
    assert set(found) == {"ungroundedDetected", "ungroundedPercentage", "claims"}
    assert found["ungroundedDetected"] is True
    assert 0.5 < found["ungroundedPercentage"] < 1
    wrong, right, alien = found["claims"]
    assert set(wrong) == {
        *("start", "end", "text", "score", "ungrounded", "reason", "detail", "words", "evidence"),
    }
    assert (wrong["start"], wrong["end"], wrong["text"]) == (0, len(WRONG), WRONG)
    assert (wrong["ungrounded"], wrong["reason"], wrong["words"]) == (True, "number_differs", [])
    assert wrong["score"] >= 0.5
    assert (right["ungrounded"], right["reason"], right["detail"]) == (False, "", "")
    assert (alien["ungrounded"], alien["reason"], alien["evidence"]) == (True, "no_evidence", None)
    start = SHOP.index("Shipping")
    assert right["evidence"] == {
        "source": 2,
        "start": start,
        "end": len(SHOP),
        "text": "Shipping costs $4.99.",
    }


def test_json_of_what_is_borne_out(ground: Ground, capsys: Capture) -> None:
    assert ground(RIGHT, "--json", "--correct") == 0
    found = as_json(capsys)
    assert (found["ungroundedDetected"], found["ungroundedPercentage"]) == (False, 0)
    assert found["corrected"] == RIGHT
    assert "cited" not in found


def test_the_question_counts(ground: Ground, capsys: Capture) -> None:
    answer = "Zanzibar penguins are not available for sale items."
    assert ground(answer, "--json") in (0, 1)
    alone = as_json(capsys)["claims"][0]["score"]
    assert ground(answer, "--json", "--question", "Are Zanzibar penguins available?") in (0, 1)
    assert as_json(capsys)["claims"][0]["score"] < alone


def test_sources_of_the_policy_and_the_question(folder: Path, ground: Ground, capsys: Capture) -> None:
    write_policy(folder, ", sources: [Bananas are yellow.], origins: [document, user]")
    assert ground("Bananas are not yellow.") == 1
    assert "nearest: [3] the policy 0-19: Bananas are yellow." in capsys.readouterr().out
    assert ground("Pears are not green.", "--question", "Pears are green.") == 1
    assert "nearest: [1] the question 0-16: Pears are green." in capsys.readouterr().out


# --- where the answer comes from, and broken usage --------------------------------------------------------


def test_an_answer_from_a_file(folder: Path, capsys: Capture) -> None:
    (folder / "answer.txt").write_bytes("\ufeff42 metres tall\r\n".encode())
    tail = ["--source", str(folder / "tower.txt"), "--policy", str(folder / "p.yaml"), "--json"]
    assert main(["ground", "--answer-file", str(folder / "answer.txt"), *tail]) == 1
    (claim,) = as_json(capsys)["claims"]
    assert claim["text"] == "42 metres tall", "the line break that ends a file is not the answer's"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--source", "tower.txt"], "one of the arguments --answer --answer-file is required"),
        (["--answer", "x", "--answer-file", "y", "--source", "tower.txt"], "not allowed with"),
        (["--answer", "x"], "required: --source"),
        (["--answer", "x", "--source", "/nothing"], "/nothing: No such file or directory"),
        (["--answer", "x", "--source", "blank.txt"], "blank.txt: is empty: leave it out"),
        (["--answer", "x", "--source", "bytes.txt"], "bytes.txt: byte 2: not UTF-8"),
        (["--answer-file", "bytes.txt", "--source", "tower.txt"], "bytes.txt: byte 2: not UTF-8"),
        (["--answer", "x", "--source", "tower.txt", "--policy", "other.yaml"], "no rule on ungrounded text"),
        (["--answer", "x", "--source", "tower.txt", "--policy", "tools.yaml"], "add document to origins"),
        (["--answer", "x", "--source", "tower.txt", "--html", "no/x.html"], "its folder does not exist"),
        (["--answer", "x", "--source", "tower.txt", "--html", "."], "is a folder"),
        (["--answer", "x", "--source", "tower.txt", "--html", "tower.txt"], "is an input"),
        (["--answer", "x", "--source", "page.new", "--html", "page"], "page.new is an input"),
        (["--answer-file", "tower.txt", "--source", "shop.txt", "--html", "tower.txt"], "is an input"),
        (["--answer", "x", "--source", "tower.txt", "--html", "link"], "is an input"),
        (["--answer", "x", "--source", "shop.txt", "--policy", "p.yaml", "--html", "p.yaml"], "is an input"),
    ],
)
def test_broken_usage(
    args: list[str], said: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(folder)
    (folder / "blank.txt").write_text(" \n")
    (folder / "bytes.txt").write_bytes(b"ab\xff")
    (folder / "page.new").write_text("a source")
    (folder / "link").symlink_to(folder / "tower.txt")
    (folder / "other.yaml").write_text("version: 1\nname: other\nrules: []\n")
    tools = POLICY.replace(" OPTIONS", ", origins: [tool_result]")
    (folder / "tools.yaml").write_text(tools)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    policy = [] if "--policy" in args else ["--policy", "p.yaml"]
    assert main(["ground", *args, *policy]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
