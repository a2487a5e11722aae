"""Rows made from rows: longer, embedded, misspelled, so that a model learns what matters and not where.

Every change keeps or states the label: an attack stays one wherever it stands, a harmless text inside others
stays harmless. Deterministic given the random generator. It invents no wording: that is in ``written/``.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from safety.detectors.model import Role
from safety.models.heads import HEADS
from safety.training.rows import Row

LONG = 900  # characters: longer rows are not lengthened further
_TURNS = (
    ("user: ", "assistant: "), ("human: ", "assistant: "), ("q: ", "a: "), ("me: ", "bot: "), ("", ""),
)  # fmt: skip
_REPLIES = (
    "sure, here it is.", "done. anything else?", "of course!", "i can help with that.",
    "let me think about it.", "here are three options.", "thanks, noted.", "could you say more?",
    "that is a good question.",
)  # fmt: skip
_JOINTS = ("\n", "\n\n", " ", " --- ", "\n###\n", ". ", "\n> ")


def augmented(rows: Sequence[Row], rng: random.Random, *, share: float) -> list[Row]:
    """New rows, about ``share`` of the number given; none where there is nothing to make them of."""
    said = [row for row in rows if row.role is Role.SAID and row.family == "prompt_shield"]
    read = [row for row in rows if row.role is Role.READ]
    attacks = [row for row in said if row.positive and len(row.text) < LONG]
    harmless = [row for row in said if not row.positive and len(row.text) < LONG]
    clean = [row for row in read if not row.positive]
    made: list[Row] = []
    if not (attacks and harmless and clean):
        return made
    for _ in range(int(share * len(rows))):
        draw = rng.random()
        if draw < 0.2:
            made.append(_transcript(rng.choice(attacks), harmless, rng))
        elif draw < 0.4:
            made.append(_transcript(rng.choice(harmless), harmless, rng))
        elif draw < 0.55:
            made.append(_beside(rng.choice(attacks), rng.choice(harmless), rng))
        elif draw < 0.7:
            made.append(_beside(rng.choice(harmless), rng.choice(harmless), rng))
        elif draw < 0.8:
            made.append(_planted(rng.choice(attacks), rng.choice(clean), rng))
        else:
            made.append(_misspelled(rng.choice(rows), rng))
    return made


def _transcript(row: Row, others: Sequence[Row], rng: random.Random) -> Row:
    """The row as one turn of a conversation whose other turns are harmless."""
    asks, answers = rng.choice(_TURNS)
    turns = [rng.choice(others).text for _ in range(rng.randint(1, 3))]
    turns.insert(rng.randint(0, len(turns)), row.text)
    lines = [f"{asks}{turn}\n{answers}{rng.choice(_REPLIES)}" for turn in turns[:-1]]
    return _remade(row, "\n".join((*lines, asks + turns[-1])), "transcript")


def _beside(row: Row, other: Row, rng: random.Random) -> Row:
    """The row before or after a harmless text."""
    pair = [other.text, row.text]
    if rng.random() < 0.35:
        pair.reverse()
    return _remade(row, rng.choice(_JOINTS).join(pair), "beside")


def _planted(attack: Row, document: Row, rng: random.Random) -> Row:
    """The attack inside a document, between two of its words."""
    words = document.text[:LONG].split(" ")
    at = rng.randint(0, len(words))
    joint = rng.choice(_JOINTS)
    text = joint.join(part for part in (" ".join(words[:at]), attack.text, " ".join(words[at:])) if part)
    targets: dict[str, float | None] = dict.fromkeys(HEADS)
    targets["indirect_attack"] = 1.0
    made = _remade(attack, text, "planted")
    return replace(made, role=Role.READ, targets=tuple(targets.values()))


def _misspelled(row: Row, rng: random.Random) -> Row:
    """The row with letters here and there dropped, doubled, replaced by the next, or a space after them."""
    rate = rng.choice((0.01, 0.02, 0.05))
    letters = list(row.text)
    for at in range(len(letters) - 1):
        if rng.random() < rate:
            letters[at] = rng.choice(("", letters[at] * 2, letters[at + 1], letters[at] + " "))
    return _remade(row, "".join(letters), "misspelled")


def _remade(row: Row, text: str, how: str) -> Row:
    return replace(row, text=text, kind=f"{row.kind}+{how}")
