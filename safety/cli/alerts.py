"""``safety-layer alerts check|test``: files of alerts from a terminal.

``check`` reads a file and names every mistake. ``test`` says what each alert reads from the record as it is
now and whether it holds; ``--send`` also sends a message that is marked as a test to every destination, and
says what each answered. Counts are brought up to date first, as the monitor does. Nothing fires here: what
the monitor remembers is neither read nor changed. Exit codes: 0 all right, 1 something holds or a message was
not delivered, 2 a file, a secret or a record that cannot be used.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from safety.cli.events import DEFAULT_STORE, STORE_VARIABLE
from safety.cli.terminal import printable

if TYPE_CHECKING:
    from safety.monitor.alerts.conditions import Reading
    from safety.monitor.alerts.rules import AlertFile, AlertRule

CLEAN, FOUND = 0, 1
SHOWN = 5  # subjects of one alert
HOLDS = "holds"


def add_parser(subparsers: Any) -> None:
    """Enter ``alerts`` and its commands among ``safety-layer``'s."""
    parser = subparsers.add_parser("alerts", help="check or try out alerts on the record")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    check = commands.add_parser("check", help="read a file of alerts and name every mistake")
    check.add_argument("file", metavar="FILE", help="the file of alerts")
    check.set_defaults(run=run, act=_check)

    test = commands.add_parser("test", help="say what each alert would do on the record as it is now")
    test.add_argument("file", metavar="FILE", help="the file of alerts")
    test.add_argument(
        "--send", action="store_true", help="also send a message marked as a test to every destination"
    )
    test.add_argument(
        "--store",
        metavar="STORE",
        default=os.environ.get(STORE_VARIABLE, DEFAULT_STORE),
        help=f"the record: a path, or postgresql://... (default: ${STORE_VARIABLE}, else ./{DEFAULT_STORE})",
    )
    test.set_defaults(run=run, act=_test)


def run(args: argparse.Namespace) -> int:
    """The exit code of ``alerts COMMAND``; a ``SafetyError`` for what cannot be used."""
    code: int = args.act(args)
    return code


# ---- check


def _check(args: argparse.Namespace) -> int:
    from safety.monitor.alerts.file import load_alerts, variables

    alerts = load_alerts(args.file)
    _say(f"{args.file}: ok, {len(alerts.rules)} alerts, {len(alerts.destinations)} destinations")
    for destination, name in variables(alerts.destinations):
        if not os.environ.get(name, "").strip():
            _say(f"note: destination {destination} needs {name}, which is not set here")
    return CLEAN


# ---- test


def _test(args: argparse.Namespace) -> int:
    # Imported here: the database and the HTTP client take a moment to load, which --help need not wait for.
    from safety.monitor.alerts.file import load_alerts
    from safety.monitor.alerts.trial import evaluate

    alerts = load_alerts(args.file)
    failed = _send(alerts, args.store) if args.send else 0
    trial = evaluate(alerts.rules, args.store)
    if trial.why is not None:
        _say(f"note: nothing new was counted: {trial.why}")
    if trial.behind > 0:
        _say(f"note: the counts are {trial.behind:.0f} s behind the record")
    width = max(len(rule.id) for rule in alerts.rules)
    told = [(rule.id, *_told(rule, trial.readings.get(rule.id))) for rule in alerts.rules]
    for id, word, why in told:
        _say(f"{word:8}  {id:{width}}  {why}")
    return FOUND if failed or any(word == HOLDS for _, word, _ in told) else CLEAN


def _told(rule: AlertRule, reading: Reading | None) -> tuple[str, str]:
    """One word, and what was read."""
    from safety.monitor.alerts.conditions import WHOLE
    from safety.monitor.alerts.engine import holding
    from safety.monitor.alerts.words import bound, reading_text, span

    if reading is None:
        return "unknown", "the counts are too far behind the record to say what is missing"
    held = holding(rule, reading)
    if held:
        after = f" after {span(rule.hold)}" if rule.hold else ""
        more = f"; and {len(held) - SHOWN} more" if len(held) > SHOWN else ""
        return HOLDS, f"would fire{after} to {', '.join(rule.to)}: {'; '.join(held[:SHOWN])}{more}"
    if WHOLE in reading.values:
        return "quiet", reading_text(rule.when, WHOLE, reading.values[WHOLE])
    new = "new" if rule.when.measure == "first_hit" else bound(rule.when)
    return "quiet", f"{rule.when.of}: {len(reading.values)} seen, none of them {new}"


# ---- send


def _send(alerts: AlertFile, store: str) -> int:
    """Prints a line per destination; how many took nothing."""
    from safety.errors import StoreError
    from safety.monitor.alerts.trial import record_test, send_test

    alert, answers = send_test(alerts, os.environ)
    for id, answer in answers.items():
        _say(f"{'sent' if answer.ok else 'FAILED':8}  {id}  {answer.said}")
    try:
        record_test(store, alert, answers)
    except StoreError as error:
        _say(f"note: not recorded: {error}")
    return sum(not answer.ok for answer in answers.values())


# ---- output


def _say(line: str) -> None:
    sys.stdout.write(printable(line) + "\n")
