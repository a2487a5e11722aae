"""What the record holds: events, gaps and notices, as values and as JSON.

An event is what one verdict leaves behind, a gap stands for events that were lost, a notice says what people
and the system did to or around the record. They travel as JSON; that JSON is canonical (sorted keys, no
white space, ASCII), so that its hash is worth something (``chain``). Pure: nothing is made (``event``),
written (``log``) or read (``query``) here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, ClassVar, NamedTuple

from safety.errors import StoreError
from safety.events.written import event_json
from safety.types import Action, Origin, Ran, Stage

MAX_TEXT = 300  # code points of any one label, error, evidence or path


class DetectorRun(NamedTuple):  # made eight times per event: a frozen dataclass takes three times as long
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
    ``categories`` name all that was hit, also beyond the hits described one by one; ``more_hits`` counts
    those. ``erased``: excerpts and details were recorded and have been taken out since. ``values`` are the
    very words of personal data and secrets, on their way to be hashed (``keyed``): no part of the JSON.
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
    erased: bool = False
    values: tuple[str, ...] = field(default=(), compare=False, repr=False)

    @property
    def clean(self) -> bool:
        """Whether everything ran and nothing was hit."""
        return self.complete and self.would is Action.ALLOW and not self.hits

    @property
    def monitored(self) -> bool:
        """Whether monitor mode let pass what would have been acted on."""
        return self.would > self.action

    def to_json(self) -> str:
        """Canonical JSON, one line."""
        return event_json(self, dumped(self.hits) if self.hits else "[]")

    @staticmethod
    def from_json(text: str) -> Event:
        """The event that ``to_json`` wrote. ``StoreError`` for anything else."""
        entry = entry_from_json(text)
        if not isinstance(entry, Event):
            raise StoreError(f"record: a {entry.kind} stands where an event was expected")
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
        return dumped({"kind": self.kind} | plain(self))


@dataclass(frozen=True, slots=True)
class Notice:
    """Something done to or around the record. ``what`` is one word: ``erased``, ``pruned``, ``looked``,
    ``exception``, ``alert``, ``delivery``, ...; ``by`` says who did it, ``about`` to what (an entry's id, a
    rule's name), ``detail`` the rest."""

    kind: ClassVar[str] = "notice"

    id: str
    at: str
    what: str
    by: str = ""
    about: str = ""
    detail: str = ""

    def to_json(self) -> str:
        """Canonical JSON, one line."""
        return dumped({"kind": self.kind} | plain(self))


Entry = Event | Gap | Notice


def timestamp(at: datetime) -> str:
    """UTC, ISO 8601, microseconds, ``Z``. ``ValueError`` for a time without a zone."""
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()}: a time without a zone: pass one in UTC")
    there = at if at.tzinfo is UTC else at.astimezone(UTC)
    return there.isoformat(timespec="microseconds")[:-6] + "Z"


def clip(text: str) -> str:
    """At most ``MAX_TEXT`` code points of ``text``."""
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


# --- JSON -------------------------------------------------------------------------------------------------


def plain(value: Any) -> dict[str, Any]:
    """An entry or a part of one as JSON has it. Fields of the parts, and those added to events later, are
    left out at their default: most of what ran found nothing, and most of the record is that. (Events are
    written by ``written``, which must agree.)"""
    defaults = _DEFAULTS.get(type(value))
    if defaults is None:
        raise TypeError(f"{type(value).__name__} cannot stand in an event")
    found = {}
    for name, default in defaults:
        item = getattr(value, name)
        if item != default:
            found[name] = _SAID[name](item) if name in _SAID else item
    return found


def _run(run: DetectorRun) -> dict[str, Any]:
    return {name: item for name, item in run._asdict().items() if item != _AT_DEFAULT.get(name, MISSING)}


_AT_DEFAULT = DetectorRun._field_defaults


def dumped(data: Any) -> str:
    """Canonical JSON. ``TypeError`` or ``ValueError`` for what is none."""
    return _ENCODER.encode(data)


_SAID: dict[str, Callable[[Any], Any]] = {
    "action": str,  # an int to the JSON encoder
    "would": str,
    "ran": lambda runs: list(map(_run, runs)),  # tuples to it
    "labels": dict,
}
_WHOLE = (Event, Gap, Notice)
_LATER = ("erased",)  # of a whole entry: left out at its default
_UNWRITTEN = ("values",)
_DEFAULTS: dict[type, tuple[tuple[str, Any], ...]] = {
    cls: tuple(
        (item.name, MISSING if cls in _WHOLE and item.name not in _LATER else item.default)
        for item in fields(cls)
        if item.name not in _UNWRITTEN
    )
    for cls in (*_WHOLE, RuleHit)
}

# ASCII: a lone surrogate in a label must not stop the record. NaN is no JSON: refused, not written.
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, default=plain)


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
    Notice: {},
}
_KINDS: dict[str, type] = {cls.kind: cls for cls in _WHOLE}


def entry_from_json(text: str) -> Entry:
    """The entry whose ``to_json`` wrote ``text``. ``StoreError`` for anything else."""
    try:
        return entry_from(json.loads(text))
    except ValueError as error:
        raise _no_entry(error) from error


def entry_from(data: Any) -> Entry:
    """The entry that ``data``, read from JSON, stands for; it is used up. ``StoreError`` when it is none."""
    try:
        entry: Entry = _read(_KINDS[data.pop("kind")], data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _no_entry(error) from error
    return entry


def _no_entry(error: Exception) -> StoreError:
    return StoreError(f"record: not an event: {type(error).__name__}: {error}"[:MAX_TEXT])


def _read(cls: type, data: dict[str, Any]) -> Any:
    readers = _READERS[cls]
    if not data.keys() <= _NAMES[cls]:
        raise ValueError(f"{cls.__name__.lower()} with {', '.join(sorted(data.keys() - _NAMES[cls]))}")
    return cls(**{name: readers[name](value) if name in readers else value for name, value in data.items()})


_NAMES: dict[type, frozenset[str]] = {
    DetectorRun: frozenset(DetectorRun._fields),
    **{cls: frozenset(name for name, _ in known) for cls, known in _DEFAULTS.items()},
}
