"""The sources as an inverted index: built in one pass, asked once per claim.

What a question costs depends on the claim: it walks the postings of the claim's rarest words first and
stops after ``MAX_POSTINGS``.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest

from safety.detectors.groundedness.passage import PREFIX, Passage, Word, pieces, read
from safety.detectors.groundedness.values import Date, Value
from safety.sentences import boundaries

MAX_UNIT = 320  # code points: longer sentences (records, table rows) are cut where a field ends
MAX_POSTINGS = 2000
RANKED = 24  # units that are looked at for what a model is shown
SHARE = 0.25  # what a unit is worth for words that are covered already
FADE = 0.3  # what a word is worth once more
NEAR = 0.4  # what the units beside the best are worth, as a share of it
_EVEN: Mapping[str, float] = {}
_FIELD = re.compile(
    r"\s\|\s|\t|[\"']\s*:\s|[\"}\]]\s*,\s*[\"{\[]|^\W{0,3}[^\W\d_][^:.,\n]{0,30}:\s\S", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Unit:
    """A sentence (or part of a record) of source number ``source``."""

    source: int
    passage: Passage
    stems: frozenset[str]
    prefixes: frozenset[str]
    record: bool  # fields of a table or of JSON, not prose


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the sources hold that is nearest to a claim: the best unit, and the window around it with a
    second place where that tells more."""

    best: Unit
    window: tuple[Unit, ...]
    near: tuple[Unit, ...]  # the part of ``window`` that touches ``best``, in order of the text
    stems: frozenset[str]
    prefixes: frozenset[str]

    @property
    def values(self) -> Iterator[Value]:
        """The numbers in the window."""
        return (value for unit in self.window for value in unit.passage.values)

    @property
    def dates(self) -> Iterator[Date]:
        """The dates in the window."""
        return (date for unit in self.window for date in unit.passage.dates)


