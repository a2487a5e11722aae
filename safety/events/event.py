"""The event: what one verdict leaves in the record, and the gap that stands for events that were lost.

``make_event`` is pure: it takes the verdict, the time and whether excerpts may be raw. It does not decide
anything and writes nothing (``log``). Events travel as JSON; the JSON of an event is canonical (sorted
keys, no white space, ASCII), so that its hash is worth something (``chain``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, ClassVar

from safety.errors import StoreError
from safety.events.mask import excerpt, mask_error
from safety.types import Action, Hit, Origin, Outcome, Ran, Stage, Verdict

MAX_HITS = 100  # hits described one by one; the strictest come first, the rest are counted
MAX_WORDS = 20  # places within one hit
MAX_TEXT = 300  # code points of any one label, error, evidence or path


@dataclass(frozen=True, slots=True)
class DetectorRun:
    """How one detector's run went. ``findings`` counts all it saw, whether a rule fired on them or not."""

    detector: str
    ran: Ran
    ms: float
    findings: int = 0
    cached: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class RuleHit:
    """A rule that fired, and on what. ``start`` and ``end`` are code points of the string at ``path``;
    ``words`` are the places in it that it is about, where not all of it is. ``excerpt`` is masked, and
    ``detail`` empty, unless the policy keeps raw excerpts. ``support`` is the path of the nearest evidence in
    the request, from ``support_start`` to ``support_end``."""

    rule: str
    action: Action
    enforced: bool
    excused: str | None
    detector: str
    category: str
    score: float
    severity: int | None
    evidence: str
    origin: Origin | None = None
    path: str | None = None
    start: int | None = None
    end: int | None = None
    excerpt: str = ""
    detail: str = ""
    words: tuple[tuple[int, int], ...] = ()
    support: str | None = None
    support_start: int | None = None
    support_end: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One stage of one exchange, judged.

    ``at`` is UTC, ISO 8601 with microseconds and ``Z``: it sorts as text. ``would`` is the action if nothing
    were in monitor mode. ``complete`` says whether every detector that should have run did. ``rules`` and
    ``categories`` name all that was hit, also beyond the first ``MAX_HITS`` hits; ``more_hits`` counts those.
    """

    kind: ClassVar[str] = "event"

    id: str
    exchange: str
    stage: Stage
    at: str
    policy: str
    action: Action
    would: Action
    complete: bool
    seconds: float
    labels: Mapping[str, str] = field(default_factory=dict)
    ran: tuple[DetectorRun, ...] = ()
    hits: tuple[RuleHit, ...] = ()
    more_hits: int = 0
    rules: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    @property
    def monitored(self) -> bool:
        """Whether monitor mode let pass what would have been acted on."""
        return self.would > self.action

    def to_json(self) -> str:
        """Canonical JSON, one line."""
        return _dump(self)

    @staticmethod
    def from_json(text: str) -> Event:
        """The event that ``to_json`` wrote. ``StoreError`` for anything else."""
        entry = entry_from_json(text)
        if not isinstance(entry, Event):
            raise StoreError("record: a gap stands where an event was expected")
        return entry


@dataclass(frozen=True, slots=True)
class Gap:
    """``lost`` events are missing here: they were made between ``since`` and ``until`` and could not be
    written, for the reason ``why``. ``after`` is the hash of the writer's last row before, or empty."""

    kind: ClassVar[str] = "gap"

    id: str
    at: str
    lost: int
    since: str
    until: str
    why: str
    after: str = ""

    def to_json(self) -> str:
        """Canonical JSON, one line."""
        return _dump(self)


Entry = Event | Gap


def make_event(verdict: Verdict, *, at: datetime, raw_excerpts: bool = False) -> Event:
    """What is recorded of ``verdict``. ``at`` is when it was reached, with a time zone (``ValueError``
    without one)."""
    exchange = verdict.exchange
    hits = _strictest(verdict.hits)
    return Event(
        id=f"{exchange.id}.{exchange.stage.value}",
        exchange=exchange.id,
        stage=exchange.stage,
        at=timestamp(at),
        policy=verdict.policy,
        action=verdict.action,
        would=verdict.would,
        complete=verdict.complete,
        seconds=round(float(verdict.seconds), 6),
        labels={key: _clip(value) for key, value in exchange.labels.items()},
        ran=tuple([_run(verdict, outcome, raw_excerpts) for outcome in verdict.outcomes]),
        hits=tuple([_hit(verdict, hit, raw_excerpts) for hit in hits]),
        more_hits=len(verdict.hits) - len(hits),
        rules=tuple(dict.fromkeys(hit.rule for hit in verdict.hits)) if hits else (),
        categories=tuple(sorted({hit.finding.category for hit in verdict.hits})) if hits else (),
    )


