"""What was measured, put together: a card of figures per category, for all rows and for each slice of them.

``attack`` pools both kinds of attack and ``harm`` the kinds of harm. A row that is labelled for any of them
is positive if one of its labels is, and has the highest score and the strictest action of all of them,
labelled or not: where nothing is known of a kind, a true finding of it counts as a false alarm. A label that
nothing in the policy looks for makes no figure; it is counted in ``not_looked_for``. It judges nothing and
prints nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from safety.detectors.model import HARM
from safety.measure.metrics import METRICS, UNKNOWN, Figure, Observed, calibration
from safety.measure.rows import INDIRECT_ATTACK, PROMPT_ATTACK, UNGROUNDED
from safety.measure.run import Result, Timing
from safety.types import Action

POOLED: Mapping[str, tuple[str, ...]] = {"attack": (PROMPT_ATTACK, INDIRECT_ATTACK), "harm": HARM}
NAMED = (PROMPT_ATTACK, INDIRECT_ATTACK, "attack", *HARM, "harm", UNGROUNDED)  # the order they are shown in
DIMENSIONS = ("source", "kind", "lang", "group")
IDENTITY_GAP = "identity_gap"
GAP_NEGATIVES = 20  # of fewer negatives a group's false positive rate says too little
FIGURES = (*METRICS, IDENTITY_GAP)


@dataclass(frozen=True, slots=True)
class Card:
    """The figures of one category in some rows, by the names of ``FIGURES``."""

    observed: Observed
    figures: Mapping[str, Figure]

    @classmethod
    def of(cls, observed: Observed) -> Card:
        return cls(observed, {name: measure(observed) for name, measure in METRICS.items()})

    def as_json(self) -> dict[str, Any]:
        """Plain values; a figure that cannot be computed is null."""
        figures = {name: asdict(figure) for name, figure in self.figures.items()}
        return {"n": self.observed.n, "positives": self.observed.positives, **figures}


@dataclass(frozen=True, slots=True)
class Gap:
    """How far the false positive rates of identity groups lie apart: of the ``groups`` with enough negatives
    the highest less the lowest."""

    value: float
    lowest: str
    highest: str
    groups: int


@dataclass(frozen=True, slots=True)
class Speed:
    """Rows per second in batches (``None`` if there were too few rows for any), and milliseconds per row for
    ``sampled`` rows judged one by one."""

    rows_per_second: float | None
    sampled: int
    mean: float
    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, timing: Timing) -> Speed:
        alone = timing.milliseconds
        rate = timing.batched / timing.seconds if timing.batched else None
        p50, p95, p99 = (float(p) for p in np.percentile(alone, (50, 95, 99)))
        return cls(rate, len(alone), float(np.mean(alone)), p50, p95, p99)


@dataclass(frozen=True, slots=True)
class Summary:
    """All of it. ``slices``: dimension to value to category. ``failed``: the rows that could not run."""

    policy: str
    files: tuple[str, ...]
    results: Sequence[Result]
    cards: Mapping[str, Card]
    slices: Mapping[str, Mapping[str, Mapping[str, Card]]]
    gaps: Mapping[str, Gap]
    not_looked_for: Mapping[str, int]
    speed: Speed

    @property
    def failed(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if result.error)

    def figure(self, category: str, name: str) -> Figure:
        """A figure over all rows; without a value if nothing of the category was measured."""
        if name == IDENTITY_GAP:
            return Figure(self.gaps[category].value) if category in self.gaps else UNKNOWN
        return self.cards[category].figures[name] if category in self.cards else UNKNOWN

    def as_json(self) -> dict[str, Any]:
        """Plain values: everything but the texts."""
        return {
            "policy": self.policy,
            "files": list(self.files),
            "rows": len(self.results),
            "could_not_run": [{"row": r.row.place, "error": r.error} for r in self.failed],
            "not_looked_for": dict(self.not_looked_for),
            "actions": dict(Counter(str(r.action) for r in self.results if not r.error)),
            "categories": {name: self._category(name) for name in self.cards},
            "slices": {
                dimension: {value: _cards_json(cards) for value, cards in values.items()}
                for dimension, values in self.slices.items()
            },
            "speed": asdict(self.speed),
        }

    def worst_json(self, most: int) -> dict[str, Any]:
        """The worst mistakes of each category, by the places of their rows."""
        return {name: worst(self.results, name, most).as_json() for name in self.cards}

    def _category(self, name: str) -> dict[str, Any]:
        gap = self.gaps.get(name)
        card = self.cards[name]
        bins = [asdict(one) for one in calibration(card.observed)]
        return {**card.as_json(), IDENTITY_GAP: None if gap is None else asdict(gap), "calibration": bins}


def summarise(policy: str, files: Sequence[str], results: Sequence[Result], timing: Timing) -> Summary:
    """The summary of at least one result."""
    slices = {dimension: _slices(results, dimension) for dimension in DIMENSIONS}
    cards = cards_of(results)
    return Summary(
        policy,
        tuple(files),
        results,
        cards,
        {dimension: values for dimension, values in slices.items() if values},
        {name: gap for name in cards if (gap := gap_of(name, slices["group"])) is not None},
        Counter(c for r in results if not r.error for c in r.row.labels if c not in r.seen),
        Speed.of(timing),
    )


def members_of(category: str) -> tuple[str, ...]:
    """The categories that one stands for: itself, or those that it pools."""
    return POOLED.get(category, (category,))


def cards_of(results: Sequence[Result]) -> dict[str, Card]:
    """A card for each category that any of the rows speaks of, in the order they are shown."""
    labelled = {category for result in results for category in result.labelled}
    names = [name for name in NAMED if labelled.intersection(members_of(name))]
    names += sorted(labelled.difference(NAMED))
    return {name: Card.of(observe(results, members_of(name))) for name in names}


def observe(results: Iterable[Result], members: Sequence[str]) -> Observed:
    """What was seen of some categories in the rows that are labelled for any of them."""
    rows = [row for result in results if (row := pooled(result, members)) is not None]
    labels, scores, actions = zip(*rows, strict=True) if rows else ((), (), ())
    strict = np.asarray(actions, dtype=np.int64)
    return Observed(
        np.asarray(labels, dtype=np.bool_),
        np.asarray(scores, dtype=np.float64),
        strict >= Action.ANNOTATE,
        strict >= Action.REDACT,
    )


def pooled(result: Result, members: Sequence[str]) -> tuple[int, float, Action] | None:
    """Label, score and action of one row, or ``None`` if it is labelled for none of ``members``."""
    labels = [result.row.labels[name] for name in members if name in result.labelled]
    if not labels:
        return None
    seen = [result.seen[name] for name in members if name in result.seen]
    return max(labels), max(one.score for one in seen), max(one.action for one in seen)


def _slices(results: Sequence[Result], dimension: str) -> dict[str, dict[str, Card]]:
    values: dict[str, list[Result]] = {}
    for result in results:
        if value := getattr(result.row, dimension):
            values.setdefault(value, []).append(result)
    found = ((value, cards_of(inside)) for value, inside in sorted(values.items()))
    return {value: cards for value, cards in found if cards}


def gap_of(category: str, groups: Mapping[str, Mapping[str, Card]]) -> Gap | None:
    """The identity gap of a category; ``None`` with fewer than two groups to compare."""
    rates = {
        group: rate
        for group, cards in groups.items()
        if category in cards
        and cards[category].observed.negatives >= GAP_NEGATIVES
        and (rate := cards[category].figures["fpr"].value) is not None
    }
    if len(rates) < 2:
        return None
    lowest, highest = min(rates, key=rates.__getitem__), max(rates, key=rates.__getitem__)
    return Gap(rates[highest] - rates[lowest], lowest, highest, len(rates))


def _cards_json(cards: Mapping[str, Card]) -> dict[str, Any]:
    return {name: card.as_json() for name, card in cards.items()}


# --- mistakes ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mistakes:
    """The negatives with the highest scores and the positives with the lowest, worst first."""

    alarms: tuple[tuple[float, Result], ...]
    misses: tuple[tuple[float, Result], ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values, without the texts: they are untrusted, and ``row`` says where they stand."""
        return {
            name: [{"row": r.row.place, "score": score, "action": str(r.action)} for score, r in found]
            for name, found in (("negatives", self.alarms), ("positives", self.misses))
        }


def worst(results: Iterable[Result], category: str, most: int) -> Mistakes:
    """At most ``most`` of each. A negative without any score is no mistake."""
    members = members_of(category)
    rows = [(row, result) for result in results if (row := pooled(result, members)) is not None]
    alarms = sorted(((row[1], r) for row, r in rows if not row[0] and row[1] > 0), key=lambda one: -one[0])
    misses = sorted(((row[1], r) for row, r in rows if row[0]), key=lambda one: one[0])
    return Mistakes(tuple(alarms[:most]), tuple(misses[:most]))
