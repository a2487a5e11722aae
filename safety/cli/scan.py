"""``safety-layer scan``: judge the rows of a file.

Findings go to a JSON lines file, counts to a table. A scan that was interrupted goes on where it stopped when
it is started again. Exit code 0 when every row was read, every check ran and nothing was found that would be
redacted or blocked (also in monitor mode; ``--fail-on`` moves that line); 1 otherwise; 2 for broken usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safety.cli.terminal import printable
from safety.errors import ConfigError
from safety.types import Action

if TYPE_CHECKING:
    from safety.guard import Guard
    from safety.scan.batch import Batch, Columns, Options, Summary
    from safety.scan.files import Output, Row, Source

CLEAN, FINDINGS, INTERRUPTED = 0, 1, 130
STANDARD_OUTPUT = "-"
COLUMNS = ("prompt", "documents", "answer", "messages", "id")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds ``scan`` to the program's commands."""
    parser = subparsers.add_parser(
        "scan",
        help="judge the rows of a file",
        description="Judge the rows of a .jsonl, .csv (both also .gz) or .parquet file. Started again after"
        " an interruption it goes on where it stopped. Exit code: 0 clean, 1 findings, rows that could not be"
        " read or checks that could not run, 2 usage.",
    )
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument(
        "--policy", metavar="POLICY", default="default", help="a file or the name of a shipped policy"
    )
    parser.add_argument(
        "--output", "-o", metavar="FILE", help="where findings go (default: ./NAME.findings.jsonl; - prints)"
    )
    parser.add_argument("--restart", action="store_true", help="begin anew and overwrite the output")
    parser.add_argument(
        "--fail-on",
        metavar="ACTION",
        choices=[str(action) for action in Action if action],
        default=str(Action.REDACT),
        help="the least action that makes the exit code 1: annotate, redact (default) or block",
    )
    parser.add_argument("--text", action="store_true", help="write the text around findings unmasked")
    parser.add_argument("--all", action="store_true", help="write rows without findings too")
    parser.add_argument("--store", metavar="STORE", help="put every verdict on record in this event store")
    for name in COLUMNS:
        parser.add_argument(f"--{name}-column", metavar="NAME", help=f"the column that holds the {name}")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Scans, and prints the table; 0 clean, 1 findings, 130 interrupted."""
    from safety.scan.batch import Summary
    from safety.scan.files import Source

    options = _options(args)
    source = Source(args.file, options.columns.names)
    with ExitStack() as stack:
        guard = _guard(args, stack)
        if args.output == STANDARD_OUTPUT:
            summary = Summary()
            _print_findings(source, guard, summary, options)
        else:
            output = _output(args, guard, options)
            stack.callback(output.close)
            summary = Summary.from_json(output.state.summary)
            if not _write_findings(source, guard, summary, options, output):
                return INTERRUPTED
            sys.stdout.write(f"findings: {printable(str(output.path))}\n")
    _print_table(summary, sys.stderr if args.output == STANDARD_OUTPUT else sys.stdout)
    return CLEAN if summary.clean else FINDINGS


# --- settings ---------------------------------------------------------------------------------------------


def _options(args: argparse.Namespace) -> Options:
    from safety.scan.batch import Options

    return Options(
        columns=_columns(args),
        threshold=Action.parse(args.fail_on),
        text=args.text,
        everything=args.all,
        record=args.store is not None,
    )


def _columns(args: argparse.Namespace) -> Columns:
    from safety.scan.batch import Columns

    given = {name: getattr(args, f"{name}_column") for name in COLUMNS}
    named: dict[str, Any] = {name: (column,) for name, column in given.items() if column is not None}
    return replace(Columns(), **named, required=frozenset(column for (column,) in named.values()))


def _guard(args: argparse.Namespace, stack: ExitStack) -> Guard:
    from safety.events.log import EventLog
    from safety.guard import Guard

    log = None if args.store is None else EventLog(args.store)
    if log is not None:
        stack.callback(log.close)
    return stack.enter_context(Guard.from_policy(args.policy, recorder=log))


def _output(args: argparse.Namespace, guard: Guard, options: Options) -> Output:
    from safety.scan.files import Output, fingerprint

    path = Path(args.output or f"{args.file.name}.findings.jsonl")
    if path.exists() and path.samefile(args.file):
        raise ConfigError(f"{path}: is the input: name another --output")
    # Whatever is here must be the same to go on, else the findings would be of two scans.
    settings = {
        "input": fingerprint(args.file),
        "policy": guard.policy.digest,
        "detectors": " ".join(detector.label for detector in guard.detectors),
        "options": json.dumps(asdict(options), default=sorted),  # a set has no order of its own
    }
    return Output(path, settings, restart=args.restart)


# --- scanning ---------------------------------------------------------------------------------------------


def _print_findings(source: Source, guard: Guard, summary: Summary, options: Options) -> None:
    from safety.scan.batch import scan

    for batch in scan(source, guard, summary, options):
        for line in batch.lines:
            sys.stdout.write(line + "\n")


def _write_findings(source: Source, guard: Guard, summary: Summary, options: Options, output: Output) -> bool:
    """Goes on from where ``output`` stands; false if it was interrupted again."""
    from safety.scan.batch import scan

    done = output.state.row
    if output.state.complete:
        _say(f"{source.path}: was scanned before; --restart scans it again")
        return True
    if done:
        _say(f"{source.path}: going on after row {done}")
    try:
        with _progress(source) as advance:
            for batch in scan(_after(source, done), guard, summary, options):
                for line in batch.lines:
                    output.write(line)
                output.commit(batch.row, summary.as_json())
                advance(batch)
    except KeyboardInterrupt:
        _say(f"interrupted after row {output.state.row}; run the same command again to go on")
        return False
    output.commit(output.state.row, summary.as_json(), complete=True)
    return True


def _after(source: Source, done: int) -> Iterator[Row]:
    return (row for row in source if row.number > done)


def _say(line: str) -> None:
    sys.stderr.write(f"{printable(line)}\n")


@contextmanager
def _progress(source: Source) -> Iterator[Any]:
    """A progress bar on standard error when that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda batch: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%  {task.fields[rows]} rows"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("scan", total=source.total, rows=0)
        rows = 0

        def advance(batch: Batch) -> None:
            nonlocal rows
            rows += batch.rows
            progress.update(task, total=source.total, completed=source.position, rows=rows)

        yield advance


def _print_table(summary: Summary, file: Any) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False, box=None)
    table.add_column()
    table.add_column()
    table.add_column(justify="right")
    for group, name, count in _counts(summary):
        table.add_row(group, Text(printable(name)), str(count))
    Console(file=file, highlight=False).print(table)


def _counts(summary: Summary) -> Iterator[tuple[str, str, int]]:
    yield "rows", "", summary.rows
    yield "findings", "", summary.findings
    yield "unreadable rows", "", summary.errors
    groups = (
        ("action", summary.actions),
        ("would be", summary.would if summary.would != summary.actions else {}),
        ("rule", summary.rules),
        ("category", summary.categories),
        ("not run", summary.not_run),
    )
    for group, counts in groups:
        for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
            yield group, name, count
