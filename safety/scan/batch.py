"""The batch scan: every row of a file judged as the proxy would judge it, findings and counts out.

A row holds a prompt and its documents, an answer, or both, or messages; that makes one exchange or two. They
are judged in batches and, unless asked for, not recorded. A row that cannot be read or judged is reported
with its number and counted; it is never dropped and stops nothing. Reading files and resuming are the
business of ``files``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from safety.errors import WireError
from safety.events.event import Event, make_event
from safety.guard import Guard, new_id
from safety.scan.files import Row
from safety.types import Action, Exchange, Ran, Verdict
from safety.wire.plain import answer_exchange, messages_exchange, prompt_exchange
from safety.wire.values import document_texts, kind

BATCH = 64


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns hold what: of each, the first that a row has. Those in ``required`` every row must have:
    a name that was mistyped must not leave its texts unread."""

    prompt: tuple[str, ...] = ("prompt", "question", "text")
    documents: tuple[str, ...] = ("documents", "sources")
    answer: tuple[str, ...] = ("answer", "response", "output")
    messages: tuple[str, ...] = ("messages",)
    id: tuple[str, ...] = ("id",)
    required: frozenset[str] = frozenset()

    @property
    def texts(self) -> tuple[str, ...]:
        """Those that hold something to judge."""
        return (*self.prompt, *self.documents, *self.answer, *self.messages)

    @property
    def names(self) -> frozenset[str]:
        """All of them."""
        return frozenset((*self.texts, *self.id))


class BadRow(Exception):
    """A row that holds nothing to judge, or something of the wrong type."""


@dataclass(slots=True)
class Summary:
    """What was counted. An exchange counts once per action, rule and category."""

    rows: int = 0
    errors: int = 0
    findings: int = 0
    actions: Counter[str] = field(default_factory=Counter)
    would: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    categories: Counter[str] = field(default_factory=Counter)
    not_run: Counter[str] = field(default_factory=Counter)

    @property
    def clean(self) -> bool:
        """Whether nothing was found, everything was read, and every check ran."""
        return not (self.errors or self.findings or self.not_run)

    def add(self, verdict: Verdict, threshold: Action) -> None:
        """Count one verdict; a finding is what would bring about ``threshold`` or more."""
        counted = [hit for hit in verdict.hits if hit.excused is None]
        self.findings += verdict.would >= threshold
        self.actions[str(verdict.action)] += 1
        self.would[str(verdict.would)] += 1
        self.rules.update({hit.rule for hit in counted})
        self.categories.update({hit.finding.category for hit in counted})
        self.not_run.update(o.detector for o in verdict.outcomes if o.ran is not Ran.OK)

    def as_json(self) -> dict[str, Any]:
        """Plain values, for ``from_json``."""
        return {
            f.name: dict(value) if isinstance(value := getattr(self, f.name), Counter) else value
            for f in fields(self)
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | None) -> Summary:
        """What ``as_json`` returned."""
        counts: dict[str, Any] = {
            name: Counter(count) if isinstance(count, dict) else count
            for name, count in (value or {}).items()
        }
        return cls(**counts)


@dataclass(frozen=True, slots=True)
class Options:
    """``threshold``: the least action that counts as a finding, also in monitor mode. ``text``: write the
    text around findings as it is, not masked. ``everything``: write clean rows too. ``record``: put every
    verdict on record, if the guard has a recorder."""

    columns: Columns = Columns()
    threshold: Action = Action.REDACT
    text: bool = False
    everything: bool = False
    record: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """What came of some rows: the lines to write, without line ends, and the number of the last row."""

    lines: tuple[str, ...]
    row: int
    rows: int


def scan(
    rows: Iterable[Row], guard: Guard, summary: Summary, options: Options = Options()
) -> Iterator[Batch]:
    """Judges ``rows`` in batches; counts into ``summary``. The same rows give the same lines."""
    remaining = iter(rows)
    while batch := list(islice(remaining, BATCH)):
        lines = tuple(_judged(batch, guard, summary, options))
        yield Batch(lines, batch[-1].number, len(batch))


def _judged(batch: Sequence[Row], guard: Guard, summary: Summary, options: Options) -> Iterator[str]:
    found = [_read(row, guard, options) for row in batch]
    exchanges = [exchange for read in found if not isinstance(read, str) for exchange in read]
    judge = guard.check_batch if options.record else guard.judge
    verdicts = iter(judge(exchanges))
    for row, read in zip(batch, found, strict=True):
        summary.rows += 1
        if isinstance(read, str):
            summary.errors += 1
            yield _line({"row": row.number, **_id(row, options.columns), "error": read})
            continue
        for verdict in islice(verdicts, len(read)):
            summary.add(verdict, options.threshold)
            if options.everything or verdict.would > Action.ALLOW or not verdict.complete:
                yield _line({"row": row.number, **_id(row, options.columns), **_told(verdict, options)})


