"""Recipes: what an epoch is made of, and mistakes in the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'; continuous integration has it")

from safety.detectors.model import Role
from safety.errors import ConfigError
from safety.models.heads import HEADS
from safety.training.recipe import Recipe, load_recipe
from safety.training.rows import Row

TARGETS = (0.0,) + (None,) * (len(HEADS) - 1)
ROWS = [
    Row(f"{source} {kind} {n}", Role.SAID, TARGETS, source=source, kind=kind)
    for source, kind in (("org/a:1", "x"), ("org/a:1", "y"), ("org/b", "x"))
    for n in range(30)
]
OWN = [Row(f"own {n}", Role.SAID, TARGETS, source="written:own") for n in range(5)]


def counts(rows: list[Row]) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for row in rows:
        found[row.source, row.kind] = found.get((row.source, row.kind), 0) + 1
    return found


def test_the_longest_beginning_caps() -> None:
    recipe = Recipe(cap=20, caps={"org/a": 7, "org/a:1|y": 3}, augment=0, written=2)
    assert counts(recipe.epoch(ROWS, OWN, 0)) == {
        ("org/a:1", "x"): 7,
        ("org/a:1", "y"): 3,
        ("org/b", "x"): 20,
        ("written:own", ""): 10,
    }


def test_epochs_differ_and_can_be_had_again() -> None:
    recipe = Recipe(cap=5, augment=0)
    first, again, other = (recipe.epoch(ROWS, OWN, number) for number in (0, 0, 1))
    assert first == again
    assert {row.text for row in first} != {row.text for row in other}


def test_what_is_left_out_is_not_there() -> None:
    kept = Recipe(augment=0, leave_out=("org/a", "written:")).epoch(ROWS, OWN, 0)
    assert {row.source for row in kept} == {"org/b"}


def test_rows_are_made_of_what_is_not_left_out() -> None:
    attacks = [replace(row, source="org/c", targets=(1.0, *TARGETS[1:])) for row in ROWS[60:]]
    read = [replace(row, role=Role.READ) for row in ROWS[60:]]
    rows = [replace(row, family="prompt_shield") for row in ROWS + attacks + read]
    chosen = Recipe(augment=0.5, leave_out=("org/a",)).epoch(rows, [], 0)
    made = [row for row in chosen if "+" in row.kind]
    assert len(made) == len(chosen) // 3
    assert not any("org/a" in row.text for row in chosen)


def test_a_recipe_may_limit_nothing_and_say_no_more_than_its_name(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("name: mine\nlimit: null\ncaps: {}\nleave_out: []\n")
    assert load_recipe(tmp_path / "mine.yaml") == Recipe(name="mine")


def test_a_limit_is_kept() -> None:
    assert len(Recipe(augment=0, limit=11).epoch(ROWS, OWN, 0)) == 11


@pytest.mark.parametrize("name", ["guard", "smoke"])
def test_the_shipped_recipes_load(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.fit.window >= 32
    assert set(recipe.alarms) <= set(HEADS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layer: 3\n", "unknown key 'layer': allowed are .*layers"),
        ("fit: {rates: 1}\n", "fit: unknown key 'rates': allowed are .*rate"),
        ("alarms: {hate: {some: 1}}\n", "alarms.hate: unknown key 'some': allowed are all, hard"),
        ("alarms: {hatred: {all: 1}}\n", "alarms: unknown key 'hatred': allowed are prompt_attack, .*hate"),
        ("alarms: [hate]\n", "alarms: .*: allowed is a mapping"),
        ("alarms: {hate: 0.1}\n", "alarms.hate: float: allowed is a mapping of all, hard"),
        ("fit:\n", "fit: None: allowed is a mapping"),
        ("fit: {rate: 1e-4}\n", "fit: rate: '1e-4': allowed is a number .*write 1.0e-4"),
        ("distil: {size: 8.5}\n", "distil: size: 8.5: allowed is a whole number"),
        ("layers: true\n", "layers: True: allowed is a whole number"),
        ("version: 1\n", "version: 1: allowed is a text"),
        ("leave_out: org/a\n", "leave_out: 'org/a': allowed is a list of texts"),
        ("caps: {org/a: many}\n", "caps: .*: allowed is a mapping of texts to whole numbers"),
        ("overlap: 30\nfit: {window: 32}\n", "overlap: 30: allowed are 0 to 29"),
        ("just words\n", "str: allowed is a mapping"),
        ("- a\n", "list: allowed is a mapping"),
        ("a: [\n", "not a recipe"),
    ],
)
def test_mistakes_are_named_with_their_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_recipe(path)
    assert str(path) in str(caught.value)
