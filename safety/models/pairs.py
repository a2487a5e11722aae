"""A claim and its evidence as the tokens that a cross-encoder is shown. Shared by training and running."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from safety.detectors.groundedness.pairing import Pair
from safety.models.tokens import CLS, SEP, UNK
from safety.models.windows import windows

CLAIM, OVERLAP = 96, 24  # tokens of a claim that are shown at a time; of the next part that are shown again
BEFORE = 48  # tokens of what the claim refers back to
WINDOWS = range(CLAIM + BEFORE + 20, 513)  # tokens that can be shown: narrower leaves no room for evidence


@dataclass(frozen=True, slots=True)
class Shown:
    """``ids`` with the marks; the claim's tokens ``[first, last)`` are ``ids[at : at + last - first]``."""

    ids: tuple[int, ...]
    at: int
    first: int
    last: int


def shown(pair: Pair, ids_of: Callable[[str], Sequence[int]], window: int) -> list[Shown]:
    """The pair in ``window`` tokens: once, or as often as a long claim has parts. Evidence that there is no
    room for is left out, from its end."""
    # A claim of signs that the tokenizer deletes is asked about all the same.
    claim, before = list(ids_of(pair.claim)) or [UNK], list(ids_of(pair.before))[-BEFORE:]
    evidence = list(ids_of(pair.evidence))
    made = []
    for first, last in windows(len(claim), CLAIM, OVERLAP):
        back = [*before, SEP] if before else []
        room = window - (last - first) - len(back) - 3
        lead = [CLS, *evidence[:room], SEP, *back]
        made.append(Shown((*lead, *claim[first:last], SEP), len(lead), first, last))
    return made