def timestamp(at: datetime) -> str:
    """UTC, ISO 8601, microseconds, ``Z``. ``ValueError`` for a time without a zone."""
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()}: a time without a zone: pass one in UTC")
    return at.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def _strictest(hits: tuple[Hit, ...]) -> tuple[Hit, ...]:
    if len(hits) <= MAX_HITS:
        return hits
    return tuple(sorted(hits, key=attrgetter("action"), reverse=True)[:MAX_HITS])


def _run(verdict: Verdict, outcome: Outcome, raw: bool) -> DetectorRun:
    error = outcome.error
    return DetectorRun(
        outcome.detector,
        outcome.ran,
        round(outcome.seconds * 1000, 3),
        len(outcome.findings),
        outcome.cached,
        None if error is None else _error(verdict, error, raw),
    )


def _hit(verdict: Verdict, hit: Hit, raw: bool) -> RuleHit:
    finding, span, support = hit.finding, hit.finding.span, hit.finding.support
    segment = None if span is None else verdict.exchange.segment_at(span)
    evidence = finding.evidence
    # The finding that stands for a failed detector carries the failure's message as its evidence.
    failed = evidence and any(evidence == outcome.error for outcome in verdict.outcomes)
    return RuleHit(
        rule=hit.rule,
        action=hit.action,
        enforced=hit.enforced,
        excused=hit.excused,
        detector=finding.detector,
        category=finding.category,
        score=round(float(finding.score), 4),
        severity=None if finding.severity is None else int(finding.severity),
        evidence=_error(verdict, evidence, raw) if failed else _clip(evidence),
        origin=None if segment is None else segment.origin,
        path=None if span is None else _clip(span.path),
        start=None if span is None else int(span.start),
        end=None if span is None else int(span.end),
        excerpt="" if segment is None or span is None else excerpt(segment, span, finding.category, raw=raw),
        detail=_clip(finding.detail) if raw else "",
        words=tuple((int(one.start), int(one.end)) for one in finding.words[:MAX_WORDS]),
        support=None if support is None else _clip(support.path),
        support_start=None if support is None else int(support.start),
        support_end=None if support is None else int(support.end),
    )


def _error(verdict: Verdict, error: str, raw: bool) -> str:
    # An exception's message may quote the text it failed on.
    if raw:
        return _clip(error)
    exchange = verdict.exchange
    return _clip(mask_error(error, [segment.text for segment in exchange.segments + exchange.context]))


def _clip(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


# --- JSON -------------------------------------------------------------------------------------------------


def _plain(value: Any) -> dict[str, Any]:
    """An event, a gap or a part of one as JSON has it. Of the parts, fields at their default are left out:
    most of what ran found nothing, and most of the record is that."""
    defaults = _DEFAULTS.get(type(value))
    if defaults is None:
        raise TypeError(f"{type(value).__name__} cannot stand in an event")
    found = {}
    for name, default in defaults:
        item = getattr(value, name)
        if item != default:
            found[name] = str(item) if name in _ACTIONS else item
    return found


def _dump(entry: Event | Gap) -> str:
    data = {"kind": entry.kind} | _plain(entry)
    if "labels" in data:
        data["labels"] = dict(data["labels"])
    return _ENCODER.encode(data)


_ACTIONS = frozenset({"action", "would"})  # ints to the JSON encoder
_WHOLE = (Event, Gap)
_DEFAULTS: dict[type, tuple[tuple[str, Any], ...]] = {
    cls: tuple((item.name, MISSING if cls in _WHOLE else item.default) for item in fields(cls))
    for cls in (Event, Gap, DetectorRun, RuleHit)
}

# ASCII: a lone surrogate in a label must not stop the record. NaN is no JSON: refused, not written.
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain)


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value))


def _places(value: Any) -> tuple[tuple[int, int], ...]:
    return tuple((int(start), int(end)) for start, end in value)


def _optional_origin(value: Any) -> Origin | None:
    return None if value is None else Origin(value)


_READERS: dict[type, dict[str, Callable[[Any], Any]]] = {
    Event: {
        "stage": Stage,
        "action": Action.parse,
        "would": Action.parse,
        "labels": dict,
        "rules": _texts,
        "categories": _texts,
        "ran": lambda rows: tuple(_read(DetectorRun, row) for row in rows),
        "hits": lambda rows: tuple(_read(RuleHit, row) for row in rows),
    },
    RuleHit: {"action": Action.parse, "origin": _optional_origin, "words": _places},
    DetectorRun: {"ran": Ran},
    Gap: {},
}
_KINDS: dict[str, type] = {cls.kind: cls for cls in (Event, Gap)}


def entry_from_json(text: str) -> Entry:
    """The event or gap whose ``to_json`` wrote ``text``. ``StoreError`` for anything else."""
    try:
        data = json.loads(text)
        entry: Entry = _read(_KINDS[data.pop("kind")], data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"record: not an event: {type(error).__name__}: {error}"[:MAX_TEXT]) from error
    return entry


def _read(cls: type, data: dict[str, Any]) -> Any:
    readers = _READERS[cls]
    return cls(**{name: readers[name](value) if name in readers else value for name, value in data.items()})
