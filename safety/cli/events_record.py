"""``safety-layer events verify``, ``find``, ``erase`` and ``prune``.

``erase`` and ``prune`` leave a notice of what they did in the record; nothing here prints a value that was
searched for, and ``-`` reads it from standard input, so that it need not stand in a shell's history.
"""

from __future__ import annotations

import argparse
import getpass
import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from safety.cli.events_line import print_entries
from safety.cli.events_time import parse_ago
from safety.cli.terminal import printable
from safety.errors import ConfigError

INTACT, BROKEN = 0, 1

_SIZE = re.compile(r"(\d{1,12})\s*([kmgt]?)(i?)b?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def add_parsers(parser: argparse.ArgumentParser, shared: Callable[[argparse.ArgumentParser], None]) -> None:
    """Adds the subcommands to ``events``; ``shared`` adds the options that all have."""
    commands = parser.add_subparsers(metavar="COMMAND", title="commands (without one: print)")
    for name, run, line, options in (
        ("verify", _verify, "check the hash chain and all that stands beside it", ()),
        ("find", _find, "print the events in which a piece of personal data or a secret was found", _FIND),
        ("erase", _erase, "erase excerpts and keyed hashes of one user's events", _ERASE),
        ("prune", _prune, "remove old events", _PRUNE),
    ):
        command = commands.add_parser(name, help=line, description=f"{line[0].upper()}{line[1:]}.")
        for flag, metavar, required, told in options:
            command.add_argument(flag, metavar=metavar, required=required, help=told)
        shared(command)
        command.set_defaults(run_command=run, command=name)


_BY = ("--by", "NAME", False, "who does this, for the notice (default: the user who is logged in)")
_FIND = (("--value", "V", True, "what to look for, however it is spaced; - reads a line of standard input"),)
_ERASE = (
    ("--user", "U", True, "the label of the user; - reads a line of standard input"),
    ("--reason", "R", True, "why, for the notice"),
    _BY,
)
_PRUNE = (
    ("--older-than", "TIME", False, "events older than this: 30d, 12h, or a date"),
    ("--max-size", "SIZE", False, "the oldest events, until the record is no larger: 1GB, 500MB"),
    _BY,
)


def _verify(args: argparse.Namespace) -> int:
    """Prints up to where each writer's rows prove each other, or the first row that does not follow."""
    from safety.events.verify import verify

    found = verify(args.store)
    if found.broken is not None:
        row = found.broken.row
        _say(args, f"broken: {found.broken.why}", writer=row.writer, row=row.seq, broken=found.broken.why)
        return BROKEN
    for row in found.last:
        told = f"{row.writer}: {row.seq} rows, last hash {row.hash}"
        _say(args, told, writer=row.writer, rows=row.seq, hash=row.hash)
    if not found.last and not args.json:
        _say(args, "no events")
    if found.removed:
        _say(args, f"removed, as notices say: {_many(found.removed, 'older row')}", removed=found.removed)
    if found.erased:
        _say(args, f"erased, as notices say: excerpts of {_many(found.erased, 'event')}", erased=found.erased)
    return INTACT


def _find(args: argparse.Namespace) -> int:
    from safety.events.query import EventQuery

    with EventQuery(args.store) as query:
        found = list(query.events(where={"value": _given("--value", args.value), "kind": "event"}))
    print_entries(found, as_json=args.json)
    return 0


def _erase(args: argparse.Namespace) -> int:
    from safety.events.query import EventQuery
    from safety.events.retention import erase

    EventQuery(args.store).close()  # there must be a record: erasing from a new one helps nobody
    count = erase(args.store, _given("--user", args.user), reason=args.reason, by=_by(args))
    _say(args, f"erased: excerpts and hashes of {_many(count, 'event')}", erased=count)
    return 0


def _prune(args: argparse.Namespace) -> int:
    from safety.events.query import EventQuery
    from safety.events.retention import prune

    if args.older_than is None and args.max_size is None:
        raise ConfigError("prune: give --older-than or --max-size")
    now = datetime.now(UTC)
    older = None if args.older_than is None else parse_ago("--older-than", args.older_than, now)
    size = None if args.max_size is None else parse_size(args.max_size)
    EventQuery(args.store).close()
    count = prune(args.store, older, size, by=_by(args))
    _say(args, f"removed: {_many(count, 'row')}", removed=count)
    return 0


def parse_size(text: str) -> int:
    """``1GB``, ``500MB``, ``2GiB`` or a number of bytes."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ConfigError(f"--max-size: {text!r} is no size: for instance 1GB, 500MB or 2GiB")
    base = 1024 if found[3] else 1000
    return int(found[1]) * int(base ** _POWERS[found[2].lower()])


def _given(flag: str, value: str) -> str:
    found = sys.stdin.readline().rstrip("\n") if value == "-" else value
    if not found:
        raise ConfigError(f"{flag}: nothing given")
    return found


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _by(args: argparse.Namespace) -> str:
    if args.by is not None:
        return str(args.by)
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return ""


def _say(args: argparse.Namespace, told: str, **fields: object) -> None:
    sys.stdout.write(f"{json.dumps(fields) if args.json else printable(told)}\n")
