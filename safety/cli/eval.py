"""``safety-layer eval``: measure a policy on labelled rows.

Figures go to a table, to JSON with ``--json``, and with the curves and the worst mistakes to an HTML file
with ``--report``. Exit code 0 when every row ran and every ``--limit`` is kept; 1 otherwise, saying which; 2
for broken usage, policy or data. What the figures are is written in ``measure.metrics``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from safety.cli.terminal import printable
from safety.errors import ConfigError
from safety.types import Stage

if TYPE_CHECKING:
    from safety.measure.limits import Limit
    from safety.measure.rows import Row
    from safety.measure.run import Bench, Result
    from safety.measure.summary import Summary

CLEAN, FAILED = 0, 1


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds ``eval`` to the program's commands."""
    parser = subparsers.add_parser(
        "eval",
        help="measure a policy on labelled rows",
        description="Measure a policy on labelled rows: .jsonl or .csv (both also .gz) or .parquet, one row"
        " {text, label}, {text, labels}, {premise, claim, label} or {sources, response, spans}. Exit code: 0"
        " measured, 1 a limit that is not kept or rows that could not run, 2 usage.",
    )
    parser.add_argument("files", metavar="DATA", type=Path, nargs="+")
    parser.add_argument(
        "--policy", metavar="POLICY", default="default", help="a file or the name of a shipped policy"
    )
    parser.add_argument("--json", action="store_true", help="print everything as one JSON document")
    parser.add_argument("--scores", metavar="FILE", type=Path, help="write what came of each row, in order")
    parser.add_argument("--report", metavar="FILE", type=Path, help="write an HTML page")
    parser.add_argument(
        "--limit",
        metavar="CATEGORY.METRIC>=VALUE",
        action="append",
        default=[],
        help="or <=: what the figures must keep; may be given several times",
    )
    parser.add_argument(
        "--stage", choices=[str(s) for s in Stage], help="judge texts here (default: where they belong)"
    )
    parser.add_argument("--sample", metavar="N", type=_count, help="only N rows, at random, always the same")
    parser.add_argument(
        "--worst", metavar="N", type=_count, default=10, help="mistakes of a sort in the report (default: 10)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measures and prints; 0 measured, 1 a limit not kept or rows that could not run."""
    from safety.measure.limits import Limit, check_categories
    from safety.measure.rows import read_rows
    from safety.measure.summary import NAMED

    limits = [Limit.parse(text) for text in args.limit]
    _check_outputs(args)
    rows = read_rows(args.files, args.sample)
    bench = _bench(args)
    with bench.guard:
        check_categories(limits, {*NAMED, *bench.roots, *(name for row in rows for name in row.labels)})
        summary = _measured(args, bench, rows)
    _write(args, summary)
    _show(args, summary)
    return _verdict(summary, limits)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a whole number, 1 or more")
    return int(text)


def _check_outputs(args: argparse.Namespace) -> None:
    """What cannot be written is said before an hour has gone by."""
    for path in (p for p in (args.scores, args.report) if p is not None):
        if not path.absolute().parent.is_dir():
            raise ConfigError(f"{path}: its folder does not exist: make it first")
        if path.is_dir():
            raise ConfigError(f"{path}: is a folder: name a file")
        if any(path.exists() and path.samefile(data) for data in args.files if data.exists()):
            raise ConfigError(f"{path}: is the data: name another file")


def _bench(args: argparse.Namespace) -> Bench:
    from safety.detectors.registry import load_registry
    from safety.measure.run import Bench
    from safety.policy.file import load_policy

    registry = load_registry()
    policy = load_policy(args.policy, registry).policy
    return Bench.of(policy, registry, None if args.stage is None else Stage(args.stage))


def _measured(args: argparse.Namespace, bench: Bench, rows: Sequence[Row]) -> Summary:
    from safety.measure.run import measure
    from safety.measure.summary import summarise

    with _progress(len(rows)) as advance:
        results, timing = measure(bench, rows, advance)
    return summarise(bench.guard.policy.id, [str(path) for path in args.files], results, timing)


def _write(args: argparse.Namespace, summary: Summary) -> None:
    if args.scores is not None:
        lines = (json.dumps(result.as_json(), ensure_ascii=False) for result in summary.results)
        _replace(args.scores, "".join(f"{line}\n" for line in lines))
    if args.report is not None:
        from safety.measure.report import report

        _replace(args.report, report(summary, args.worst))


def _replace(path: Path, text: str) -> None:
    """Writes all of it or nothing."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text, encoding="utf-8", errors="backslashreplace")
    fresh.replace(path)


def _show(args: argparse.Namespace, summary: Summary) -> None:
    if args.json:
        document = summary.as_json() | {"worst": summary.worst_json(args.worst)}
        sys.stdout.write(json.dumps(document, indent=1) + "\n")
        return
    from safety.cli.eval_table import show

    show(summary, sys.stdout)


def _verdict(summary: Summary, limits: Iterable[Limit]) -> int:
    broken = [said for limit in limits if (said := limit.broken(summary)) is not None]
    for said in broken:
        _say(f"limit not kept: {said}")
    if summary.failed:
        first: Result = summary.failed[0]
        _say(f"{len(summary.failed)} rows could not run; the first: {first.row.place}: {first.error}")
    return FAILED if broken or summary.failed else CLEAN


def _say(line: str) -> None:
    sys.stderr.write(f"{printable(line)}\n")


@contextmanager
def _progress(rows: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error when that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("eval", total=rows)
        yield lambda count: progress.advance(task, count)
