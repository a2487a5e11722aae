"""What the shipped encoder answers, and in which order. Constants only."""

from __future__ import annotations

from safety.detectors.model import HARM, SHIELD, Role

HEADS = SHIELD + HARM  # one logit each, in this order; after them one severity per kind of harm
TOP = 7  # the highest severity: the encoder's severities are 0 to 1 of this


def attack(role: Role) -> str:
    """The head that speaks of attacks in this role; the other one is not trained for it."""
    return SHIELD[role]


def spoken(role: Role) -> tuple[str, ...]:
    """The heads that speak of a text in this role."""
    return (attack(role), *HARM)
