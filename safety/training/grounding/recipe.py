"""A verifier's recipe: everything its training depends on, beside the data, in one YAML file."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from safety.errors import ConfigError
from safety.models.pairs import WINDOWS
from safety.training.grounding.answers import Answer
from safety.training.grounding.lesson import PairFit
from safety.training.grounding.pairs import Labelled, labelled
from safety.training.keys import checked, read_recipe

LAYERS = 6  # that the base has


@dataclass(frozen=True, slots=True)
class PairRecipe:
    """``layers`` of the base are kept.

    ``cap``: answers an epoch takes from one source at most; ``caps`` overrides it by ``source`` (labelled as
    a whole) or ``source|marked`` (with the wrong words marked), or by a beginning of either. ``written``: how
    often an epoch takes each answer written here. ``limit``: pairs per epoch at most. ``leave_out``:
    beginnings of sources that are not trained on. ``alarms``: the share of borne-out claims that may be
    flagged. ``judged``: held-out answers of one source that are looked at afterwards.
    """

    name: str = "verifier"
    version: str = "1"
    layers: int = 6
    dropout: float = 0.1
    cap: int = 2000
    caps: Mapping[str, int] = field(default_factory=dict)
    written: int = 2
    limit: int | None = None
    leave_out: tuple[str, ...] = ()
    alarms: float = 0.05
    judged: int = 400
    fit: PairFit = field(default_factory=PairFit)

    def epoch(self, answers: Sequence[Answer], written: Sequence[Answer], number: int) -> list[Labelled]:
        """The pairs of epoch ``number``: another sample of the large sources each time."""
        rng = random.Random(f"{self.fit.seed}/pairs/{number}")  # noqa: S311 - a seed, not a secret
        pools: dict[str, list[Answer]] = {}
        for answer in answers:
            if not answer.source.startswith(self.leave_out):
                name = f"{answer.source}|marked" if answer.marked else answer.source
                pools.setdefault(name, []).append(answer)
        chosen = [one for name, pool in sorted(pools.items()) for one in self._sample(name, pool, rng)]
        pairs = [pair for answer in chosen for pair in labelled(answer)]
        own = [one for one in written if not one.source.startswith(self.leave_out)]
        pairs += [pair for answer in own for pair in labelled(answer)] * self.written
        rng.shuffle(pairs)
        return pairs[: self.limit]

    def _sample(self, name: str, pool: list[Answer], rng: random.Random) -> list[Answer]:
        matching = [start for start in self.caps if name.startswith(start)]
        most = self.caps[max(matching, key=len)] if matching else self.cap
        return pool if len(pool) <= most else rng.sample(pool, most)


def load_pair_recipe(name: str | Path) -> PairRecipe:
    """The recipe in a file, or a shipped one by name. ``ConfigError`` names the key that is not right."""
    path, _, data = read_recipe(name)
    own = checked(PairRecipe, data, str(path))
    own["fit"] = PairFit(**checked(PairFit, own.get("fit", {}), f"{path}: fit"))
    own["leave_out"] = tuple(own.get("leave_out", ()))
    recipe = PairRecipe(**own)
    for key, value, least, most in (
        ("layers", recipe.layers, 1, LAYERS),
        ("alarms", recipe.alarms, 0, 1),
        ("fit: window", recipe.fit.window, WINDOWS[0], WINDOWS[-1]),
    ):
        if not least <= value <= most:
            raise ConfigError(f"{path}: {key}: {value}: allowed are {least} to {most}")
    return recipe
