"""``safety-layer events``: print the record, or watch it grow.

One line per event, or one JSON object per line. Words carry the meaning and colour only repeats it. Labels
and excerpts come from strangers: what cannot be printed is shown escaped, so that no field can drive the
terminal. ``--verify`` instead reads the whole record and checks its hash chain. It changes nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from safety.cli.terminal import printable
from safety.errors import ConfigError
from safety.events.chain import ChainRow, verify_chain
from safety.events.event import Entry, Event, Gap, RuleHit
from safety.events.query import KEYS, EventQuery
from safety.types import Action, Ran

STORE_VARIABLE = "SAFETY_LAYER_STORE"
DEFAULT_STORE = "safety-events.sqlite"
FOLLOW_FROM = 10  # entries shown before new ones, when neither --since nor --limit says otherwise
SHOWN_HITS = 3  # per line
INTACT, BROKEN_CHAIN = 0, 1

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO = re.compile(r"(\d{1,9})([smhdw])")
_STYLES = {
    "allow": "green",
    "annotate": "cyan",
    "redact": "yellow",
    "block": "bold red",
    "gap": "bold magenta",
}

Part = tuple[str, str]  # text and style


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds ``events`` to the program's commands."""
    parser = subparsers.add_parser(
        "events",
        help="print or watch the record of decisions",
        description="Print the record of decisions, oldest first. Times are UTC. Gaps (events that could not"
        " be recorded) are always shown.",
    )
    parser.add_argument("--follow", action="store_true", help="go on printing events as they are recorded")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    parser.add_argument("--since", metavar="TIME", help="10m, 2h, 3d ago; 2026-11-23; or an ISO 8601 time")
    parser.add_argument(
        "--where",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help=f"only matching events; a key given twice matches either value; keys: {', '.join(KEYS)}",
    )
    parser.add_argument("--limit", metavar="N", type=int, help="only the newest N")
    parser.add_argument(
        "--verify",
        action="store_true",
        help="check the hash chain of the whole record: one line per writer, or the first break and exit"
        " code 1",
    )
    parser.add_argument(
        "--store",
        metavar="PATH",
        default=os.environ.get(STORE_VARIABLE, DEFAULT_STORE),
        help=f"the record (default: ${STORE_VARIABLE}, else ./{DEFAULT_STORE})",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints what was asked for. 0; 1 for a broken chain; a ``SafetyError`` for wrong usage or a broken
    store."""
    if args.verify:
        return _verify(args)
    if args.limit is not None and args.limit < 1:
        raise ConfigError(f"--limit: {args.limit}: a number from 1 up")
    since = None if args.since is None else parse_since(args.since, datetime.now(UTC))
    where = parse_where(args.where)
    query = EventQuery(args.store)
    if not args.follow:
        _print(query.events(since=since, where=where, limit=args.limit), as_json=args.json)
        return 0
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does
    limit = FOLLOW_FROM if args.limit is None and since is None else args.limit
    entries = query.follow(since=since, where=where, limit=limit, stop=_nobody_reads)
    with suppress(KeyboardInterrupt):
        _print(entries, as_json=args.json)
    return 0


def _verify(args: argparse.Namespace) -> int:
    """Prints up to where each writer's rows prove each other, or the first row that does not follow."""
    if args.follow or args.since or args.where or args.limit is not None:
        raise ConfigError("--verify: reads the whole record: leave --follow, --since, --where, --limit out")
    last: dict[str, ChainRow] = {}
    broken = verify_chain(_noted(EventQuery(args.store).chain(), last))
    if broken is None:
        proofs = [{"writer": row.writer, "rows": row.seq, "hash": row.hash} for row in last.values()]
        told = [f"{p['writer']}: {p['rows']} rows, last hash {p['hash']}" for p in proofs]
    else:
        proofs = [{"writer": broken.row.writer, "row": broken.row.seq, "broken": broken.why}]
        told = [f"broken: {broken.why}"]
    for proof in map(json.dumps, proofs) if args.json else map(printable, told or ["no events"]):
        sys.stdout.write(f"{proof}\n")
    return INTACT if broken is None else BROKEN_CHAIN


def _noted(rows: Iterable[ChainRow], last: dict[str, ChainRow]) -> Iterator[ChainRow]:
    """The rows as they pass; ``last`` holds the last of each writer."""
    for row in rows:
        last[row.writer] = row
        yield row


def parse_since(text: str, now: datetime) -> datetime:
    """``10m``, ``2h``, a date or an ISO 8601 time (UTC unless it says otherwise) as a time."""
    ago = _AGO.fullmatch(text)
    try:
        if ago is not None:
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigError(
            f"--since: {text!r} is no time: for instance 10m, 2h, 3d, 2026-11-23 or 2026-11-23T10:00:00Z"
        ) from None


def parse_where(pairs: list[str]) -> dict[str, list[str]]:
    """``["category=pii", "category=secret"]`` as ``{"category": ["pii", "secret"]}``."""
    where: dict[str, list[str]] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not value:
            raise ConfigError(f"--where: {pair!r}: write key=value, for instance category=pii")
        where.setdefault(key, []).append(value)
    return where


def line(entry: Entry) -> list[Part]:
    """An entry as one line: texts with their styles. Safe to print."""
    return _gap(entry) if isinstance(entry, Gap) else _event(entry)


def _event(event: Event) -> list[Part]:
    action = str(event.action)
    said = f"{action} (would {event.would})" if event.monitored else action
    return [
        (f"{_time(event.at)}  ", "dim"),
        (f"{said:<19}  ", _STYLES[action]),
        (f"{printable(event.id):<39}  ", ""),
        (f"{event.seconds * 1000:>8.1f} ms  ", "dim"),
        *_not_run(event),
        ("; ".join(_told(hit) for hit in event.hits[:SHOWN_HITS]), ""),
        (f"; and {more} more" if (more := len(event.hits[SHOWN_HITS:]) + event.more_hits) else "", ""),
        ("".join(f"  {printable(key)}={printable(value)}" for key, value in event.labels.items()), "dim"),
    ]


def _gap(gap: Gap) -> list[Part]:
    period = f"from {printable(gap.since)} to {printable(gap.until)}"
    said = f"{gap.lost} event{'s' * (gap.lost != 1)} could not be recorded {period}: {printable(gap.why)}"
    return [(f"{_time(gap.at)}  ", "dim"), (f"{'GAP':<19}  ", _STYLES["gap"]), (said, "")]


def _not_run(event: Event) -> list[Part]:
    failed = [run for run in event.ran if run.ran is not Ran.OK]
    if event.complete and not failed:
        return []
    told = ", ".join(f"{run.detector} {run.ran}: {run.error or 'no reason given'}" for run in failed)
    return [(f"NOT RUN {printable(told)};  ", _STYLES["gap"])]


def _told(hit: RuleHit) -> str:
    parts = [hit.rule, hit.category]
    if hit.score < 1:
        parts.append(f"{hit.score:.2f}")
    if hit.severity is not None:
        parts.append(f"severity {hit.severity}")
    if hit.excused is not None:
        parts.append(f"excused: {hit.excused}")
    elif not hit.enforced and hit.action is not Action.ALLOW:
        parts.append(f"monitor: {hit.action}")
    return printable(" ".join([*parts, hit.excerpt]).strip())


def _time(at: str) -> str:
    return printable(f"{at[:10]} {at[11:23]}Z")


def _print(entries: Iterable[Entry], *, as_json: bool) -> None:
    write = _json_line if as_json else _printer()
    for entry in entries:
        write(entry)
        sys.stdout.flush()


def _json_line(entry: Entry) -> None:
    sys.stdout.write(entry.to_json() + "\n")


def _printer() -> Callable[[Entry], None]:
    if not sys.stdout.isatty():
        return lambda entry: _plain(line(entry))
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, markup=False, emoji=False)
    return lambda entry: console.print(Text.assemble(*line(entry)), soft_wrap=True)


def _plain(parts: list[Part]) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    text = "".join(text for text, _ in parts).rstrip()
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")


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
