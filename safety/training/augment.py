"""Rows made from rows: longer, embedded, misspelled, so that a model learns what matters and not where.

Every change keeps or states the label: an attack stays one wherever it stands, a harmless text inside others
stays harmless, and what is not known of a part is not known of the whole. Made rows are short enough to be
seen whole: an attack beyond the window would teach that there was one where none is to be seen. Deterministic
given the random generator. It invents no wording: that is in ``written/``.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from safety.detectors.model import SHIELD, Role
from safety.models.heads import HEADS
from safety.training.rows import Row

SHORT = 300  # characters: longer rows are not put together with others
ROOM = 400  # characters of a document around an attack
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
    attacks = [row for row in said if row.positive and len(row.text) < SHORT]
    harmless = [row for row in said if not row.positive and len(row.text) < SHORT]
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
    company = rng.sample(others, min(rng.randint(1, 2), len(others)))
    turns = [other.text for other in company]
    turns.insert(rng.randint(0, len(turns)), row.text)
    lines = [f"{asks}{turn}\n{answers}{rng.choice(_REPLIES)}" for turn in turns[:-1]]
    return _joined(row, company, "\n".join((*lines, asks + turns[-1])), "transcript")


def _beside(row: Row, other: Row, rng: random.Random) -> Row:
    """The row before or after a harmless text."""
    pair = [other.text, row.text]
    if rng.random() < 0.35:
        pair.reverse()
    return _joined(row, [other], rng.choice(_JOINTS).join(pair), "beside")


def _planted(attack: Row, document: Row, rng: random.Random) -> Row:
    """The attack inside a document, between two of its words."""
    words = document.text[:ROOM].split(" ")
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


def _joined(row: Row, others: Sequence[Row], text: str, how: str) -> Row:
    """The row together with harmless ones: of a kind of harm that one of them does not answer, neither does
    the whole, unless it is in the row."""
    blind = [any(other.targets[at] is None for other in others) for at in range(len(row.targets))]
    targets = [None if t == 0 and hidden else t for t, hidden in zip(row.targets, blind, strict=True)]
    severities = [
        None if target is None else known
        for target, known in zip(targets[len(SHIELD) :], row.severities, strict=True)
    ]
    return replace(_remade(row, text, how), targets=tuple(targets), severities=tuple(severities))


def _remade(row: Row, text: str, how: str) -> Row:
    return replace(row, text=text, kind=f"{row.kind}+{how}")
