"""Which threshold and which exits each head gets: what a recipe promises, kept on rows held out for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from safety.detectors.model import HARM
from safety.models.card import NEVER, STEPS, Exit, Exits, Scale
from safety.models.heads import HEADS
from safety.training.calibrate import LADDER, MARGINS, area_under, exit_of, scale_of, threshold_at
from safety.training.judging import Floats, Judged, labelled
from safety.training.recipe import Alarms, Recipe
from safety.training.rows import OWN, Row


def choose(judged: Judged, rows: Sequence[Row], recipe: Recipe) -> tuple[Mapping[str, Scale], Exits]:
    """The scale of each head, and the exits by step and head. ``judged`` is of ``rows``.

    The last step's exits are chosen first: what leaving early may cost a head is for all steps together, and
    each gets its part of it.
    """
    scales = {head: scale_for(judged.loudest(head), rows, head, recipe) for head in HEADS}
    exits: dict[str, Mapping[str, Exit]] = {}
    for number, step in enumerate(reversed(STEPS), 1):
        spent = number / len(STEPS)
        choices = {
            head: _Choice(judged, rows, head, scales[head].threshold, dict(exits), step) for head in HEADS
        }
        area, recall = spent * recipe.area_cost, spent * recipe.recall_cost
        exits[step] = {head: choice.widest(area, recall) for head, choice in choices.items()}
    return scales, exits


def scale_for(logits: Floats, rows: Sequence[Row], head: str, recipe: Recipe) -> Scale:
    """The scale whose threshold keeps both promises on false alarms: over all rows, and over those written to
    be hard."""
    known, positive = labelled(rows, head)
    hard = np.array([row.source.startswith(OWN) for row in rows])[known]
    promised = recipe.alarms.get(head, Alarms())
    mine = logits[known]
    threshold = threshold_at(mine[~positive], promised.all)
    if (hard & ~positive).any():
        threshold = max(threshold, threshold_at(mine[hard & ~positive], promised.hard))
    return scale_of(mine, positive, threshold)


@dataclass(frozen=True, slots=True)
class _Choice:
    """The exit of one head after one step, where ``others`` are chosen."""

    judged: Judged
    rows: Sequence[Row]
    head: str
    threshold: float
    others: Exits
    step: str

    def widest(self, area: float, recall: float) -> Exit:
        """The widest exit that costs no more than this in area (under the ROC curve) and recall: first for
        the harmless, then, if that costs no more either, for what is plainly not."""
        strictest = self._losing(0.0)
        if strictest.low is None:
            return Exit()
        tried = [Exit(strictest.low - margin) for margin in MARGINS]
        tried += [replace(self._losing(lost), high=None) for lost in LADDER]
        found = Exit()
        for bounds in tried:
            if not self._within(bounds, area, recall):
                break
            found = bounds
        if self.head in HARM:
            return found  # how severe it is only the encoder says
        both = replace(strictest, low=found.low)
        return both if self._within(both, area, recall) else found

    def _losing(self, lost: float) -> Exit:
        steps = self.judged.windows_of(self.head)
        return exit_of(steps[STEPS.index(self.step)], steps[-1], self.threshold, lost=lost)

    def _within(self, bounds: Exit, area: float, recall: float) -> bool:
        known, positive = labelled(self.rows, self.head)
        exits = {**self.others, self.step: {self.head: bounds}}
        alone, left = (self.judged.loudest(self.head, which)[known] for which in (NEVER, exits))
        less = (alone[positive] > self.threshold).mean() - (left[positive] > self.threshold).mean()
        return bool(area_under(alone, positive) - area_under(left, positive) <= area and less <= recall)
