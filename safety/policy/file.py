"""Policy files: YAML in, a ``Policy`` out, or every mistake at once, each with its place.

Errors read ``file:line: $.path: what was wrong: what is allowed``. It finds and reads files; it does not
run detectors, and has no clock: an exception that has expired still loads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import re2
from pydantic import TypeAdapter

from safety.detectors.registry import Registry, load_registry
from safety.errors import PolicyError
from safety.policy.cases import Case
from safety.policy.detectors import Catalogue
from safety.policy.digest import digest
from safety.policy.layers import Reading, locate, read_file, read_source
from safety.policy.model import (
    ON_ERROR,
    DetectorConfig,
    Exemption,
    Mode,
    Pattern,
    Policy,
    Rule,
    StreamMode,
    StreamPolicy,
    When,
)
from safety.policy.options import detector_configs
from safety.policy.shape import CaseShape, ExceptionShape, PolicyShape, RuleShape
from safety.policy.source import Node, Place, Problems
from safety.policy.validate import unknown, validated
from safety.types import Action, DocumentMarks, Stage
from safety.wire.plain import segments_of, text_segments

_POLICY = TypeAdapter(PolicyShape)
_COUNTED: Mapping[str, type] = {
    "characters": int,
    "messages": int,
    "tokens": int,
    "tokenizer": str,
    "message_overhead": int,
}


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """A policy, its own tests, and every file it was made of (absolute)."""

    policy: Policy
    cases: tuple[Case, ...] = ()
    files: tuple[Path, ...] = ()


class UnusablePolicy(PolicyError):
    """A policy file that cannot be used. ``files`` are those that were read, or looked for and not there."""

    def __init__(self, problems: tuple[str, ...], files: tuple[Path, ...]) -> None:
        super().__init__(problems)
        self.files = files


def load_policy(path_or_name: str | Path, registry: Registry | None = None) -> LoadedPolicy:
    """The policy in a file, or a shipped one by name (``default``, ``strict``, ``monitor``, ``rag``).

    ``PolicyError`` with one line per mistake; a detector name with two owners is a ``ConfigError``.
    """
    path = locate(path_or_name) if isinstance(path_or_name, str) else path_or_name
    reading = Reading()
    return _loaded(read_file(path, reading), reading, path.stem, registry)


def policy_from_text(
    text: str, name: str = "<policy>", folder: Path = Path(), registry: Registry | None = None
) -> LoadedPolicy:
    """The policy in ``text``; ``name`` stands for the file in messages, and paths are relative to
    ``folder``. Raises as ``load_policy`` does."""
    reading = Reading()
    return _loaded(read_source(text, name, folder, reading), reading, "unnamed", registry)


def _loaded(tree: Node | None, reading: Reading, name: str, registry: Registry | None) -> LoadedPolicy:
    problems = reading.problems
    if tree is None:
        raise UnusablePolicy(problems.lines(), tuple(reading.files))
    registry = load_registry() if registry is None else registry
    tree = _with_limits(tree)
    shape = validated(_POLICY, tree, problems)
    written = _entry(tree, "detectors")
    detectors = dict(detector_configs(written, registry, reading))
    unread = written.entries.keys() - detectors
    exceptions = tuple(_exceptions(tree, shape, problems))
    _check_names(tree, Catalogue.of(detectors, registry), problems, unread)
    if problems.found or shape is None:
        raise UnusablePolicy(problems.lines(), tuple(reading.files))
    policy = _policy(shape, detectors, exceptions, name)
    policy = replace(policy, digest=digest(policy, registry, reading.files))
    places = _entry(tree, "tests").items
    marks = policy.documents
    cases = tuple(_case(case, node.place, marks) for case, node in zip(shape.tests, places, strict=True))
    return LoadedPolicy(policy, cases, tuple(dict.fromkeys(reading.files)))


def _entry(node: Node, *keys: str) -> Node:
    """The value below ``keys``, or an empty one in its place."""
    for key in keys:
        node = node.entries.get(key) or Node(None, node.place)
    return node


# ---- limits: short for a detector and a rule


def _with_limits(tree: Node) -> Node:
    """``limits:`` written out as the detector's options and a rule with the id ``limits``."""
    limits = tree.entries.get("limits")
    if limits is None or not isinstance(limits.value, dict):
        return tree

    def made(value: Any) -> Node:
        if isinstance(value, dict):
            return Node({key: made(item) for key, item in value.items()}, limits.place)
        return value if isinstance(value, Node) else Node(value, limits.place)

    rule = made(
        {
            "id": "limits",
            "when": {"category": "limit", "stage": "input"},
            "action": limits.entries.get("action", "block"),
            "message": limits.entries.get("message", "the request is too long"),
        }
    )
    counted = {
        key: node for key, node in limits.entries.items() if isinstance(node.value, _COUNTED.get(key, Node))
    }
    detectors, rules = _entry(tree, "detectors"), _entry(tree, "rules")
    options = Node({**_entry(detectors, "limits").entries, **counted}, limits.place)
    kept = [item for item in rules.items if _entry(item, "id").value != "limits"]
    written = {
        "detectors": Node({**detectors.entries, "limits": options}, detectors.place),
        "rules": Node([*kept, rule], rules.place),
    }
    return Node({**tree.entries, **written}, tree.place)


