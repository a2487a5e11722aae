"""``safety-layer check``: judge one text, and the answer to it, and say why.

Prints one verdict per stage, readable or as the JSON of its event (with the text around each finding: it is
the caller's own). Exit code 0 when every check ran and no rule fired, also none in monitor mode; 1 when one
did or a check could not run; 2 for broken usage. It records nothing and sends nothing anywhere.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from safety.cli.terminal import printable
from safety.cli.texts import add_arguments, exchange_of, read_documents, read_text
from safety.errors import ConfigError
from safety.events.mask import excerpt
from safety.types import Action, DocumentMarks, Exchange, Hit, Outcome, Ran, Stage, Verdict
from safety.wire.plain import answer_exchange

CLEAN, FINDINGS = 0, 1


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds ``check`` to the program's commands."""
    parser = subparsers.add_parser(
        "check",
        help="judge one text",
        description="Judge a text. Exit code: 0 clean, 1 findings or checks that could not run, 2 usage.",
    )
    add_arguments(parser)
    parser.add_argument(
        "--policy", metavar="POLICY", default="default", help="a file or the name of a shipped policy"
    )
    parser.add_argument("--answer", metavar="ANSWER", help="also judge this answer to the text")
    parser.add_argument("--json", action="store_true", help="one JSON object per stage and line")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Judges and prints; 0 clean, 1 findings."""
    _usable(args)
    text, documents = read_text(args), read_documents(args)
    from safety.guard import Guard  # not before the arguments are known to be usable

    with Guard.from_policy(args.policy) as guard:
        exchanges = list(_exchanges(args, text, documents, guard.policy.documents))
        verdicts = guard.check_batch(exchanges)
        for verdict in verdicts:
            lines = [_json(verdict)] if args.json else told(verdict)
            sys.stdout.writelines(f"{line}\n" for line in lines)
        return FINDINGS if any(map(found, verdicts)) else CLEAN


def found(verdict: Verdict) -> bool:
    """Whether a rule fired, also in monitor mode, or a check did not run."""
    return verdict.would > Action.ALLOW or not verdict.complete


# --- what is judged ---------------------------------------------------------------------------------------


def _usable(args: argparse.Namespace) -> None:
    if args.answer is not None and (args.stage == Stage.OUTPUT or args.origin is not None):
        raise ConfigError("--answer: TEXT is then its prompt: leave --stage and --origin out")


def _exchanges(
    args: argparse.Namespace, text: str, documents: list[str], marks: DocumentMarks
) -> Iterator[Exchange]:
    request = exchange_of(args, text, documents, marks, id="check")
    yield request
    if args.answer is not None:
        yield answer_exchange(args.answer, request)


# --- what is printed --------------------------------------------------------------------------------------


def _json(verdict: Verdict) -> str:
    from datetime import UTC, datetime

    from safety.events.event import make_event

    return make_event(verdict, at=datetime.now(UTC), raw_excerpts=True).to_json()


def told(verdict: Verdict) -> Iterator[str]:
    """The verdict in lines that are safe to print."""
    action = str(verdict.action)
    if verdict.would > verdict.action:
        action += f" (would {verdict.would})"
    yield f"{action}  {verdict.exchange.stage}  {printable(verdict.policy)}"
    for hit in verdict.hits:
        yield f"  {_hit(hit)}"
        if (place := _place(verdict.exchange, hit)) is not None:
            yield f"    {place}"
    for outcome in verdict.outcomes:
        if outcome.ran is not Ran.OK:
            yield f"  {_not_run(outcome)}"


def _hit(hit: Hit) -> str:
    finding = hit.finding
    parts = [f"{hit.action}", hit.rule, finding.category, f"score {finding.score:.2f}"]
    if finding.severity is not None:
        parts.append(f"severity {finding.severity}")
    if finding.evidence:
        parts.append(f"({finding.evidence})")
    if hit.excused is not None:
        parts.append(f"excused: {hit.excused}")
    elif not hit.enforced:
        parts.append("monitor only")
    if hit.message:
        parts.append(f"- {hit.message}")
    return printable("  ".join(parts))


def _place(exchange: Exchange, hit: Hit) -> str | None:
    """The words a finding points at, between marks, with some of the text around them."""
    span = hit.finding.span
    segment = None if span is None else exchange.segment_at(span)
    if span is None or segment is None:
        return None
    words = excerpt(segment, span, hit.finding.category, raw=True)
    return printable(f"{segment.origin} {span.path} {span.start}-{span.end}: {words}")


def _not_run(outcome: Outcome) -> str:
    return printable(f"not run: {outcome.detector} {outcome.ran}: {outcome.error or 'no reason given'}")
