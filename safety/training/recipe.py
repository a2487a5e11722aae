"""A recipe: everything a shipped model's training depends on, beside the data, in one YAML file."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from safety.errors import ConfigError
from safety.models.heads import HEADS
from safety.training.augment import augmented
from safety.training.distil import DistilOptions
from safety.training.keys import checked, known, read_recipe
from safety.training.lesson import GuardFit
from safety.training.rows import Row


@dataclass(frozen=True, slots=True)
class Alarms:
    """Shares of harmless held-out rows that may be flagged: of all, and of those written to be hard."""

    all: float = 0.01
    hard: float = 0.05


@dataclass(frozen=True, slots=True)
class Recipe:
    """``layers`` of the base are kept, the lowest ``frozen`` stay as they were (-1: nothing is frozen); after
    the first ``early`` a text may leave.

    ``cap``: rows an epoch takes from one source and kind at most; ``caps`` overrides it by the beginning of
    ``source`` or ``source|kind``. ``written``: how often an epoch takes each row written here; ``augment``:
    rows made from rows, as a share. ``leave_out``: beginnings of sources that are not trained on. ``alarms``
    sets each head's threshold. ``area_cost`` and ``recall_cost``: what leaving before the encoder may cost a
    head, in area under the ROC curve and in recall of labelled rows. ``distil_rows``: rows that the cheap
    model is taught with. ``overlap``: tokens that windows share.
    """

    name: str = "guard"
    version: str = "1"
    layers: int = 6
    early: int = 2
    frozen: int = 2
    dropout: float = 0.1
    cap: int = 4000
    caps: Mapping[str, int] = field(default_factory=dict)
    written: int = 2
    augment: float = 0.12
    leave_out: tuple[str, ...] = ()
    limit: int | None = None  # rows per epoch at most: for a smoke run
    overlap: int = 48
    alarms: Mapping[str, Alarms] = field(default_factory=dict)
    area_cost: float = 0.0005
    recall_cost: float = 0.005
    distil_rows: int = 40_000
    fit: GuardFit = field(default_factory=GuardFit)
    distil: DistilOptions = field(default_factory=DistilOptions)

    def epoch(self, rows: Sequence[Row], written: Sequence[Row], number: int) -> list[Row]:
        """The rows of epoch ``number``: another sample of the large sources each time."""
        rng = random.Random(f"{self.fit.seed}/rows/{number}")  # noqa: S311 - a seed, not a secret
        pools: dict[str, list[Row]] = {}
        for row in rows:
            if not row.source.startswith(self.leave_out):
                pools.setdefault(f"{row.source}|{row.kind}", []).append(row)
        chosen = [row for name, pool in sorted(pools.items()) for row in _sample(pool, self._cap(name), rng)]
        own = [row for row in written if not row.source.startswith(self.leave_out)]
        chosen += own * self.written
        chosen += augmented(chosen, rng, share=self.augment) if self.augment else []
        rng.shuffle(chosen)
        return chosen[: self.limit]

    def _cap(self, name: str) -> int:
        matching = [start for start in self.caps if name.startswith(start)]
        return self.caps[max(matching, key=len)] if matching else self.cap


def _sample(pool: list[Row], most: int, rng: random.Random) -> list[Row]:
    return pool if len(pool) <= most else rng.sample(pool, most)


def load_recipe(name: str | Path) -> Recipe:
    """The recipe in a file, or a shipped one by name. ``ConfigError`` names the key that is not right."""
    path, _, data = read_recipe(name)
    own = checked(Recipe, data, str(path))
    own["fit"] = GuardFit(**checked(GuardFit, own.get("fit", {}), f"{path}: fit"))
    own["distil"] = DistilOptions(**checked(DistilOptions, own.get("distil", {}), f"{path}: distil"))
    own["alarms"] = {
        head: Alarms(**checked(Alarms, rates, f"{path}: alarms.{head}"))
        for head, rates in known(HEADS, own.get("alarms", {}), f"{path}: alarms").items()
    }
    own["leave_out"] = tuple(own.get("leave_out", ()))
    recipe = Recipe(**own)
    if not 0 < recipe.early < recipe.layers:
        raise ConfigError(f"{path}: early: {recipe.early}: allowed are 1 to {recipe.layers - 1}")
    if not 0 <= recipe.overlap < recipe.fit.window - 2:
        raise ConfigError(
            f"{path}: overlap: {recipe.overlap}: allowed are 0 to {recipe.fit.window - 3}, as windows hold "
            f"{recipe.fit.window - 2} tokens beside the special ones"
        )
    return recipe