# ---- names that must exist


def _check_names(tree: Node, catalogue: Catalogue, problems: Problems, unread: Set[str]) -> None:
    """``unread`` are detectors whose options are wrong: what they would find is not known."""
    rules = _entry(tree, "rules").items
    ids = [str(_entry(rule, "id").value) for rule in rules] + [ON_ERROR]
    exceptions, tests = _entry(tree, "exceptions").items, _entry(tree, "tests").items
    categories = [_entry(rule, "when", "category") for rule in rules]
    categories += [_entry(exception, "categories") for exception in exceptions]
    unfound = [
        node
        for category in categories
        for node in _texts(category)
        if not catalogue.find(str(node.value)) and catalogue.leaving_out(str(node.value)) not in unread
    ]
    for node in unfound:
        problems.add(node.place, catalogue.absent(str(node.value)))
    for reason in catalogue.registry.broken.values() if unfound else ():
        problems.add(tree.place, f"{reason}: repair or uninstall it")
    named = [_entry(item, key) for item in (*exceptions, *tests) for key in ("rules", "not_rules")]
    for node in (text for holder in named for text in _texts(holder)):
        if node.value not in ids:
            problems.add(node.place, unknown("rule", str(node.value), ids))


def _texts(node: Node) -> list[Node]:
    return [item for item in (node.items or [node]) if isinstance(item.value, str)]


# ---- shapes into values


def _policy(
    shape: PolicyShape,
    detectors: Mapping[str, DetectorConfig],
    exceptions: tuple[Exemption, ...],
    name: str,
) -> Policy:
    stream = shape.stream
    return Policy(
        name=shape.name or name,
        mode=Mode(shape.mode),
        on_error=Action.parse(shape.on_error),
        deadline=shape.deadline,
        rules=tuple(_rule(rule) for rule in shape.rules),
        detectors=detectors,
        stream=StreamPolicy(StreamMode(stream.mode), stream.max_hold, stream.overlap),
        exceptions=exceptions,
        documents=DocumentMarks(tuple(shape.documents.tags), tuple(shape.documents.pointers)),
        raw_excerpts=shape.record.raw_excerpts,
        when_behind=shape.record.when_behind,
    )


def _rule(shape: RuleShape) -> Rule:
    when = When(
        tuple(shape.when.category),
        frozenset(shape.when.origin or ()),
        frozenset(shape.when.stage or ()),
        shape.when.min_score,
        shape.when.min_severity,
    )
    mode = None if shape.mode is None else Mode(shape.mode)
    action = Action.parse(shape.action)
    return Rule(shape.id, when, action, shape.message, mode, shape.replacement, shape.correct)


def _exceptions(tree: Node, shape: PolicyShape | None, problems: Problems) -> Iterator[Exemption]:
    """Patterns are compiled from the tree, so that one that does not compile is named with all else."""
    nodes = _entry(tree, "exceptions").items
    patterns = [_pattern(_entry(node, "pattern"), problems) for node in nodes]
    for entry, pattern in zip([] if shape is None else shape.exceptions, patterns, strict=False):
        yield _exemption(entry, pattern)


def _pattern(node: Node, problems: Problems) -> Pattern | None:
    if not isinstance(node.value, str):
        return None
    options = re2.Options()
    options.log_errors = False
    try:
        compiled: Pattern = re2.compile(node.value, options)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error.args[0]
        problems.add(node.place, f"not a pattern ({reason}): RE2 syntax, without look-around and \\1")
        return None
    return compiled


def _exemption(shape: ExceptionShape, pattern: Pattern | None) -> Exemption:
    return Exemption(
        shape.reason,
        shape.expires,
        shape.text,
        pattern,
        shape.sha256,
        tuple(shape.categories),
        tuple(shape.rules),
    )


def _case(shape: CaseShape, place: Place, marks: DocumentMarks) -> Case:
    segments = segments_of(
        system=shape.system,
        prompt=shape.prompt,
        documents=shape.documents,
        tool_results=shape.tool_results,
        answer=shape.answer,
        marks=marks,
    )
    for i, one in enumerate(shape.segments):
        segments += tuple(text_segments(f"/segments/{i}", one.origin, one.text, marks))
    return Case(
        name=shape.name,
        place=f"{place.file}:{place.line}",
        stage=shape.stage or (Stage.INPUT if shape.answer is None else Stage.OUTPUT),
        segments=segments,
        expect=Action.parse(shape.expect),
        would=None if shape.would is None else Action.parse(shape.would),
        rules=tuple(shape.rules),
        not_rules=tuple(shape.not_rules),
    )
