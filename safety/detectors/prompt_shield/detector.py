"""The ``prompt_shield`` detector: known wordings of prompt attacks, plain or disguised, and a model beside.

One pass over each reading of a segment tells which signatures can match; only those are matched. Where they
are not sure, the model is asked. A model's finding says no more than the part of the text it speaks of; a
signature's says which words, and which kind of attack.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import re2

from safety.detectors.base import Scope
from safety.detectors.model import SHIELD, ModelOptions, Scorer
from safety.detectors.normalise import TYPOGRAPHY, Reader, View, fold
from safety.detectors.normalise.view import PLAIN
from safety.detectors.opinions import Heard, ModelDetector
from safety.detectors.prompt_shield import (
    asian,
    changed_rules,
    document_orders,
    documents,
    extraction,
    germanic,
    mockup,
    role_play,
    romance,
)
from safety.detectors.prompt_shield.mention import quotations
from safety.detectors.prompt_shield.prefilter import Prefilter
from safety.detectors.prompt_shield.signature import KINDS, Signature
from safety.errors import ConfigError
from safety.types import Exchange, Finding, Origin, Segment

SIGNATURES: tuple[Signature, ...] = (
    *changed_rules.ROWS,
    *extraction.ROWS,
    *role_play.ROWS,
    *mockup.ROWS,
    *documents.ROWS,
    *document_orders.ROWS,
    *germanic.ROWS,
    *romance.ROWS,
    *asian.ROWS,
)

_USER, _OUTSIDE = SHIELD
_ROOTS = {Origin.USER: _USER, Origin.DOCUMENT: _OUTSIDE, Origin.TOOL_RESULT: _OUTSIDE}

NEAR = 600  # code points between two matches that still add up
PLACES = 8  # places of one row in one segment that are looked at
DETAIL = 200  # code points of a match that are quoted
_MEMORY = 64 << 20  # bytes an automaton may grow to before the engine takes a slower way
SURE = 0.9  # a signature this sure needs no second opinion
BY_MODEL = "model"  # the kind of what the model found
_HIDDEN = 0.5  # a disguise halves the doubt
_MENTIONED = 0.4  # the most for what a question quotes
# Readings that undo what ordinary documents do too.
_ORDINARY = frozenset((PLAIN, "url", "html", "escapes"))


class Pattern(Protocol):
    """A compiled google-re2 expression."""

    def finditer(self, text: str, /) -> Iterator[Any]: ...


@dataclass(frozen=True, slots=True)
class PromptShieldOptions(ModelOptions):
    """``without``: ids of signatures that are not used. With ``model: none`` there are signatures alone."""

    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Match:
    """A row at a place of the original text."""

    row: int
    score: float
    start: int
    end: int
    kind: str

    def near(self, other: _Match) -> bool:
        """Whether the two stand apart, and close enough to speak of one attack."""
        gap = max(self.start, other.start) - min(self.end, other.end)
        return 0 <= gap <= NEAR


class PromptShield(ModelDetector):
    """Finds prompt attacks in user text, and indirect attacks in documents and tool results."""

    name = "prompt_shield"
    version = "2"
    categories = tuple(f"{root}.{kind}" for root in SHIELD for kind in (*KINDS, BY_MODEL))
    scope = Scope.SEGMENT
    Options = PromptShieldOptions

    def __init__(
        self, options: Any = None, *, reader: Reader | None = None, scorer: Scorer | None = None
    ) -> None:
        super().__init__(options, reader=reader, scorer=scorer)
        without = set(self.options.without)
        unknown = without - {row.id for row in SIGNATURES}
        if unknown:
            raise ConfigError(f"without: no signature {sorted(unknown)[0]!r}: allowed are ids of signatures")
        rows = tuple(row for row in SIGNATURES if row.id not in without)
        self._rows = rows
        self._prefilter = Prefilter([row.expression for row in rows])
        self._patterns = tuple(_compiled(row.expression) for row in rows)
        self._weights = {origin: _weights(rows, origin) for origin in Origin}

    def detect(self, batch: Sequence[Exchange]) -> list[list[Finding]]:
        segments = [segment for exchange in batch for segment in exchange.segments]
        found = [self._signed(segment) for segment in segments]
        unsure = [at for at, segment in enumerate(segments) if self._asks(segment, found[at])]
        for at, heard in zip(unsure, self.heard([segments[at] for at in unsure], SHIELD), strict=True):
            found[at] += self._told(segments[at], heard)
        each = iter(found)
        return [
            [one for _ in exchange.segments for one in next(each) if one.score >= self.options.min_score]
            for exchange in batch
        ]

    # ---- the model

    def _asks(self, segment: Segment, signed: Sequence[Finding]) -> bool:
        """Whether the model is to judge a segment of which the signatures say ``signed``."""
        return segment.origin in _ROOTS and all(finding.score < SURE for finding in signed)

    def _told(self, segment: Segment, heard: Mapping[str, Heard]) -> Iterator[Finding]:
        root = _ROOTS[segment.origin]
        if root in heard:
            one = heard[root]
            place = segment.span(one.start, one.end)
            yield Finding(
                self.name, f"{root}.{BY_MODEL}", round(one.opinion.score, 4), place, evidence=one.evidence
            )

    # ---- the signatures

    def _signed(self, segment: Segment) -> list[Finding]:
        weights = self._weights[segment.origin]
        if not weights:
            return []
        root = _ROOTS.get(segment.origin, _USER)
        reading = self.reader.read(segment.text)
        matches: dict[int, list[_Match]] = {}
        for view in reading.views:
            for match in self._matches(view, segment.text, weights):
                matches.setdefault(match.row, []).append(match)
        most = _MENTIONED if matches and self._mentioned(segment, reading.views[0], matches) else 1.0
        findings = [
            self._finding(segment, root, match, min(score, most))
            for match, score in (_strongest(matches) if matches else ())
        ]
        if reading.cut:
            reason = f"not all encoded passages were read ({', '.join(reading.cut)})"
            findings.append(Finding(self.name, f"{root}.encoding", 0.5, segment.whole(), evidence=reason))
        return findings

    def _mentioned(self, segment: Segment, plain: View, matches: dict[int, list[_Match]]) -> bool:
        """Whether the text is a user's question about what it quotes and nothing else matches."""
        if segment.origin is not Origin.USER:
            return False
        quotes = [plain.original(*quote) for quote in quotations(plain.text)]
        return bool(quotes) and all(
            match.score <= self._weights[segment.origin][match.row]
            and any(start <= match.start and match.end <= end for start, end in quotes)
            for found in matches.values()
            for match in found
        )

    def _matches(self, view: View, text: str, weights: dict[int, float]) -> Iterator[_Match]:
        for row in self._prefilter.candidates(view.text):
            if row not in weights:
                continue
            for found in islice(self._patterns[row].finditer(view.text), PLACES):
                start, end = view.original(*found.span())
                score = weights[row]
                if _disguised(view, found[0], text[start:end]):
                    score = 1 - (1 - score) * _HIDDEN
                yield _Match(row, score, start, end, view.kind)

    def _finding(self, segment: Segment, root: str, match: _Match, score: float) -> Finding:
        row = self._rows[match.row]
        return Finding(
            self.name,
            f"{root}.{row.kind}",
            round(score, 3),
            segment.span(match.start, match.end),
            evidence=row.id if match.kind == PLAIN else f"{row.id} ({match.kind})",
            detail=segment.text[match.start : match.end][:DETAIL],
        )


