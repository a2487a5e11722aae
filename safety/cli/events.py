"""``safety-layer events``: print the record, watch it grow, check it, or take away from it.

How a line looks is in ``events_line``, the commands are in ``events_record``. Printing changes nothing.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime

from safety.cli.events_line import print_entries
from safety.cli.events_record import add_parsers
from safety.cli.events_time import parse_ago
from safety.errors import ConfigError
from safety.events.where import KEYS

STORE_VARIABLE = "SAFETY_LAYER_STORE"
DEFAULT_STORE = "safety-events.sqlite"
FOLLOW_FROM = 10  # entries shown before new ones, when neither --since nor --limit says otherwise
_PRINTING = ("follow", "since", "where", "limit")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds ``events`` to the program's commands."""
    parser = subparsers.add_parser(
        "events",
        help="print or watch the record of decisions",
        description="Print the record of decisions, oldest first. Times are UTC. Gaps (events that could not"
        " be recorded) are always shown.",
    )
    parser.add_argument("--follow", action="store_true", help="go on printing events as they are recorded")
    parser.add_argument("--since", metavar="TIME", help="10m, 2h, 3d ago; 2026-11-23; or an ISO 8601 time")
    parser.add_argument(
        "--where",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help=f"only matching events; a key given twice matches either value; keys: {', '.join(KEYS)}",
    )
    parser.add_argument("--limit", metavar="N", type=int, help="only the newest N")
    _shared(parser, as_json=False, store=os.environ.get(STORE_VARIABLE, DEFAULT_STORE))
    add_parsers(parser, _shared)
    parser.set_defaults(run=run)


def _shared(
    parser: argparse.ArgumentParser,
    *,
    as_json: object = argparse.SUPPRESS,  # a command leaves standing what was said before it
    store: str = argparse.SUPPRESS,
) -> None:
    parser.add_argument("--json", action="store_true", default=as_json, help="one JSON object per line")
    parser.add_argument(
        "--store",
        metavar="STORE",
        default=store,
        help=f"the record: a file or postgresql://... (default: ${STORE_VARIABLE}, else ./{DEFAULT_STORE})",
    )


def run(args: argparse.Namespace) -> int:
    """Prints what was asked for, or runs a command. 0; 1 for a broken record; a ``SafetyError`` for wrong
    usage or a store that cannot be used."""
    if hasattr(args, "run_command"):
        if any(getattr(args, name) not in (None, False, []) for name in _PRINTING):
            raise ConfigError(f"{args.command}: takes no --follow, --since, --where or --limit")
        code: int = args.run_command(args)
        return code
    if args.limit is not None and args.limit < 1:
        raise ConfigError(f"--limit: {args.limit}: a number from 1 up")
    since = None if args.since is None else parse_since(args.since, datetime.now(UTC))
    where = parse_where(args.where)
    from safety.events.query import EventQuery  # SQLAlchemy takes a while to load

    query = EventQuery(args.store)
    if not args.follow:
        print_entries(query.events(since=since, where=where, limit=args.limit), as_json=args.json)
        return 0
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does
    limit = FOLLOW_FROM if args.limit is None and since is None else args.limit
    entries = query.follow(since=since, where=where, limit=limit, stop=_nobody_reads)
    with suppress(KeyboardInterrupt):
        print_entries(entries, as_json=args.json)
    return 0


def parse_since(text: str, now: datetime) -> datetime:
    """As ``parse_ago``, of ``--since``."""
    return parse_ago("--since", text, now)


def parse_where(pairs: list[str]) -> dict[str, list[str]]:
    """``["category=pii", "category=secret"]`` as ``{"category": ["pii", "secret"]}``."""
    where: dict[str, list[str]] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not value:
            raise ConfigError(f"--where: {pair!r}: write key=value, for instance category=pii")
        where.setdefault(key, []).append(value)
    return where


def _nobody_reads() -> bool:
    """Whether standard output is a pipe whose reader has gone: without new events no write would tell."""
    if not hasattr(select, "poll"):
        return False
    try:
        watched = select.poll()
        watched.register(sys.stdout.fileno(), 0)  # errors and hang-ups are always reported
        return bool(watched.poll(0))
    except (OSError, ValueError):
        return False
