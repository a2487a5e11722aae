"""Telephone numbers: shapes first, then the number plans of ``phonenumbers``.

Presidio's recogniser runs the matcher of ``phonenumbers`` over the whole text once per region (60 µs each
for a line) and scores every match 0.4. Here a number is looked up only when it is written with its
country code, in the North American way, or near a word such as "call": the others would not be reported.
The number plans decide as they do there. Extensions ("ext. 12") are left outside the span.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from safety.detectors.pii.context import around, mentions
from safety.detectors.pii.places import Window
from safety.detectors.pii.recognizers import Candidate
from safety.detectors.pii.table import NATIONAL, Row

SCORE_INTERNATIONAL = 0.75
SCORE_NORTH_AMERICAN = 0.6
SCORE_NATIONAL = 0.4  # Presidio's score for any; a context word lifts it
# 7 to 15 digits (E.164 allows 15), with up to three separators between two of them.
_NUMBER = re.compile(
    r"(?<![\w@$€£&/.+-])[+(]{0,2}[0-9](?:[ ().\-/]{0,3}[0-9]){6,14}(?![\w@%€]|[.,:-][0-9])", re.ASCII
)
_AREA = "[2-9][0-9]{2}"
_NORTH_AMERICAN = re.compile(
    rf"(?:1[ .-]?)?(?:\({_AREA}\) ?[0-9]{{3}}[ .-]|{_AREA}([.-])[0-9]{{3}}\1)[0-9]{{4}}"
)
_DATE = re.compile(
    r"(?:[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{4})(?![0-9])"
)


@dataclass(frozen=True, slots=True)
class Phones:
    """One telephone row, ready to run. ``phrases``: context words in normal form. ``regions``: the countries
    whose national spelling is known. ``plans``: the module ``phonenumbers``."""

    row: Row
    phrases: tuple[str, ...]
    regions: tuple[str, ...]
    plans: Any

    def candidates(self, text: str, windows: Sequence[Window], least: float) -> Iterator[Candidate]:
        """The numbers of ``windows`` that a number plan knows."""
        kind = self._national if NATIONAL in self.row.only else _complete
        for window in windows:
            for match in _NUMBER.finditer(text, *window):
                score, regions = kind(text, match)
                if any(self._valid(match[0], region) for region in regions):
                    yield Candidate(*match.span(), score)

    def _national(self, text: str, match: re.Match[str]) -> tuple[float, tuple[str, ...]]:
        near = not _DATE.match(match[0]) and mentions(around(text, *match.span()), self.phrases)
        return SCORE_NATIONAL, self.regions if near else ()

    def _valid(self, value: str, region: str) -> bool:
        try:
            return bool(self.plans.is_valid_number(self.plans.parse(value, region)))
        except self.plans.NumberParseException:
            return False


def _complete(text: str, match: re.Match[str]) -> tuple[float, tuple[str, ...]]:
    """The score of a number that says itself where it belongs, and where to look it up."""
    if "+" in match[0]:
        return SCORE_INTERNATIONAL, ("ZZ",)
    return SCORE_NORTH_AMERICAN, ("US",) if _NORTH_AMERICAN.fullmatch(match[0]) else ()