class Index:
    """All sources of one exchange. Immutable once built."""

    def __init__(self, sources: Sequence[str]) -> None:
        self.units = tuple(
            unit for number, text in enumerate(sources) for unit in _units(number, text) if unit.passage.words
        )
        self._postings: dict[str, list[int]] = defaultdict(list)
        self._firsts: dict[int, int] = {}  # the first unit of each source
        self.prefixes: set[str] = set()
        self.initials: set[str] = set()
        self._numbers: set[float] = set()
        self._bases: dict[str, list[float]] = defaultdict(list)
        self._dates: set[tuple[int, int, int]] = set()
        for at, unit in enumerate(self.units):
            self._add(at, unit)
        for bases in self._bases.values():
            bases.sort()

    def _add(self, at: int, unit: Unit) -> None:
        self._firsts.setdefault(unit.source, at)
        for stem in unit.stems:
            self._postings[stem].append(at)
        self.prefixes |= unit.prefixes
        self.initials |= set(initials(unit.passage.words))
        for value in unit.passage.values:
            self._numbers |= value.readings
            if value.dimension:
                self._bases[value.dimension].extend(value.base)
        for date in unit.passage.dates:
            self._dates |= {(y, m, d) for y in {0, date.year} for m in {0, date.month} for d in {0, date.day}}

    def __contains__(self, stem: str) -> bool:
        return stem in self._postings

    def weight(self, stem: str) -> float:
        """How much the word tells: rare words more."""
        return math.log(1 + (len(self.units) + 1) / (len(self._postings.get(stem, ())) + 0.5))

    def holds_value(self, value: Value) -> bool:
        """Whether some source has the number, in any place."""
        if value.readings & self._numbers or any((n, 0, 0) in self._dates for n in value.readings):
            return True
        bases = self._bases.get(value.dimension, [])
        return any(
            _near(bases, base, 0.1 if value.relation == "~" else 0.005 * bool(base % 1))
            for base in value.base
        )

    def holds_date(self, date: Date) -> bool:
        """Whether some source has the date, or one that says it and more."""
        return (date.year, date.month, date.day) in self._dates or (
            not date.month and float(date.year) in self._numbers
        )

    def evidence(self, claim: Passage) -> Evidence | None:
        """The units that say most of what the claim says; ``None`` if no word is shared."""
        scores = self._scores({word.stem for word in claim.words if word.content or word.lower[0].isdigit()})
        if not scores:
            return None
        ranked = nsmallest(6, scores, key=lambda at: (-scores[at], at))
        best = ranked[0]
        wanted = {word.stem for word in claim.words if word.content}
        chosen = [best]
        near = [at for at in (best - 1, best + 1) if self._beside(at, best)]
        have = set(self.units[best].stems)
        for at in (*near, *ranked[1:]):
            gain = sum(self.weight(stem) for stem in wanted & self.units[at].stems - have)
            if gain > 0 and len(chosen) < 4 and at not in chosen:
                chosen.append(at)
                have |= self.units[at].stems
        window = tuple(self.units[at] for at in chosen)
        return Evidence(
            self.units[best],
            window,
            tuple(self.units[at] for at in sorted({best, *near} & set(chosen))),
            frozenset(have),
            frozenset().union(*(unit.prefixes for unit in window)),
        )

    def relevant(self, weights: Mapping[str, float], room: int) -> list[Unit]:
        """The units that together say most of the weighted stems, in order of the text: at most ``room``
        code points, or one unit. The head of a record comes along: it names the fields."""
        scores = self._scores(set(weights), weights)
        if not scores:
            return list(self._within(range(len(self.units)), room))
        left = dict(weights)
        ranked = nsmallest(RANKED, scores, key=lambda at: (-scores[at], at))
        chosen: list[int] = []
        while ranked and self._length(chosen) < room:
            best = max(ranked, key=lambda at: (self._gain(at, left) + SHARE * scores[at], -at))
            ranked.remove(best)
            chosen.append(best)
            for stem in self.units[best].stems & left.keys():
                left[stem] *= FADE
            if len(chosen) == 1:  # what stands beside the best often goes on about the same
                scores |= {at: max(scores.get(at, 0.0), NEAR * scores[best]) for at in self._around(best)}
                ranked = list(dict.fromkeys((*ranked, *self._around(best))))
        heads = [self._firsts[self.units[at].source] for at in chosen if self.units[at].record]
        return list(self._within(dict.fromkeys((chosen[0], *heads, *chosen)), room))

    def _gain(self, at: int, left: Mapping[str, float]) -> float:
        return sum(self.weight(stem) * left[stem] for stem in self.units[at].stems & left.keys())

    def _around(self, best: int) -> list[int]:
        return [at for at in (best - 1, best + 1) if self._beside(at, best)]

    def _length(self, chosen: Iterable[int]) -> int:
        return sum(unit.passage.end - unit.passage.start for unit in map(self.units.__getitem__, chosen))

    def _within(self, chosen: Iterable[int], room: int) -> Iterator[Unit]:
        """As many of the chosen as there is room for, in order of the text."""
        kept: list[int] = []
        for at in chosen:
            if not kept or self._length((*kept, at)) <= room:
                kept.append(at)
        return (self.units[at] for at in sorted(kept))

    def _beside(self, at: int, best: int) -> bool:
        return 0 <= at < len(self.units) and self.units[at].source == self.units[best].source

    def _scores(self, stems: set[str], weights: Mapping[str, float] = _EVEN) -> dict[int, float]:
        scores: dict[int, float] = defaultdict(float)
        walked = 0
        for stem in sorted(stems & self._postings.keys(), key=lambda s: (len(self._postings[s]), s)):
            postings = self._postings[stem]
            walked += len(postings)
            if walked > MAX_POSTINGS and scores:
                break
            weight = self.weight(stem) * weights.get(stem, 1.0)
            for at in postings[:MAX_POSTINGS]:
                scores[at] += weight
        return scores


def _near(bases: list[float], wanted: float, slack: float) -> bool:
    at = bisect_left(bases, wanted - slack * abs(wanted))
    return at < len(bases) and bases[at] <= wanted + slack * abs(wanted)


def initials(words: Iterable[Word]) -> Iterator[str]:
    """The first letters of runs of capitalised words: ``United Nations`` -> ``un``."""
    run = ""
    end = -9
    for word in words:
        if word.capital and word.start - end <= 5:
            run += word.lower[0]
        elif word.capital:
            run = word.lower[0]
        else:
            continue
        end = word.end
        if len(run) > 1:
            yield from (run[-size:] for size in range(2, min(len(run), 6) + 1))


def _units(source: int, text: str) -> Iterator[Unit]:
    start = 0
    for end in boundaries(text, final=True):
        for piece_start, piece_end in pieces(text, start, end, MAX_UNIT):
            passage = read(text, piece_start, piece_end)
            prefixes = frozenset(word.stem[:PREFIX] for word in passage.words if len(word.stem) >= PREFIX)
            yield Unit(source, passage, passage.stems, prefixes, _is_record(text[piece_start:piece_end]))
        start = end


def _is_record(piece: str) -> bool:
    """Whether the piece looks like fields: rows with bars or tabs, JSON, ``key: value``."""
    return len(_FIELD.findall(piece)) * 120 > len(piece)