def _compiled(expression: str) -> Pattern:
    options = re2.Options()
    options.max_mem = _MEMORY
    pattern: Pattern = re2.compile(expression, options)
    return pattern


def _weights(rows: Sequence[Signature], origin: Origin) -> dict[int, float]:
    """How sure each row is by itself in a text of ``origin``; rows that are off there are absent."""
    if origin in (Origin.DOCUMENT, Origin.TOOL_RESULT):
        return {index: row.document for index, row in enumerate(rows) if row.document}
    return {
        index: row.user
        for index, row in enumerate(rows)
        if row.user and (origin is Origin.USER or origin in row.also)
    }


def _disguised(view: View, matched: str, original: str) -> bool:
    """Whether somebody took pains to keep the words from being read."""
    if not _ORDINARY.issuperset(view.kind.split("+")):
        return fold(original) != matched
    if original.isascii() or not matched.isascii():
        return False
    odd = sum(1 for char in original if char > "\x7f" and char not in TYPOGRAPHY and not char.isspace())
    return odd > 1


def _strongest(matches: dict[int, list[_Match]]) -> Iterator[tuple[_Match, float]]:
    """For each row its strongest match, with the score it has together with the rows near it."""
    everything = sorted(
        (match for found in matches.values() for match in found[:PLACES]), key=lambda m: -m.score
    )
    for found in matches.values():
        scored = ((match, _together(match, everything)) for match in found[:PLACES])
        yield max(scored, key=lambda pair: pair[1])


def _together(match: _Match, everything: Sequence[_Match]) -> float:
    """Noisy-or of ``match`` and the strongest matches of other rows that stand apart from it and from
    each other: two rows on the same words are one observation."""
    doubt = 1 - match.score
    counted = [match]
    for other in everything:
        if all(other.row != seen.row and other.near(seen) for seen in counted):
            counted.append(other)
            doubt *= 1 - other.score
    return 1 - doubt
