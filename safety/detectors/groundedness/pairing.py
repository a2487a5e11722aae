"""What a model is shown of a claim: the part of the sources that speaks of it, and what it refers back to.

The same for training and for judging. Of sources of any length the model sees ``ROOM`` code points: the units
that together say most of the claim, in the order of the text. A claim that says *it* or *she* brings the
sentence before along; a bare phrase, or a *yes*, brings the question. It judges nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from safety.detectors.groundedness.claims import Claim
from safety.detectors.groundedness.index import Index, Unit
from safety.detectors.groundedness.passage import read

ROOM = 560  # code points of evidence
BEFORE = 240  # code points of what a claim refers back to
_GAP = " … "
_LESS = 0.4  # what a word of the sentence before counts for in the search
_POINTS_BACK = re.compile(
    r"(?:\W*+\w++){0,5}?\W*+\b(?:"
    r"it|its|he|she|they|this|these|those|his|him|her|hers|their|them|theirs|both|neither|such|"
    r"the (?:latter|former|two|same|other)|"
    r"er|sie|es|ihr|ihre|ihren|ihrer|ihm|ihn|sein|seine|seinen|seiner|dies|diese|dieser|dieses|beide|"
    r"il|elle|ils|elles|ce|cela|cette|celui-ci|leur|leurs|son|sa|ses|"
    r"él|ella|ellos|ellas|este|esta|esto|estos|estas|su|sus|ambos|"
    r"egli|lui|lei|esso|essa|questo|questa|questi|queste|suo|sua|suoi|loro|"
    r"ele|ela|eles|elas|isso|isto|seu|seus|suas|"
    r"hij|zij|ze|het|deze|dit|zijn|haar|hun"
    r")\b",
    re.IGNORECASE,
)
_ANSWERS = re.compile(r"\W*(?:yes|no|ja|nein|nee|oui|non|sí|si|sì|sim|não)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Pair:
    """``claim`` as it stands in the answer, ``before`` it what it refers back to (maybe nothing), and the
    ``evidence``."""

    evidence: str
    before: str
    claim: str


def pair_of(text: str, claim: Claim, index: Index, sources: Sequence[str], question: str) -> Pair:
    """The pair for a claim of ``text``. ``question`` is what the answer answers, or nothing."""
    start, end = claim.passage.start, claim.passage.end
    words = text[start:end]
    before = _before(text, claim, words, question)
    weights = dict.fromkeys(_telling(before), _LESS) | dict.fromkeys(_telling(words), 1.0)
    return Pair(_evidence(index, sources, weights), before, words)


def _before(text: str, claim: Claim, words: str, question: str) -> str:
    if claim.bare or _ANSWERS.match(words):
        return question[-BEFORE:]
    if _POINTS_BACK.match(words) is None:
        return ""
    if claim.before is None:
        return question[-BEFORE:]
    start, end = claim.before
    return text[max(start, end - BEFORE) : end].strip()


def _telling(text: str) -> list[str]:
    return [word.stem for word in read(text).words if word.content or word.numeric]


def _evidence(index: Index, sources: Sequence[str], weights: dict[str, float]) -> str:
    if sum(map(len, sources)) <= ROOM:
        return _GAP.join(_plain(source) for source in sources)
    places = _joined(index.relevant(weights, ROOM))
    return _GAP.join(_plain(sources[source][start:end]) for source, start, end in places)


def _joined(units: Sequence[Unit]) -> list[tuple[int, int, int]]:
    """Where units stand (source, start, end); those that touch are one place."""
    places: list[tuple[int, int, int]] = []
    for unit in units:
        source, start, end = unit.source, unit.passage.start, unit.passage.end
        if places and places[-1][0] == source and start <= places[-1][2] + 1:
            start = places.pop()[1]
        places.append((source, start, end))
    return places


def _plain(text: str) -> str:
    return " ".join(text.split())
