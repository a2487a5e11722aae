"""A command that does what its argument says, for the tests of the frame."""

from __future__ import annotations

import argparse

from safety.errors import ConfigError


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("act")
    parser.add_argument("what")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    scope: dict[str, object] = {"ConfigError": ConfigError}
    exec(f"def act():\n    {args.what}\n", scope)
    act = scope["act"]
    assert callable(act)
    return int(act() or 0)
