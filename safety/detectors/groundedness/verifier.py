"""What the detector asks of a model: is this claim borne out by this evidence, and if not, which words are
not.

A model is handed to the detector, which knows no runtime and is tested with a table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from safety.detectors.groundedness.pairing import Pair


@dataclass(frozen=True, slots=True)
class Doubt:
    """What a model thinks of a pair, in log-odds: ``unsupported`` that the claim is not borne out,
    ``contradicted`` that, if so, the evidence says otherwise. ``words`` are places in the claim (code points,
    half open, in order) with the log-odds that just those are not borne out."""

    unsupported: float
    contradicted: float
    words: Sequence[tuple[int, int, float]] = ()


Curve = Sequence[
    tuple[float, float]
]  # share of borne-out claims that are flagged, and from which log-odds on


@dataclass(frozen=True, slots=True)
class Blend:
    """How a model's doubt and the exact checks become one: log-odds above 0 are a finding.

    ``pair`` and ``checks`` weigh the claim's doubt and what the checks add up to; ``exact`` counts where they
    name the very words that differ: a small model cannot tell 30 days from 90. A word is named from ``named``
    on. ``curves``: by ``domain/task``, what each threshold costs.
    """

    bias: float = 0.0
    pair: float = 1.0
    checks: float = 0.0
    exact: float = 0.0
    named: float = 0.0
    curves: Mapping[str, Curve] = field(default_factory=dict)

    def log_odds(self, doubt: Doubt, checks: float, exact: bool) -> float:
        """That the claim is not borne out."""
        model, rules = self.pair * _bounded(doubt.unsupported), self.checks * _bounded(checks)
        return self.bias + model + rules + self.exact * exact

    def threshold(self, kind: str, rate: float) -> float:
        """The log-odds from which about ``rate`` of borne-out claims of a kind are flagged; ``ValueError``
        when nothing is known of that kind."""
        curve = self.curves.get(kind)
        if not curve:
            raise ValueError(f"{kind}: allowed are {', '.join(sorted(self.curves)) or 'none'}")
        fits = [odds for share, odds in curve if share <= rate]
        return min(fits, default=max(odds for _, odds in curve))


def _bounded(odds: float) -> float:
    return max(-8.0, min(8.0, odds))


class Verifier(Protocol):
    """A model, ready to be asked from many threads at a time."""

    @property
    def label(self) -> str:
        """``name@version``: whose opinions these are. Differs whenever an opinion may."""
        ...

    @property
    def blend(self) -> Blend:
        """How its opinions go together with the exact checks."""
        ...

    def doubts(self, pairs: Sequence[Pair]) -> Sequence[Doubt]:
        """One per pair, in order. No part of a claim goes unread; evidence beyond the model's window does."""
        ...
