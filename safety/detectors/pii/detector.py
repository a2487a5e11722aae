"""Personal data in a text, by Presidio's recognisers, read only where a value can stand.

Finds what has a shape: addresses, numbers, ids. Names and places (PERSON, LOCATION) have none and need a
model, so they are not found here. A text without digits and at signs is passed over at once; elsewhere each
recogniser reads the places that hold enough digits, and those that are unsure without a context word run
only where such a word stands somewhere. Values in other encodings (base64, words for digits) are not seen.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ahocorasick_rs import AhoCorasick

from safety.detectors.base import Detector
from safety.detectors.normalise import readings
from safety.detectors.pii import judge
from safety.detectors.pii.context import stem
from safety.detectors.pii.load import load
from safety.detectors.pii.pending import open_from
from safety.detectors.pii.places import Window, clusters, windows
from safety.detectors.pii.recognizers import Match
from safety.detectors.pii.table import DEFAULT_ENTITIES, ENTITIES, LANGUAGES, ROWS, Row
from safety.detectors.text import best
from safety.errors import ConfigError
from safety.types import Exchange, Finding

_ANYTHING_ASCII = re.compile("[0-9@]")
_ANYTHING = re.compile("[\\d@\uff20]")  # a digit of any script or an at sign, also a full-width one
_NAMED_FROM = 4  # the fewest digits of a value that needs a context word


@dataclass(frozen=True, slots=True)
class PiiOptions:
    """What is looked for.

    ``entities``: in Presidio's spelling. ``languages``: of the ids issued where one language is spoken, those
    of these languages; empty means all. ``regions``: countries whose telephone numbers are known without a
    country code. ``allow``: texts never reported, in any case of letters. ``min_score``: the least score that
    is reported; recognisers that cannot reach it without a context word run only where one stands.
    """

    entities: tuple[str, ...] = DEFAULT_ENTITIES
    languages: tuple[str, ...] = ()
    regions: tuple[str, ...] = ("US", "GB", "DE", "FR", "IN", "BR", "ES", "IT", "AU")
    allow: tuple[str, ...] = ()
    min_score: float = 0.5


class Pii(Detector):
    """Findings ``pii.<ENTITY>``, each with the exact span of the value as it is written."""

    name = "pii"
    categories = tuple(f"pii.{entity}" for entity in ENTITIES)
    Options = PiiOptions

    def __init__(self, options: PiiOptions | None = None) -> None:
        super().__init__(options)
        chosen: PiiOptions = self.options
        _check("entities", chosen.entities, ENTITIES)
        _check("languages", chosen.languages, LANGUAGES)
        self._recognizers = load(_rows(chosen), tuple(chosen.regions))
        self._allowed = frozenset(text.casefold() for text in chosen.allow)
        self._least = float(chosen.min_score)
        owners: dict[str, set[int]] = {}
        for rank, recognizer in enumerate(self._recognizers):
            for phrase in recognizer.phrases:
                owners.setdefault(stem(phrase), set()).add(rank)
        self._stem_owners = tuple(owners.values())
        self._stems = AhoCorasick(list(owners))

    @classmethod
    def categories_of(cls, options: PiiOptions) -> tuple[str, ...]:
        return tuple(dict.fromkeys(f"pii.{row.entity}" for row in _rows(options)))

    def detect(self, batch: Sequence[Exchange]) -> list[list[Finding]]:
        return [
            [
                Finding(
                    self.name, f"pii.{m.entity}", m.score, segment.span(m.start, m.end), evidence=m.entity
                )
                for segment in exchange.segments
                for m in self.find(segment.text)
            ]
            for exchange in batch
        ]

    def find(self, text: str) -> list[Match]:
        """The values in ``text``, in order, none overlapping another; offsets in code points."""
        if (_ANYTHING_ASCII if text.isascii() else _ANYTHING).search(text) is None:
            return []
        found = (
            Match(*reading.original(match.start, match.end), match.entity, match.score)
            for reading in readings(text)
            for match in self._matches(reading.text)
        )
        return [
            match for match in best(found) if text[match.start : match.end].casefold() not in self._allowed
        ]

    def pending(self, text: str) -> int | None:
        return open_from(text)

    def _matches(self, text: str) -> Iterator[Match]:
        read_at = _Places(text)
        named = self._named(text) if read_at.most >= _NAMED_FROM else frozenset()
        for rank, recognizer in enumerate(self._recognizers):
            row = recognizer.row
            if row.alone < self._least and rank not in named:
                continue
            least = 0.0 if rank in named else self._least
            for candidate in recognizer.candidates(text, read_at.of(row), least):
                score = judge.score(row, recognizer.phrases, text, candidate)
                if score >= self._least:
                    yield Match(candidate.start, candidate.end, row.entity, score)

    def _named(self, text: str) -> frozenset[int]:
        """The recognisers of which a context word may stand in ``text``, by position."""
        hits = {hit[0] for hit in self._stems.find_matches_as_indexes(text.lower(), overlapping=True)}
        return frozenset(rank for hit in hits for rank in self._stem_owners[hit])


class _Places:
    """The windows of one text, worked out once for the rows that share them."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._clusters = clusters(text)
        self._known: dict[tuple[int, int, int], list[Window]] = {}
        self.most = max((cluster.digits for cluster in self._clusters), default=0)

    def of(self, row: Row) -> list[Window]:
        """Where ``row`` has to look."""
        if row.digits == 0:
            return [Window(0, len(self._text))]
        if row.digits > self.most:
            return []
        key = (row.digits, *row.reach)
        if key not in self._known:
            self._known[key] = windows(self._text, self._clusters, *key)
        return self._known[key]


def _rows(chosen: PiiOptions) -> list[Row]:
    """The recognisers that the options ask for."""
    return [
        row
        for row in ROWS
        if row.entity in chosen.entities
        and not (row.language and chosen.languages and row.language not in chosen.languages)
    ]


def _check(option: str, given: Sequence[str], allowed: Sequence[str]) -> None:
    for name in given:
        if name not in allowed:
            close = difflib.get_close_matches(name, allowed, n=1, cutoff=0.5)
            hint = f", did you mean {close[0]!r}?" if close else ""
            raise ConfigError(f"{option}: unknown {name!r}{hint}: allowed are {', '.join(allowed)}")
