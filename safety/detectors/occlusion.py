"""Which words drove a model's score: those without which it falls (occlusion).

Every word is left out in turn and the rest judged, by the quick model first; the words that matter most to it
are then left out before the model itself. Pure; it explains an opinion and does not change it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from safety.detectors.base import Driver
from safety.detectors.model import Opinion, Passage, Scorer

SHORTLIST = 16  # words that the model itself is asked about
WORDS = 200  # of the judged part that are left out one by one; more are left out in runs of equal length
LEAST = 0.01  # a smaller fall is none
_WORD = re.compile(r"\S+")


def drivers(scorer: Scorer, passage: Passage, category: str, opinion: Opinion) -> list[Driver]:
    """The words of the part of ``passage`` that ``opinion`` is about, those that count most first."""
    part = replace(passage, text=passage.text[opinion.start : opinion.end])
    runs = list(_runs(part.text))
    ranked = _falls(scorer.quick, part, category, runs)
    shortlist = [
        run for run, _ in sorted(zip(runs, ranked, strict=True), key=lambda one: -one[1])[:SHORTLIST]
    ]
    found = [
        Driver(opinion.start + start, opinion.start + end, round(fall, 4))
        for (start, end), fall in zip(shortlist, _falls(scorer, part, category, shortlist), strict=True)
        if fall >= LEAST
    ]
    return sorted(found, key=lambda driver: -driver.fall)


def _runs(text: str) -> Iterator[tuple[int, int]]:
    """The words, or runs of them, that are left out."""
    words = [found.span() for found in _WORD.finditer(text)]
    size = -(-len(words) // WORDS) or 1
    for first in range(0, len(words), size):
        run = words[first : first + size]
        yield run[0][0], run[-1][1]


def _falls(scorer: Scorer, part: Passage, category: str, runs: Sequence[tuple[int, int]]) -> list[float]:
    """By how much the score falls without each run."""
    texts = [part.text, *(part.text[:start] + part.text[end:] for start, end in runs)]
    opinions = scorer.score([replace(part, text=text) for text in texts], (category,))
    whole, *without = (found[category].score if category in found else 0.0 for found in opinions)
    return [whole - score for score in without]
