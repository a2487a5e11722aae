"""The command line's frame: which commands there are, and what becomes of their errors.

A command is a module with ``add_parser(subparsers)``, which sets ``run`` as a default, and
``run(args) -> int``. Only the module of the command that is used is imported, so that ``--help`` costs
nothing. Exit codes: 0 clean, 1 findings, 2 broken usage, policy or store, 130 interrupted, 141 nobody reads
the output any more. A failure is one line on standard error; ``SAFETY_LAYER_DEBUG=1`` asks for the traceback.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from safety.cli.terminal import printable
from safety.errors import SafetyError

PROGRAM = "safety-layer"
DISTRIBUTION = "content-safety-layer"
DEBUG = "SAFETY_LAYER_DEBUG"

USAGE, INTERRUPTED, BROKEN_PIPE = 2, 130, 141  # the last two: 128 + SIGINT, 128 + SIGPIPE, as shells say it

COMMANDS = {
    "serve": ("safety.cli.serve", "put the guard in front of a model endpoint"),
    "demo": ("safety.cli.demo", "a tour through the guard with an embedded model endpoint"),
    "check": ("safety.cli.check", "judge one text"),
    "ground": ("safety.cli.ground", "show what of an answer its sources do not bear out"),
    "scan": ("safety.cli.scan", "judge the rows of a file"),
    "eval": ("safety.cli.eval", "measure a policy on labelled rows"),
    "train": ("safety.cli.train", "make the shipped models again"),
    "policy": ("safety.cli.policy", "check, test or explain a policy; print its JSON Schema"),
    "events": ("safety.cli.events", "print or watch the record of decisions"),
    "monitor": ("safety.cli.monitor", "watch decisions in the browser"),
    "alerts": ("safety.cli.alerts", "check or try out alerts on the record"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code. ``argv`` is without the program's name."""
    args = sys.argv[1:] if argv is None else argv
    try:
        code = _run(args)
        sys.stdout.flush()
    except SystemExit as end:  # argparse: --help, --version and broken usage
        return end.code if isinstance(end.code, int) else USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Python would complain once more when it flushes at exit (documentation of the signal module).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception as error:  # the boundary: whatever went wrong is one line and an exit code
        if os.environ.get(DEBUG) == "1":
            raise
        return _fail(error)
    return code


def _run(argv: Sequence[str]) -> int:
    args = build_parser(_command(argv)).parse_args(argv)
    code: int = args.run(args)
    return code


def _command(argv: Sequence[str]) -> str | None:
    """The command that is named: the first word that is not an option (the program's own take no value)."""
    return next((word for word in argv if not word.startswith("-")), None)


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """The parser that knows every command's name, and the options of ``command`` alone."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description="A content-safety layer between an application and any language model."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, (module, line) in COMMANDS.items():
        if name == command:
            import_module(module).add_parser(subparsers)
        else:
            subparsers.add_parser(name, help=line)
    return parser


class _Version(argparse.Action):
    """Looks the version up only when it is asked for: reading metadata is slower than all of ``--help``."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            sys.stdout.write(f"{PROGRAM} {version(DISTRIBUTION)}\n")
        except PackageNotFoundError:
            sys.stdout.write(f"{PROGRAM} (not installed)\n")
        parser.exit()


def _fail(error: Exception) -> int:
    for line in _said(error).splitlines():
        sys.stderr.write(f"{PROGRAM}: {printable(line)}\n")
    return USAGE


def _said(error: Exception) -> str:
    """One line; one per mistake for a policy."""
    if isinstance(error, SafetyError):
        return str(error) or type(error).__name__
    what = " ".join(str(error).split())
    if isinstance(error, OSError):
        return what if error.filename is None else f"{error.filename}: {error.strerror}"
    return f"internal error: {type(error).__name__}: {what} ({DEBUG}=1 shows where)"


if __name__ == "__main__":
    sys.exit(main())
