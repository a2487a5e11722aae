"""A verifier's recipe: what an epoch is made of, and mistakes in the file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'; continuous integration has it")

from safety.errors import ConfigError
from safety.models.pairs import WINDOWS
from safety.training.grounding.answers import Answer
from safety.training.grounding.lesson import PairFit
from safety.training.grounding.pairs import Labelled
from safety.training.grounding.recipe import PairRecipe, load_pair_recipe
from safety.training.keys import KINDS, read_recipe


def answers(source: str, number: int, *, marked: bool) -> list[Answer]:
    """Each is one claim."""
    return [
        Answer(("The tower is old.",), "", f"Tower {n} is {source} high.", (), marked, source)
        for n in range(number)
    ]


ANSWERS = [
    *answers("org/a", 30, marked=False),
    *answers("org/a", 20, marked=True),
    *answers("org/b", 25, marked=True),
]
OWN = answers("written:own", 5, marked=True)


def counts(pairs: list[Labelled]) -> dict[tuple[str, bool], int]:
    return dict(Counter((pair.source, pair.answer.marked) for pair in pairs))


@pytest.mark.parametrize(
    ("recipe", "whole", "marked", "other", "own"),
    [
        (PairRecipe(cap=22), 22, 20, 22, 10),
        (PairRecipe(cap=22, caps={"org/a": 7}), 7, 7, 22, 10),
        (PairRecipe(cap=22, caps={"org/a": 7, "org/a|marked": 3}), 7, 3, 22, 10),
        (PairRecipe(cap=22, caps={"org/a|marked": 3}, written=3), 22, 3, 22, 15),
        (PairRecipe(cap=4, caps={"org": 6, "written": 1}, written=1), 6, 6, 6, 5),
    ],
)
def test_the_longest_beginning_caps(
    recipe: PairRecipe, whole: int, marked: int, other: int, own: int
) -> None:
    assert counts(recipe.epoch(ANSWERS, OWN, 0)) == {
        ("org/a", False): whole,
        ("org/a", True): marked,
        ("org/b", True): other,
        ("written:own", True): own,
    }


def test_written_answers_may_be_left_out() -> None:
    assert ("written:own", True) not in counts(PairRecipe(written=0).epoch(ANSWERS, OWN, 0))
    kept = PairRecipe(leave_out=("org/a", "written:")).epoch(ANSWERS, OWN, 0)
    assert counts(kept) == {("org/b", True): 25}


def test_a_limit_is_kept() -> None:
    assert len(PairRecipe(limit=11).epoch(ANSWERS, OWN, 0)) == 11
    assert PairRecipe(limit=0).epoch(ANSWERS, OWN, 0) == []


def test_epochs_differ_and_can_be_had_again() -> None:
    recipe = PairRecipe(cap=5)
    first, again, other = (recipe.epoch(ANSWERS, OWN, number) for number in (0, 0, 1))
    assert first == again
    assert {one.pair.claim for one in first} != {one.pair.claim for one in other}


def test_an_answer_gives_all_its_claims() -> None:
    two = Answer(("The tower is old.",), "", "The tower is high. The tower is red.", (), True, "org/c")
    assert len(PairRecipe(cap=1).epoch([two, two], [], 0)) == 2


def test_the_shipped_recipe_loads() -> None:
    recipe = load_pair_recipe("verifier")
    assert recipe.name == "verifier"
    assert recipe.fit.window in WINDOWS
    assert read_recipe("verifier")[1] == "verifier"


def test_a_recipe_may_say_no_more_than_its_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("trains: verifier\nname: mine\nlimit: null\ncaps: {}\nleave_out: []\nfit: {epochs: 3}\n")
    assert load_pair_recipe(path) == PairRecipe(name="mine", fit=PairFit(epochs=3))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layer: 3\n", "unknown key 'layer': allowed are .*layers"),
        ("early: 2\n", "unknown key 'early'"),
        ("fit: {rates: 1}\n", "fit: unknown key 'rates': allowed are .*words_weight"),
        ("fit: {early_weight: 1}\n", "fit: unknown key 'early_weight'"),
        ("fit:\n", "fit: None: allowed is a mapping"),
        ("fit: {rate: 1e-4}\n", "fit: rate: '1e-4': allowed is a number"),
        ("fit: {window: 64}\n", "fit: window: 64: allowed are 164 to 512"),
        ("fit: {window: 513}\n", "fit: window: 513: allowed are 164 to 512"),
        ("layers: 0\n", "layers: 0: allowed are 1 to 6"),
        ("layers: 7\n", "layers: 7: allowed are 1 to 6"),
        ("alarms: 1.5\n", "alarms: 1.5: allowed are 0 to 1"),
        ("alarms: .nan\n", "alarms: nan: allowed are 0 to 1"),
        ("judged: many\n", "judged: 'many': allowed is a whole number"),
        ("leave_out: org/a\n", "leave_out: 'org/a': allowed is a list of texts"),
        ("caps: {org/a: many}\n", "caps: .*: allowed is a mapping of texts to whole numbers"),
        ("trains: nonsense\n", "trains: 'nonsense': allowed are guard, verifier"),
        ("trains:\n", "trains: None: allowed are guard, verifier"),
        ("trains: [verifier]\n", r"trains: \['verifier'\]: allowed are guard, verifier"),
        ("just words\n", "str: allowed is a mapping"),
        ("a: [\n", "not a recipe"),
    ],
)
def test_mistakes_are_named_with_their_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_pair_recipe(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(("text", "kind"), [("", "guard"), *((f"trains: {kind}\n", kind) for kind in KINDS)])
def test_a_recipe_says_what_it_trains(tmp_path: Path, text: str, kind: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    assert read_recipe(path) == (path, kind, {})
