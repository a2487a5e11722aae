"""A recogniser as it runs: compiled patterns and two validators, over the places worth reading.

It gives what has the right shape and passes its checksum; how far that is to be believed is ``judge``'s
matter, and where patterns and validators come from is ``load``'s.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from safety.detectors.pii.places import Window
from safety.detectors.pii.table import Row


class Match(NamedTuple):
    """``text[start:end]`` (code points) is of type ``entity``, in Presidio's spelling; ``score`` 0 to 1."""

    start: int
    end: int
    entity: str
    score: float


class Candidate(NamedTuple):
    """A value that has the shape and passed the checksum, if there is one (then ``score`` is 1)."""

    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Recognizer:
    """One row of the table, ready to run. ``validate`` and ``invalidate`` are Presidio's. ``phrases`` are
    the context words in normal form. ``checked``: whether there is a checksum, which can lift a value above
    its pattern's score. ``hint``: see ``Row``."""

    row: Row
    patterns: tuple[tuple[re.Pattern[str], float], ...]
    phrases: tuple[str, ...]
    validate: Callable[[str], bool | None]
    invalidate: Callable[[str], bool | None]
    checked: bool
    hint: re.Pattern[str] | None

    def candidates(self, text: str, windows: Sequence[Window], least: float) -> Iterator[Candidate]:
        """What of ``windows`` passes and can score ``least``.

        After a match that does not pass, the search goes on one place further: in "1234 4111 1111 1111 1111"
        the first four groups must not hide the card.
        """
        patterns = [(p, score) for p, score in self.patterns if self.checked or score >= least]
        for window in windows:
            if self.hint is not None and self.hint.search(text, *window) is None:
                continue
            for pattern, score in patterns:
                at = window.start
                while match := pattern.search(text, at, window.end):
                    found = self._judged(text, match, score)
                    if found is not None:
                        yield found
                    at = match.start() + 1 if found is None else max(found.end, match.start() + 1)

    def _judged(self, text: str, match: re.Match[str], score: float) -> Candidate | None:
        start = match.start()
        for end in self._ends(match):
            value = text[start:end]
            valid = self.validate(value)
            if value and valid is not False and not self.invalidate(value):
                return Candidate(start, end, 1.0 if valid else score)
        return None

    def _ends(self, match: re.Match[str]) -> Sequence[int]:
        """Where the value may end. The IBAN pattern takes in numbers that follow, so that "DE89… 2 days" is
        tried without them too."""
        if self.row.entity != "IBAN_CODE":
            return (match.end(),)
        gaps = (match.start() + at for at, char in enumerate(match[0]) if char in " -")
        return (match.end(), *reversed(tuple(gaps)))
