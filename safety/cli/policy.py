"""``safety-layer policy check|test|explain|schema``: policies from a terminal.

Thin: reading is ``policy.file``, testing ``policy.cases``, the story ``policy.explain``. Exit codes: 0 clean,
1 tests failed, 2 a policy that is broken or tests that could not run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from safety.cli.terminal import printable
from safety.cli.texts import add_arguments, exchange_of, read_documents, read_text
from safety.detectors.registry import Registry, load_registry
from safety.errors import PolicyError
from safety.guard import Guard
from safety.policy.cases import CaseResult, Ended, run_cases
from safety.policy.detectors import build
from safety.policy.explain import DetectorStory, Explanation, RuleStory, conclusion, explain, not_run
from safety.policy.file import LoadedPolicy, load_policy
from safety.policy.schema import schema_text

CLEAN, FAILED, BROKEN = 0, 1, 2
EXCERPT = 80  # characters of a finding that are shown
DRIVERS = 8  # words that drove a score


def add_parser(subparsers: Any) -> None:
    """Enter ``policy`` and its commands among ``safety-layer``'s."""
    parser = subparsers.add_parser("policy", help="check, test and explain policy files")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    check = commands.add_parser("check", help="read policies and name every mistake")
    check.add_argument("files", nargs="+", metavar="FILE", help="a policy file or a shipped policy's name")
    check.set_defaults(run=run, act=_check)

    test = commands.add_parser("test", help="run the tests inside a policy")
    test.add_argument("file", metavar="FILE", help="a policy file or a shipped policy's name")
    test.set_defaults(run=run, act=_test)

    why = commands.add_parser("explain", help="show what every detector finds and why each rule fires or not")
    why.add_argument("policy", metavar="POLICY", help="a policy file or a shipped policy's name")
    add_arguments(why)
    why.add_argument("--prompt", metavar="PROMPT", help="the prompt that goes with the text")
    why.set_defaults(run=run, act=_explain)

    schema = commands.add_parser("schema", help="print the JSON Schema of policy files")
    schema.set_defaults(run=run, act=_schema)


def run(args: argparse.Namespace) -> int:
    """The exit code of ``policy COMMAND``; raises what ``load_policy`` raises."""
    registry = load_registry()
    for problem in registry.broken.values():
        _say(f"warning: {problem}", sys.stderr)
    act: Callable[[argparse.Namespace, Registry], int] = args.act
    return act(args, registry)


# ---- check


def _check(args: argparse.Namespace, registry: Registry) -> int:
    problems: list[str] = []
    for name in args.files:
        try:
            loaded = load_policy(name, registry)
            _built(name, loaded, registry).close()
            _say(_summary(name, loaded))
        except PolicyError as error:
            problems += error.problems
    if problems:
        raise PolicyError(tuple(dict.fromkeys(problems)))  # what is shared is said once
    return CLEAN


def _built(name: str, loaded: LoadedPolicy, registry: Registry) -> Guard:
    """A guard for the policy; a problem that has no place in a file is said with this one's name."""
    try:
        return Guard(loaded.policy, build(loaded.policy, registry))
    except PolicyError as error:
        placed = (f"{name}: {one}" if one.startswith("$") else one for one in error.problems)
        raise PolicyError(tuple(placed)) from error


def _summary(name: str, loaded: LoadedPolicy) -> str:
    policy = loaded.policy
    return f"{name}: ok, {policy.id}, {len(policy.rules)} rules, {len(loaded.cases)} tests"


# ---- test


def _test(args: argparse.Namespace, registry: Registry) -> int:
    loaded = load_policy(args.file, registry)
    with _built(args.file, loaded, registry) as guard:
        results = run_cases(guard.check, loaded.cases)
    for line in _rows(results):
        _say(line)
    counts = {ended: sum(result.ended is ended for result in results) for ended in Ended}
    _say(f"{args.file}: " + ", ".join(f"{count} {ended}" for ended, count in counts.items()))
    if counts[Ended.COULD_NOT_RUN]:
        return BROKEN
    return FAILED if counts[Ended.FAILED] else CLEAN


def _rows(results: Sequence[CaseResult]) -> Iterator[str]:
    """A line per test, and below those that did not pass, why."""
    name_width = max((len(result.case.name) for result in results), default=0)
    ended_width = max((len(result.ended) for result in results), default=0)
    for result in results:
        case = result.case
        yield f"{result.ended:{ended_width}}  {case.name:{name_width}}  {case.stage:6}  {case.expect}"
        if result.why:
            yield f"{'':{ended_width}}    {case.place}"
        for why in result.why:
            yield f"{'':{ended_width}}    {why}"


# ---- explain


def _explain(args: argparse.Namespace, registry: Registry) -> int:
    text, documents = read_text(args), read_documents(args)
    loaded = load_policy(args.policy, registry)
    marks = loaded.policy.documents
    exchange = exchange_of(args, text, documents, marks, id="explain", prompt=args.prompt)
    with _built(args.policy, loaded, registry) as guard:
        whys = {detector.name: detector.why for detector in guard.detectors}
        story = explain(loaded.policy, exchange, guard.check(exchange), whys)
    for line in _lines(story):
        _say(line)
    return CLEAN


def _lines(story: Explanation) -> Iterator[str]:
    yield "detectors"
    for detector in story.detectors:
        yield from _detector(detector)
    for name in story.off:
        yield f"  {name}: switched off by the policy"
    yield "rules"
    for rule in story.rules:
        yield from _rule(rule)
    yield f"verdict  {conclusion(story.verdict)}"


def _detector(story: DetectorStory) -> Iterator[str]:
    outcome = story.outcome
    yield f"  {outcome.detector}: {not_run(outcome) or f'{len(story.seen)} findings'}"
    for seen in story.seen:
        finding, span = seen.finding, seen.finding.span
        place = "the whole" if span is None else f"{seen.origin} {span.path} {span.start}-{span.end}"
        severity = "" if finding.severity is None else f" severity {finding.severity}"
        evidence = f"  [{finding.evidence}]" if finding.evidence else ""
        yield f"    {finding.category} {finding.score:.2f}{severity}  {place}{evidence}"
        if seen.excerpt:
            yield f"      “{_short(seen.excerpt)}”"
        if seen.drivers:
            words = (
                f"{_short(' '.join(word.split()))} (-{fall:.2f})" for word, fall in seen.drivers[:DRIVERS]
            )
            yield f"      driven by {', '.join(words)}"


def _rule(story: RuleStory) -> Iterator[str]:
    yield f"  {'+' if story.fired else '-'} {story.rule.id} ({story.rule.action})"
    for why in story.why:
        yield f"      {why}"


# ---- schema


def _schema(_: argparse.Namespace, registry: Registry) -> int:
    sys.stdout.write(schema_text(registry))
    return CLEAN


# ---- output


def _say(line: str, to: Any = None) -> None:
    (to or sys.stdout).write(printable(line) + "\n")


def _short(text: str) -> str:
    return text if len(text) <= EXCERPT else text[: EXCERPT - 1] + "…"
