"""What a condition reads from the counts, right now: per subject a value, or that there is nothing to judge.

Pure but for the questions it asks: ``Numbers`` (``figures.Figures`` is one) answers them. Whether something
is sent is the engine's decision. Counts are per minute, so that a window begins at a whole minute and is up
to one minute longer than ``over``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from safety.monitor.alerts.rules import AlertRule, Condition, Measure
from safety.monitor.folding import REST

ALL = 100_000  # names that are asked for: every one of them
EVER = timedelta(days=400)  # how far back the first look of a ``first_hit`` knows names from
OVERLAP = timedelta(minutes=2)  # later looks begin so long before the last one: counts come a little late
STALE = 60.0  # seconds: counts that are further behind the record say nothing about what is missing
SAMPLED = "sampled"  # left out on purpose, not lost
WHOLE = ""  # the subject when it is about everything


class State(Protocol):
    """The part of ``figures.Now`` that is needed."""

    @property
    def behind_seconds(self) -> float:
        """The age of the oldest row that is not counted yet."""
        ...


class User(Protocol):
    """The part of ``figures.UserRow`` that is needed."""

    @property
    def key(self) -> str:
        """The name that tells users apart."""
        ...

    @property
    def score(self) -> float:
        """0 to 1."""
        ...


class Numbers(Protocol):
    """What ``figures.Figures`` answers, as far as it is needed here. ``StoreError`` when it cannot."""

    def now(self, at: datetime) -> State:
        """How things stand at ``at``."""
        ...

    def top(self, of: str, since: datetime, until: datetime, limit: int = 20) -> list[tuple[str, int]]:
        """The largest names of ``of`` with their counts."""
        ...

    def percentiles(
        self, of: str, since: datetime, until: datetime, name: str | None = None, qs: Sequence[float] = ()
    ) -> list[float | None]:
        """Milliseconds below which the shares ``qs`` lie."""
        ...

    def users(self, since: datetime, until: datetime, limit: int = 50) -> Sequence[User]:
        """The users to look at first."""
        ...


@dataclass(frozen=True, slots=True)
class Reading:
    """Per subject (``WHOLE``, or names) a value; ``None`` where there is too little to judge. A subject that
    is not there does not hold. ``events``: what the value was taken from, where that bounds it. ``before``:
    the names that are not new (``first_hit``, at the first look)."""

    values: Mapping[str, float | None]
    events: int | None = None
    before: frozenset[str] = frozenset()


Readings = Mapping[str, Reading]  # by the rule's id; a rule that is not there could not be read


@dataclass(slots=True)
class Look:
    """One look at the counts: nothing is asked twice."""

    numbers: Numbers
    at: datetime
    _counts: dict[tuple[str, datetime], dict[str, int]] = field(default_factory=dict)
    _behind: float | None = None

    def since(self, over: float) -> datetime:
        """The whole minute in which the window of ``over`` seconds begins."""
        return (self.at - timedelta(seconds=over)).replace(second=0, microsecond=0)

    def counts(self, of: str, since: datetime) -> dict[str, int]:
        """Names and counts from ``since`` on."""
        key = (of, since)
        if key not in self._counts:
            self._counts[key] = dict(self.numbers.top(of, since, self.at, ALL))
        return self._counts[key]

    @property
    def behind(self) -> float:
        """How far the counts are behind the record, in seconds."""
        if self._behind is None:
            self._behind = self.numbers.now(self.at).behind_seconds
        return self._behind


def read(
    rules: Sequence[AlertRule], numbers: Numbers, at: datetime, looked: Mapping[str, float] | None = None
) -> dict[str, Reading]:
    """The readings of ``rules`` at ``at`` (with a time zone). ``looked``: per ``first_hit`` rule when it was
    last looked at (seconds since 1970), if ever. Raises what ``numbers`` raises."""
    look = Look(numbers, at)
    found = {}
    for rule in rules:
        last = (looked or {}).get(rule.id)
        before = None if last is None else datetime.fromtimestamp(last, at.tzinfo) - OVERLAP
        if not _uncertain(rule.when, look):
            found[rule.id] = _READERS[rule.when.measure](rule.when, look, before)
    return found


def _uncertain(when: Condition, look: Look) -> bool:
    """Whether it looks for little while the counts are behind: what is missing may only be uncounted. Where
    nothing at all is to be missing, one uncounted row is enough."""
    if when.bound.how not in ("below", "at_most") or when.measure is Measure.BEHIND:
        return False
    return look.behind > (0.0 if when.of == "events" else STALE)


def blind(rules: Sequence[AlertRule], at: float, since: float) -> dict[str, Reading]:
    """The readings when nothing could be read since ``since``: what has not been seen for as long as its
    window is absent, and of all else nothing is known."""
    absent = (rule for rule in rules if rule.when.measure is Measure.ABSENCE)
    return {rule.id: Reading({WHOLE: 0.0}) for rule in absent if at - since >= rule.when.over}


# --- one reader per measure ---------------------------------------------------------------------------------

Reader = Callable[[Condition, Look, datetime | None], Reading]


def _count(when: Condition, look: Look, _: datetime | None) -> Reading:
    return Reading(_counted(when, look.counts(when.of, look.since(when.over))))


def _rate(when: Condition, look: Look, _: datetime | None) -> Reading:
    since = look.since(when.over)
    minutes = (look.at - since).total_seconds() / 60
    counted = _counted(when, look.counts(when.of, since))
    return Reading({name: value / minutes for name, value in counted.items()})


def _share(when: Condition, look: Look, _: datetime | None) -> Reading:
    """Of all events; of a pair (``tenant+action``), of the events of its first part."""
    since = look.since(when.over)
    counts = look.counts(when.of, since)
    head, plus, _beside = when.of.partition("+")
    if not plus:
        events = sum(look.counts("events", since).values())
        return Reading(
            {name: _part(count, events, when) for name, count in _counted(when, counts).items()}, events
        )
    bases = look.counts(head, since)
    if when.each:
        pairs = ((name, base, counts.get(f"{name}|{when.name}", 0)) for name, base in bases.items())
        return Reading({name: _part(count, base, when) for name, base, count in pairs if name != REST})
    whose = (when.name or "").rpartition("|")[0]
    base = sum(count for name, count in bases.items() if _is(head, name, whose))
    return Reading({WHOLE: _part(_counted(when, counts)[WHOLE], base, when)}, base)


def _latency(when: Condition, look: Look, _: datetime | None) -> Reading:
    since = look.since(when.over)
    counts = look.counts(when.of, since)
    runs = sum(n for key, n in counts.items() if when.name is None or key.rpartition("|")[0] == when.name)
    if runs < max(when.least, 1):
        return Reading({WHOLE: None}, runs)
    (value,) = look.numbers.percentiles(when.of, since, look.at, when.name, (when.quantile,))
    return Reading({WHOLE: value}, runs)


def _lost(when: Condition, look: Look, _: datetime | None) -> Reading:
    counts = look.counts(when.of, look.since(when.over))
    return Reading({WHOLE: float(sum(n for why, n in counts.items() if why != SAMPLED))})


def _user_score(when: Condition, look: Look, _: datetime | None) -> Reading:
    users = look.numbers.users(look.since(when.over), look.at, ALL)
    return Reading({user.key: user.score for user in users})


def _behind(when: Condition, look: Look, _: datetime | None) -> Reading:
    return Reading({WHOLE: look.behind})


def _first_hit(when: Condition, look: Look, last: datetime | None) -> Reading:
    since = look.since(when.over)
    before: frozenset[str] = frozenset()
    if last is None:
        before = frozenset(name for name, _ in look.numbers.top(when.of, look.at - EVER, since, ALL))
    else:
        since = min(since, last)
    seen = look.counts(when.of, since)
    return Reading({name: float(count) for name, count in seen.items() if name != REST}, before=before)


_READERS: Mapping[Measure, Reader] = {
    Measure.COUNT: _count,
    Measure.RATE: _rate,
    Measure.SHARE: _share,
    Measure.LATENCY: _latency,
    Measure.NOT_RUN: _count,
    Measure.FIRST_HIT: _first_hit,
    Measure.USER_SCORE: _user_score,
    Measure.LOST: _lost,
    Measure.ABSENCE: _count,
    Measure.BEHIND: _behind,
}


# --- names --------------------------------------------------------------------------------------------------


def _counted(when: Condition, counts: Mapping[str, int]) -> dict[str, float]:
    """Per subject its count. ``each`` of a pair with a name: the names that stand before it."""
    if when.each and when.name is not None:
        parted = ((name.rpartition("|"), count) for name, count in counts.items())
        return {head: float(n) for (head, _, tail), n in parted if tail == when.name and head != REST}
    if when.each:
        return {name: float(count) for name, count in counts.items() if name != REST}
    return {
        WHOLE: float(
            sum(n for name, n in counts.items() if when.name is None or _is(when.of, name, when.name))
        )
    }


def _is(of: str, found: str, wanted: str) -> bool:
    """Whether a counted name is the one meant: a policy is meant in all its versions unless one is named."""
    if of.startswith("policy") and "@" not in wanted:
        found = re.sub(r"@[^|]*", "", found)
    return found == wanted


def _part(count: float, of: int, when: Condition) -> float | None:
    return None if of < max(when.least, 1) else count / of
