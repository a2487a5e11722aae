"""What can be asked of the record: keys and values in, conditions of SQL out.

Pure: nothing is read here. A name with a version (policy, detector) is found with and without it; a category
covers those below it, as in a rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select, true

from safety.errors import ConfigError
from safety.events.entry import Event, Gap, Notice, dumped, timestamp
from safety.events.keyed import value_hash
from safety.events.schema import ABOUT, CATEGORY, FAILED, LABELS, RULE, VALUE, WHAT, events, marks
from safety.events.seal import storable
from safety.types import Action, Stage

Where = Mapping[str, str | Sequence[str]]
Condition = ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Asked:
    """Where a condition is going to be used: the database's dialect, and the key of the record's hashes."""

    dialect: str
    key: bytes | None = None


def condition(
    asked: Asked, *, since: datetime | None = None, until: datetime | None = None, where: Where | None = None
) -> Condition:
    """From ``since`` up to but not including ``until``, and as ``where`` says: each key must hold for one of
    its values. Gaps come along, because what was lost might have matched; not so when a key asks for one
    thing or for a kind of entry. ``ConfigError`` for an unknown key or an impossible value."""
    parts: list[Condition] = []
    if since is not None:
        parts.append(events.c.at >= timestamp(since))
    if until is not None:
        parts.append(events.c.at < timestamp(until))
    keys = [
        _any_of(asked, key, [given] if isinstance(given, str) else given)
        for key, given in (where or {}).items()
    ]
    if keys:
        found = and_(*keys)
        pointing = _POINTING & (where or {}).keys()
        # Said like this, the index over the few entries that are no events can be used.
        gaps = and_(events.c.kind == Gap.kind, events.c.kind != Event.kind)
        parts.append(found if pointing else or_(found, gaps))
    return and_(true(), *parts)


def _any_of(asked: Asked, key: str, values: Sequence[str]) -> Condition:
    if key not in _CONDITIONS:
        raise ConfigError(f"where: unknown key {key!r}: one of {', '.join(sorted(KEYS))}")
    if not values:
        raise ConfigError(f"where: {key}: no value: give at least one")
    allowed = _VALUES.get(key)
    for value in values:
        if allowed is not None and value not in allowed:
            raise ConfigError(f"where: {key}={value!r}: one of {', '.join(allowed)}")
    return or_(*(_CONDITIONS[key](asked, value) for value in values))


# --- conditions -------------------------------------------------------------------------------------------

_Maker = Callable[[Asked, str], Condition]


def _column(name: str) -> _Maker:
    return lambda _, value: events.c[name] == storable(value)


def _action(_: Asked, value: str) -> Condition:
    # The index leaves out what most events are, and is used only when that is ruled out.
    same = events.c.action == value
    return same if value == str(Action.ALLOW) else and_(same, events.c.action != str(Action.ALLOW))


def _kind(_: Asked, value: str) -> Condition:
    same = events.c.kind == value
    return same if value == Event.kind else and_(same, events.c.kind != Event.kind)


def _exchange(_: Asked, value: str) -> Condition:
    return events.c.id.in_([storable(f"{value}.{stage}") for stage in Stage])


def _complete(_: Asked, value: str) -> Condition:
    return events.c.complete if value == "true" else ~events.c.complete


def _policy(_: Asked, value: str) -> Condition:
    return _or_below(events.c.policy, storable(value), "@")


def _mark(of: str, below: str = "") -> _Maker:
    def made(_: Asked, value: str) -> Condition:
        name = marks.c.name
        wanted = _or_below(name, storable(value), below) if below else name == storable(value)
        return events.c.n.in_(select(marks.c.n).where(marks.c.of == of, wanted))

    return made


def _value(asked: Asked, value: str) -> Condition:
    if asked.key is None:
        raise ConfigError("where: value: the record has no key for hashes: set SAFETY_LAYER_RECORD_KEY")
    return _mark(VALUE)(asked, value_hash(value, asked.key))


def _detector(asked: Asked, value: str) -> Condition:
    # Every event names all its detectors: too many for marks. Its JSON is canonical, quotes in texts are
    # escaped: this stands there only for a detector (or for a label that is called so).
    said = f'"detector":{dumped(value)}'
    return or_(_holds(asked, said), _holds(asked, said[:-1] + "@"))


def _end(asked: Asked, value: str) -> Condition:
    return _holds(asked, f'"end":{dumped(value)}')  # a label; of a hit it is a number


def _holds(asked: Asked, piece: str) -> Condition:
    find = func.strpos if asked.dialect == "postgresql" else func.instr
    return find(events.c.body, piece) > 0


def _or_below(column: ColumnElement[str], value: str, sign: str) -> Condition:
    """``value`` itself, or ``value``, ``sign`` and anything: as a range, so that an index serves."""
    after = chr(ord(sign) + 1)
    return or_(column == value, and_(column >= value + sign, column < value + after))


_CONDITIONS: dict[str, _Maker] = {
    "id": _column("id"),
    "exchange": _exchange,
    "kind": _kind,
    "action": _action,
    "stage": _column("stage"),
    "complete": _complete,
    "policy": _policy,
    "category": _mark(CATEGORY, "."),
    "rule": _mark(RULE),
    "detector": _detector,
    "failed": _mark(FAILED, "@"),
    "value": _value,
    "what": _mark(WHAT),
    "about": _mark(ABOUT),
    **{label: _column(label) for label in LABELS},
    "end": _end,
}
KEYS = tuple(_CONDITIONS)
_VALUES: dict[str, tuple[str, ...]] = {
    "kind": (Event.kind, Gap.kind, Notice.kind),
    "action": tuple(str(action) for action in Action),
    "stage": tuple(stage.value for stage in Stage),
    "complete": ("true", "false"),
}
# Keys that ask for one thing, or for what no lost event could be.
_POINTING = frozenset({"id", "exchange", "kind", "what", "about"})