# --- a row as exchanges -----------------------------------------------------------------------------------


def _read(row: Row, guard: Guard, options: Options) -> list[Exchange] | str:
    """The exchanges of a row, or what is wrong with it."""
    if row.value is None:
        return row.error
    # Rows that are not recorded need no names in the world: equal rows give equal lines.
    name = new_id() if options.record else str(row.number)
    try:
        return list(_exchanges(row.value, row.encoded, options.columns, name, guard))
    except (BadRow, WireError) as error:
        return str(error)


def _exchanges(
    value: Mapping[str, Any], encoded: bool, columns: Columns, name: str, guard: Guard
) -> Iterator[Exchange]:
    if absent := sorted(columns.required - value.keys()):
        raise BadRow(f"no column {absent[0]!r}: it was named as one to read")
    marks = guard.policy.documents
    prompt, answer = _text(value, columns.prompt), _text(value, columns.answer)
    documents, messages = _documents(value, encoded, columns), _messages(value, encoded, columns)
    if prompt is None and answer is None and not documents and messages is None:
        raise BadRow(f"nothing to judge: a row has one of the columns {', '.join(columns.texts)}")
    if prompt is not None and messages is not None:
        raise BadRow("both a prompt and messages: name the one to judge")
    if messages is not None:
        request = messages_exchange(messages, documents, id=name, marks=marks)
    else:
        request = prompt_exchange(prompt or "", documents, id=name, marks=marks)
    if prompt is not None or messages is not None or answer is None:
        yield request
    if answer is not None:
        yield answer_exchange(answer, request)


def _cell(value: Mapping[str, Any], names: Sequence[str]) -> tuple[str, Any]:
    return next(((name, value[name]) for name in names if value.get(name) is not None), ("", None))


def _text(value: Mapping[str, Any], names: Sequence[str]) -> str | None:
    name, cell = _cell(value, names)
    if cell is None or isinstance(cell, str):
        return cell
    raise BadRow(f"column {name!r}: {kind(cell)}: must be a text")


def _documents(value: Mapping[str, Any], encoded: bool, columns: Columns) -> list[str]:
    name, cell = _cell(value, columns.documents)
    if encoded and isinstance(cell, str):
        cell = _decoded(cell) if cell.lstrip().startswith(("[", "{")) else cell or None
    try:
        return [document.text for document in document_texts(cell, f"column {name!r}")]
    except TypeError as error:
        raise BadRow(str(error)) from None


def _messages(value: Mapping[str, Any], encoded: bool, columns: Columns) -> list[Any] | None:
    name, cell = _cell(value, columns.messages)
    if isinstance(cell, str) and (cell or not encoded):
        cell = _decoded(cell)
    if cell is None or cell == "":
        return None
    if not isinstance(cell, list):
        raise BadRow(f"column {name!r}: {kind(cell)}: must be a list of OpenAI messages")
    # Parquet gives every message every column: what is null there was never said.
    return [{k: v for k, v in m.items() if v is not None} if isinstance(m, dict) else m for m in cell]


def _decoded(cell: str) -> Any:
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return cell


# --- a verdict as a line ----------------------------------------------------------------------------------


def _id(row: Row, columns: Columns) -> dict[str, Any]:
    _, cell = _cell(row.value or {}, columns.id)
    return {} if cell is None or not isinstance(cell, str | int) else {"id": cell}


def _told(verdict: Verdict, options: Options) -> dict[str, Any]:
    event = make_event(verdict, at=datetime.now(UTC), raw_excerpts=options.text)
    told = {
        "stage": str(event.stage),
        "action": str(event.action),
        "would": str(event.would),
        "complete": event.complete,
        "hits": _plain(event)["hits"],
        "not_run": [run for run in _plain(event)["ran"] if run.get("ran", "ok") != "ok"],
    }
    if event.more_hits:
        told["more_hits"] = event.more_hits
    if options.record:
        told["event"] = event.id
    return told


def _plain(event: Event) -> dict[str, Any]:
    """The event as its JSON has it. How long things took is left out: it is no finding."""
    plain: dict[str, Any] = json.loads(event.to_json())
    for run in plain["ran"]:
        run.pop("ms", None)
    return plain


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
