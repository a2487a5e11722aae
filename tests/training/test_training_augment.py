"""Rows made from rows keep or state their labels."""

from __future__ import annotations

import random
from dataclasses import replace
from difflib import SequenceMatcher

from hypothesis import given
from hypothesis import strategies as st

from safety.detectors.model import Role
from safety.models.heads import HEADS
from safety.training.augment import SHORT, augmented
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


WORDS = st.text("abc d\n#.", min_size=1, max_size=30).filter(lambda text: text.strip())


@given(WORDS, WORDS, WORDS, st.integers(0, 999))
def test_a_text_stands_whole_in_what_is_made_of_it(attack: str, calm: str, paper: str, seed: int) -> None:
    rows = [row(f"!{attack}!", Role.SAID, 1.0), row(calm, Role.SAID, 0.0), row(paper, Role.READ, 0.0)]
    for made in augmented(rows, random.Random(seed), share=5):
        how = made.kind.rpartition("+")[2]
        if how == "planted":
            assert f"!{attack}!" in made.text
            assert all(word in made.text for word in paper.split(" "))
        elif how != "misspelled":
            assert calm in made.text
            assert (f"!{attack}!" in made.text) == (made.targets[0] == 1.0)


@given(st.integers(0, 999))
def test_misspelling_leaves_the_label_and_most_letters(seed: int) -> None:
    numbers = " ".join(map(str, range(70)))
    long = [replace(one, text=f"{one.text} {numbers}", kind=str(at)) for at, one in enumerate(ROWS)]
    for made in augmented(long, random.Random(seed), share=4):
        at, _, how = made.kind.partition("+")
        if how == "misspelled":
            assert replace(made, text=long[int(at)].text, kind=at) == long[int(at)]
            assert SequenceMatcher(None, made.text, long[int(at)].text, autojunk=False).ratio() > 0.8


def test_long_texts_are_not_made_longer() -> None:
    long = row("long " * (SHORT // 5), Role.SAID, 1.0)
    made = [
        one for one in augmented([*ROWS, long], random.Random(1), share=50) if len(one.text) >= SHORT - 30
    ]
    assert made
    made = [one for one in made if one.text.count("long") > 3]
    assert {one.kind for one in made} == {"k+misspelled"}


def test_what_is_not_known_of_a_part_is_not_known_of_the_whole() -> None:
    """Half of the harmless rows say nothing of harm."""
    known = replace(ROWS[2], targets=(0.0, None, 0.0, 0.0, 0.0, 0.0), severities=(0.0,) * 4, text="known")
    bad = replace(known, targets=(0.0, None, 1.0, 0.0, 0.0, 0.0), severities=(4.0, 0.0, 0.0, 0.0), text="bad")
    rows = [*ROWS[:2], known, bad, replace(ROWS[3], text="blind"), ROWS[4]]
    seen = set()
    for made in augmented(rows, random.Random(3), share=300):
        parts = [one for one in ("known", "bad", "blind", "attack") if one in made.text]
        if made.kind.endswith(("transcript", "beside")) and parts == ["known"]:
            assert made.targets[2:] == (0.0,) * 4
        elif made.kind.endswith(("transcript", "beside")) and set(parts) == {"known", "blind"}:
            assert made.targets[2:] == (None,) * 4
            assert made.severities == (None,) * 4
        seen.add(tuple(parts))
    assert {("known",), ("known", "blind")} <= seen


def test_nothing_is_made_of_nothing() -> None:
    for kept in ([], ROWS[:2], ROWS[2:4], [*ROWS[:4], ROWS[5]]):
        assert augmented(kept, random.Random(0), share=4) == []
