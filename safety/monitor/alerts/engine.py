"""From readings to alerts: what begins to hold, has held for long enough, and holds no longer.

Pure: rules, the state so far, readings and the time, in; the next state and the alerts to send, out. So the
same steps give the same alerts, whatever happens between them; nothing is read, sent or kept here.

What it promises: a rule fires for a subject only after its condition held at every look for ``hold``
seconds; it does not fire for that subject again before ``cooldown`` seconds have passed; whatever fired is
resolved once, also when its rule has been taken out of the file; at most ``MOST_FIRING`` subjects of one rule
fire at a time, because names come from clients. While a reading is missing (the record could not be read)
nothing fires or is resolved. What is seen for the first time (``first_hit``) is told once and never resolved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from safety.monitor.alerts.conditions import WHOLE, Reading, Readings
from safety.monitor.alerts.rules import Alert, AlertRule, Measure
from safety.monitor.alerts.words import gone, reading_text, several

MOST_FIRING = 20  # subjects of one rule at a time
MOST_STANDING = 200  # subjects of one rule that are remembered
MOST_KNOWN = 20_000  # names of one ``first_hit`` that are remembered; with so many, a new one is no news
UNWATCHED = 300.0  # seconds: after a longer pause between looks it is not known what held in between

Key = tuple[str, str]  # rule and subject


@dataclass(frozen=True, slots=True)
class Standing:
    """How one rule stands with one subject. ``since``: when its condition began to hold, if it does;
    ``fired_at``: when it last fired; ``firing``: the alert that is not yet resolved. Seconds since 1970."""

    since: float | None = None
    fired_at: float | None = None
    firing: Alert | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """The names that are not new, and when that was last looked at (seconds since 1970)."""

    names: frozenset[str]
    at: float


@dataclass(frozen=True, slots=True)
class AlertState:
    """What there is to remember between looks. ``at``: the last look. ``fired``: how often anything has
    fired. ``known``: what each ``first_hit`` rule has seen."""

    at: float | None = None
    fired: int = 0
    standings: Mapping[Key, Standing] = field(default_factory=dict)
    known: Mapping[str, Known] = field(default_factory=dict)

    @property
    def firing(self) -> tuple[Alert, ...]:
        """What fires now, oldest first."""
        alerts = [one.firing for one in self.standings.values() if one.firing is not None]
        return tuple(sorted(alerts, key=lambda alert: (alert.at, alert.id)))

    @property
    def looked(self) -> dict[str, float]:
        """Per ``first_hit`` rule when it was last looked at."""
        return {rule: known.at for rule, known in self.known.items()}


NOTHING = AlertState()
_STANDING = Standing()


def step(
    rules: Sequence[AlertRule], state: AlertState, readings: Readings, now: float
) -> tuple[AlertState, tuple[Alert, ...]]:
    """One look, at ``now`` (seconds since 1970). A clock that was set back makes nothing wait longer than its
    ``hold`` or ``cooldown``."""
    work = _Step(state, now)
    for rule in rules:
        reading = readings.get(rule.id)
        if reading is None:
            work.leave(rule)
        elif rule.when.measure is Measure.FIRST_HIT:
            work.names(rule, reading)
        else:
            work.values(rule, reading)
    work.removed({rule.id for rule in rules})
    return AlertState(now, work.fired, work.standings, work.known), tuple(work.alerts)


class _Step:
    """One step being made."""

    def __init__(self, state: AlertState, now: float) -> None:
        self.now = now
        self.pause = 0.0 if state.at is None else now - state.at
        self.fired = state.fired
        self.before = {key: _not_after(standing, now) for key, standing in state.standings.items()}
        self.standings: dict[Key, Standing] = {}
        self.known: dict[str, Known] = {}
        self.known_before = state.known
        self.alerts: list[Alert] = []

    def leave(self, rule: AlertRule) -> None:
        """Nothing is known of ``rule`` now: what fires goes on, and what has not fired yet begins anew."""
        for key, standing in self.before.items():
            if key[0] == rule.id:
                held = standing if standing.firing is not None else replace(standing, since=None)
                self.standings |= {} if held == _STANDING else {key: held}
        if rule.id in self.known_before:
            self.known[rule.id] = self.known_before[rule.id]

    def values(self, rule: AlertRule, reading: Reading) -> None:
        """Every subject by itself: those that stand already first, then the most extreme."""
        held = {name for name, value in reading.values.items() if _holds(rule, value)}
        stood = {subject for id, subject in self.before if id == rule.id}
        room = MOST_FIRING - sum(self.before[rule.id, subject].firing is not None for subject in stood & held)
        fresh = sorted(held - stood, key=lambda name: _order(rule, reading, name))
        for subject in [*sorted(stood), *fresh[: max(MOST_STANDING - len(stood), 0)]]:
            standing = self.before.get((rule.id, subject), _STANDING)
            value = reading.values.get(subject)
            after = self._one(rule, subject, standing, value, subject in held, room > 0)
            room -= after.firing is not None and standing.firing is None
            if after != _STANDING:
                self.standings[rule.id, subject] = after

    def _one(
        self, rule: AlertRule, subject: str, standing: Standing, value: float | None, holds: bool, room: bool
    ) -> Standing:
        if not holds:
            if standing.firing is not None:
                self._resolve(standing.firing, value, reading_text(rule.when, subject, value))
            return self._cooling(rule, standing)
        broken = self.pause > max(rule.hold, UNWATCHED)
        since = self.now if standing.since is None or (broken and standing.firing is None) else standing.since
        standing = replace(standing, since=since)
        if standing.firing is not None or self.now - since < rule.hold or not self._cooled(rule, standing):
            return standing
        if not room:
            return standing
        said = reading_text(rule.when, subject, value)
        return Standing(since, self.now, self._fire(rule, subject, value, said, since))

    def names(self, rule: AlertRule, reading: Reading) -> None:
        """All names that are new are one alert, which is never resolved. What comes while it cools down waits
        for the next one, or else a client that makes up names would send one alert each."""
        known = reading.before
        if rule.id in self.known_before:
            known = self.known_before[rule.id].names
        new = {name: value for name, value in reading.values.items() if name not in known}
        standing = self.before.get((rule.id, WHOLE), _STANDING)
        if new and len(known) < MOST_KNOWN and self._cooled(rule, standing):
            subject, count = several(sorted(new)), float(len(new))
            self._fire(rule, subject, count, reading_text(rule.when, subject, count), self.now)
            standing = Standing(fired_at=self.now)
            known = known | new.keys()
        self.known[rule.id] = Known(known, self.now)
        standing = self._cooling(rule, standing)
        if standing != _STANDING:
            self.standings[rule.id, WHOLE] = standing

    def removed(self, rules: set[str]) -> None:
        """What still fires of rules that are no more is resolved: a pager must not ring for ever."""
        for (rule, _), standing in self.before.items():
            if rule not in rules and standing.firing is not None:
                self._resolve(standing.firing, None, gone(rule))

    def _cooled(self, rule: AlertRule, standing: Standing) -> bool:
        return standing.fired_at is None or self.now - standing.fired_at >= rule.cooldown

    def _cooling(self, rule: AlertRule, standing: Standing) -> Standing:
        """What is left of a standing when nothing holds: the time it fired, while that matters."""
        return _STANDING if self._cooled(rule, standing) else Standing(fired_at=standing.fired_at)

    def _fire(self, rule: AlertRule, subject: str, value: float | None, said: str, since: float) -> Alert:
        self.fired += 1
        told = f"{rule.id}\0{subject}\0{self.now!r}\0{self.fired}".encode("utf-8", "surrogatepass")
        alert = Alert(
            id=hashlib.sha256(told).hexdigest()[:16],
            rule=rule.id,
            status="firing",
            subject=subject,
            value=value,
            said=said,
            severity=rule.severity,
            since=since,
            at=self.now,
            note=rule.note,
            to=rule.to,
        )
        self.alerts.append(alert)
        return alert

    def _resolve(self, alert: Alert, value: float | None, said: str) -> None:
        self.alerts.append(replace(alert, status="resolved", value=value, said=said, at=self.now))


def _not_after(standing: Standing, now: float) -> Standing:
    """The standing with no time that is yet to come: the clock may have been set back."""
    since = None if standing.since is None else min(standing.since, now)
    fired_at = None if standing.fired_at is None else min(standing.fired_at, now)
    return replace(standing, since=since, fired_at=fired_at)


def _holds(rule: AlertRule, value: float | None) -> bool:
    return value is not None and rule.when.bound.holds(value)


def _order(rule: AlertRule, reading: Reading, name: str) -> tuple[float, str]:
    value = reading.values[name] or 0.0
    return (-value if rule.when.bound.how in ("above", "at_least") else value), name


def pending(state: AlertState) -> Iterator[tuple[str, str, float]]:
    """Rule, subject and since when, of what holds but has not fired yet."""
    for (rule, subject), standing in state.standings.items():
        if standing.since is not None and standing.firing is None:
            yield rule, subject, standing.since


def holding(rule: AlertRule, reading: Reading) -> list[str]:
    """In words, what of ``reading`` holds now, whatever was remembered; the most extreme first."""
    if rule.when.measure is Measure.FIRST_HIT:
        new = sorted(reading.values.keys() - reading.before)
        return [reading_text(rule.when, several(new), float(len(new)))] if new else []
    held = [name for name, value in reading.values.items() if _holds(rule, value)]
    texts = []
    for name in sorted(held, key=lambda name: _order(rule, reading, name)):
        said = reading_text(rule.when, name, reading.values[name])
        texts.append(f"{name}: {said}" if name else said)
    return texts
