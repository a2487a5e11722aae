"""``safety-layer train``: make a shipped model again, or one's own from another recipe.

Needs the extra ``train``. An interrupted training goes on where it stopped when it is started again. Exit
code 0 when all files are there, 2 for broken usage, recipe, data or base.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from safety.cli.terminal import printable
from safety.errors import ConfigError, MissingExtra

DONE = 0


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds ``train`` to the program's commands."""
    parser = subparsers.add_parser(
        "train",
        help="make the shipped models again",
        description="Train, export, distil and calibrate a model, and write its card. Goes on after an"
        " interruption. A policy uses the result with `model: OUT` under prompt_shield and harm, or, for a"
        " verifier, under groundedness.",
    )
    parser.add_argument("recipe", metavar="RECIPE", help="guard, verifier, smoke, or a recipe file (YAML)")
    parser.add_argument(
        "--data",
        metavar="DIR",
        type=Path,
        help="the folder with prompt_shield/ and harm/, or groundedness/ (default: train on the rows in the"
        " package alone)",
    )
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="where the files go")
    parser.add_argument(
        "--base", metavar="DIR", type=Path, help="the pretrained encoder (default: the installed package's)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Trains; 0 when done."""
    try:
        from safety.training.start import run_recipe
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"train: {error.name} is not installed: pip install 'content-safety-layer[train]'"
        ) from error
    if args.data is not None and not args.data.is_dir():
        raise ConfigError(f"--data {args.data}: no such folder")
    made = run_recipe(args.recipe, args.data, args.out, args.base, _say)
    _say(f"{made}: {args.out}")
    return DONE


def _say(line: str) -> None:
    sys.stdout.write(f"{printable(line)}\n")
    sys.stdout.flush()
