"""Which training a recipe asks for, started."""

from __future__ import annotations

from pathlib import Path

from safety.training.fit import Say
from safety.training.grounding.recipe import load_pair_recipe
from safety.training.grounding.run import PairTraining, train_pairs
from safety.training.keys import VERIFIER, read_recipe
from safety.training.recipe import load_recipe
from safety.training.run import Training, train


def run_recipe(name: str | Path, data: Path | None, out: Path, base: Path | None, say: Say) -> str:
    """Train by the recipe; ``name@version`` of what came out. ``ConfigError`` for a recipe, data or base that
    cannot be used."""
    _, kind, _ = read_recipe(name)
    if kind == VERIFIER:
        verifier = train_pairs(PairTraining(load_pair_recipe(name), data, out, base, say))
        return f"{verifier.name}@{verifier.version}"
    guard = train(Training(load_recipe(name), data, out, base, say))
    return f"{guard.name}@{guard.version}"
