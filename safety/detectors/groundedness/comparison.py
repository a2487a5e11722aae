"""A claim laid beside its evidence: what the checks look at, and the marks they make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import pairwise

from safety.detectors.groundedness.index import Evidence, Index
from safety.detectors.groundedness.passage import PREFIX, Passage, Word

COPIED = 0.7  # share of neighbouring words that makes a copy
SHARED = 0.5  # and so much of the claim must be in the source at all
MAX_ALIGNED = 150  # words: longer claims or units are not laid side by side


class Manner(StrEnum):
    """How a claim follows its source. The same difference weighs more in a copy than in a paraphrase, and
    a table says little in words."""

    COPY = "copy"
    FREE = "free"
    RECORD = "record"


@dataclass(frozen=True, slots=True)
class Mark:
    """``reason`` applies with ``strength`` (0 and up); ``detail`` says so to a person. ``instead``: a place
    in the answer (code points) and what the source has there."""

    reason: str
    strength: float
    detail: str = ""
    instead: tuple[int, int, str] | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """``claim`` words that stand where the best unit has ``source`` words (none: they were added)."""

    claim: tuple[Word, ...]
    source: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """``claim`` (a passage of ``text``) before ``evidence``, whose best unit is a passage of ``source``.
    ``asked`` are the stems of the user's own questions; ``slots`` are empty unless the claim is a copy."""

    text: str
    source: str
    claim: Passage
    evidence: Evidence
    index: Index
    asked: frozenset[str]
    manner: Manner
    slots: tuple[Slot, ...]

    @property
    def best(self) -> Passage:
        """The nearest sentence of the sources."""
        return self.evidence.best.passage

    def said(self, words: Sequence[Word]) -> str:
        """The claim's own writing of neighbouring ``words``."""
        return self.text[words[0].start : words[-1].end] if words else ""

    def written(self, words: Sequence[Word]) -> str:
        """The source's own writing of neighbouring ``words``."""
        return self.source[words[0].start : words[-1].end] if words else ""

    def borne_out(self, word: Word) -> bool:
        """Whether the window or the user's question has the word or one that begins alike."""
        return (
            word.stem in self.evidence.stems
            or word.stem in self.asked
            or (len(word.stem) >= PREFIX and word.stem[:PREFIX] in self.evidence.prefixes)
        )

    def in_sources(self, word: Word) -> bool:
        """Whether any source has the word or one that begins alike."""
        return word.stem in self.index or word.stem[:PREFIX] in self.index.prefixes


def open_case(
    text: str, claim: Passage, index: Index, sources: Sequence[str], asked: frozenset[str]
) -> Case | None:
    """Find the evidence for ``claim`` and lay it beside; ``None`` if no source shares a word with it."""
    evidence = index.evidence(claim)
    if evidence is None:
        return None
    manner = _manner(claim, evidence)
    slots = slots_of(claim, evidence.best.passage) if manner is Manner.COPY else ()
    return Case(text, sources[evidence.best.source], claim, evidence, index, asked, manner, slots)


def _manner(claim: Passage, evidence: Evidence) -> Manner:
    if evidence.best.record:
        return Manner.RECORD
    pairs = {pair for unit in evidence.window for pair in _neighbours(unit.passage.words)}
    known = {word.lower for unit in evidence.window for word in unit.passage.words}
    mine = list(_neighbours(claim.words))
    both = [pair for pair in mine if pair[0] in known and pair[1] in known]
    copied = len(both) >= max(3, SHARED * len(mine)) and sum(p in pairs for p in both) >= COPIED * len(both)
    return Manner.COPY if copied else Manner.FREE


def _neighbours(words: Iterable[Word]) -> Iterator[tuple[str, str]]:
    return ((one.lower, other.lower) for one, other in pairwise(words))


def slots_of(claim: Passage, unit: Passage) -> tuple[Slot, ...]:
    """Where the claim's words differ from the unit's, word by word. At the ends of the claim the unit may
    go on: only as many of its words count as the claim has there."""
    mine, theirs = claim.words, unit.words
    if len(mine) > MAX_ALIGNED or len(theirs) > MAX_ALIGNED:
        return ()
    matcher = SequenceMatcher(None, [w.lower for w in mine], [w.lower for w in theirs], autojunk=False)
    slots: list[Slot] = []
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag not in ("replace", "delete"):
            continue
        size = b - a
        first = max(c, d - size) if a == 0 else c
        last = min(d, first + size) if b == len(mine) else d
        slots.append(Slot(mine[a:b], theirs[first:last]))
    return tuple(slots)
