"""Rows made from rows keep or state their labels."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from safety.detectors.model import Role
from safety.models.heads import HEADS
from safety.training.augment import augmented
from safety.training.rows import Row


def row(text: str, role: Role, attack: float) -> Row:
    targets = [None] * len(HEADS)
    targets[int(role)] = attack
    return Row(text, role, tuple(targets), family="prompt_shield", source="s", kind="k")


ROWS = [
    row("attack one", Role.SAID, 1.0),
    row("attack two", Role.SAID, 1.0),
    row("calm one", Role.SAID, 0.0),
    row("calm two", Role.SAID, 0.0),
    row("a document of some words", Role.READ, 0.0),
    row("a document with an attack", Role.READ, 1.0),
]


@given(st.integers(0, 10_000))
def test_labels_follow_the_attack(seed: int) -> None:
    for made in augmented(ROWS, random.Random(seed), share=4):
        how = made.kind.rpartition("+")[2]
        if how == "misspelled":
            continue
        holds = "attack one" in made.text or "attack two" in made.text
        if how == "planted":
            assert made.role is Role.READ
            assert holds
            assert made.targets == (None, 1.0, None, None, None, None)
        else:
            assert made.role is Role.SAID
            assert made.targets[0] == float(holds)
            assert any(one.text in made.text for one in ROWS)


def test_the_same_seed_makes_the_same_rows() -> None:
    first, again, other = (augmented(ROWS, random.Random(seed), share=9) for seed in (5, 5, 6))
    assert first == again != other
    assert len(first) == 54
    assert {made.kind for made in first} == {"k+transcript", "k+beside", "k+planted", "k+misspelled"}, first
