"""An answer laid beside its sources, as ``ground`` shows it: on a terminal, as JSON and as a page.

The claims that are not borne out are numbered from 1 in the order of the answer, the sources from 1 as
citations count them. It judges and prints nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from safety.cli.terminal import printable
from safety.detectors.groundedness.examine import Examined, ungrounded_share


@dataclass(frozen=True, slots=True)
class Source:
    """One text that the answer is compared with; ``begins`` is where it begins in what ``name`` names."""

    name: str
    text: str
    begins: int = 0


@dataclass(frozen=True, slots=True)
class Nearest:
    """The nearest evidence: ``[start, end)`` of the text of source ``number`` (from 1)."""

    number: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the answer. ``claim`` is the number of the claim it belongs to (0: borne out, or none) and
    ``wrong`` whether it is what the claim is wrong about."""

    text: str
    claim: int = 0
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class Grounding:
    """``claims`` are those of ``answer``, in order, borne out or not. ``corrected`` and ``cited`` are the
    answer written anew, where that was asked for."""

    answer: str
    sources: tuple[Source, ...]
    claims: tuple[Examined, ...]
    corrected: str | None = None
    cited: str | None = None

    @property
    def doubtful(self) -> list[tuple[int, Examined]]:
        """The claims that are not borne out, with their numbers."""
        return list(enumerate((one for one in self.claims if one.ungrounded), 1))

    @property
    def share(self) -> float:
        """How much of the answer is not borne out: 0 to 1."""
        return ungrounded_share(self.answer, self.claims)

    @property
    def summary(self) -> str:
        """One line: how many claims are not borne out."""
        if not self.claims:
            return "no claims: there is nothing to bear out"
        wrong = len(self.doubtful)
        verb = "is" if 1 in (wrong, len(self.claims)) else "are"
        plural = "claim" if len(self.claims) == 1 else "claims"
        share = f"{100 * self.share:.0f} % of the text"
        return f"{wrong} of {len(self.claims)} {plural} {verb} not borne out ({share})"

    def pieces(self) -> Iterator[Piece]:
        """The whole answer, in order."""
        at = 0
        for number, one in self.doubtful:
            start, end = one.claim.start, one.claim.end
            yield from _filled(Piece(self.answer[at:start]))
            runs = one.words or ((start, end),)
            for (_, gap), (first, last) in pairwise(((start, start), *runs)):
                yield from _filled(Piece(self.answer[gap:first], number))
                yield from _filled(Piece(self.answer[first:last], number, wrong=True))
            yield from _filled(Piece(self.answer[runs[-1][1] : end], number))
            at = end
        yield from _filled(Piece(self.answer[at:]))

    def nearest(self, one: Examined) -> Nearest | None:
        """The sentence of the sources that is nearest to a claim, without the blanks around it."""
        if one.evidence is None:
            return None
        best = one.evidence.best
        found = self.sources[best.source].text[best.passage.start : best.passage.end]
        start = best.passage.start + len(found) - len(found.lstrip())
        return Nearest(best.source + 1, start, start + len(found.strip()))

    def quoted(self, place: Nearest) -> str:
        """The words that stand at a place of the sources."""
        return self.sources[place.number - 1].text[place.start : place.end]

    def where(self, place: Nearest) -> tuple[int, int]:
        """A place of the sources in code points of the file."""
        begins = self.sources[place.number - 1].begins
        return begins + place.start, begins + place.end

    def as_json(self) -> Mapping[str, Any]:
        """Everything, for ``json.dumps``; the first two names are Azure's."""
        written = {"corrected": self.corrected, "cited": self.cited}
        return {
            "ungroundedDetected": bool(self.doubtful),
            "ungroundedPercentage": round(self.share, 4),
            "claims": [self._claim_json(one) for one in self.claims],
            **{name: text for name, text in written.items() if text is not None},
        }

    def _claim_json(self, one: Examined) -> Mapping[str, Any]:
        start, end = one.claim.start, one.claim.end
        # A claim that nothing speaks against carries the mark of no evidence, which would mislead here.
        said = one.ungrounded or one.reason.reason != "no_evidence"
        return {
            "start": start,
            "end": end,
            "text": self.answer[start:end],
            "score": round(one.score, 4),
            "ungrounded": one.ungrounded,
            "reason": one.reason.reason if said else "",
            "detail": one.reason.detail if said else "",
            "words": [{"start": first, "end": last} for first, last in one.words],
            "evidence": self._evidence_json(self.nearest(one)),
        }

    def _evidence_json(self, place: Nearest | None) -> Mapping[str, Any] | None:
        if place is None:
            return None
        start, end = self.where(place)
        return {"source": place.number, "start": start, "end": end, "text": self.quoted(place)}


def _filled(piece: Piece) -> Iterator[Piece]:
    if piece.text:
        yield piece


def kind(one: Examined) -> str:
    """What is the matter with a claim that is not borne out."""
    return "contradicted" if one.contradicted else "not mentioned"


def lines_of(text: str) -> Sequence[str]:
    """The lines of a text from strangers, each safe to print."""
    return [printable(line) for line in text.replace("\r\n", "\n").split("\n")]
