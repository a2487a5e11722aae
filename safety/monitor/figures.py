"""What the monitor's pages and alerts ask, answered from the counts alone (``tallies`` keeps them).

Times are rounded to whole minutes, the beginning down and the end up; what lies so far back that its minutes
or hours are gone (``steps``) is rounded to hours or days. An answer never looks at events, so that it takes
as long for a million of them as for a thousand. Nothing is written.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, select

from safety.events.database import open_engine, reported
from safety.events.schema import cursors, events, tallies
from safety.monitor.buckets import ADDED_MS, DETECTOR_MS, percentiles
from safety.monitor.dimensions import SAMPLED
from safety.monitor.folding import REST
from safety.monitor.scores import SEVERITY, SLICES, Conduct, UserRow, ranked
from safety.monitor.steps import Run, cover, parts, points, source
from safety.monitor.tallies import CURSOR, kept
from safety.types import Action

NOW_MINUTES = 5  # how far back ``Figures.now`` looks, the running minute included
_MS = {"added_ms": ADDED_MS, "detector_ms": DETECTOR_MS}


@dataclass(frozen=True, slots=True)
class Now:
    """The last five minutes. ``requests_per_second`` is of the last two and counts judged inputs;
    ``block_share`` is of ``events``; ``p50_ms`` and ``p99_ms`` are what judging one stage took. ``not_run``
    counts, per detector, runs that failed, were late or left out; ``lost`` events that could not be recorded
    (not those left out on purpose). ``behind_seconds``: the age of the oldest row not yet counted."""

    requests_per_second: float
    events: int
    block_share: float
    p50_ms: float | None
    p99_ms: float | None
    not_run: dict[str, int]
    lost: int
    behind_seconds: float


@dataclass(frozen=True, slots=True)
class Series:
    """A chart: per name as many counts as ``starts``, each of ``step_seconds`` from there on."""

    step_seconds: int
    starts: list[datetime]
    counts: dict[str, list[int]]


class Figures:
    """Answers from the counts of the record ``store``. Any thread may ask. ``StoreError`` when the record
    cannot be opened or read. Times carry a zone (``ValueError``); ``of`` is a dimension (``dimensions``)."""

    def __init__(self, store: str | Path) -> None:
        self._store = store
        self._engine = open_engine(store, write=False)

    def now(self, at: datetime) -> Now:
        """How things stand at ``at``."""
        last = _minute(at)
        run = cover(last + 1 - NOW_MINUTES, last + 1, {})
        with self._reading() as db:
            counts = {of: _totals(db, of, run) for of in ("events", "action", "failed", "lost", "added_ms")}
            requests = _totals(db, "stage", cover(last - 1, last + 1, {}))["input"]
            behind = _behind(db, at)
        judged = counts["events"][""]
        p50, p99 = percentiles(ADDED_MS, counts["added_ms"], (0.5, 0.99))
        return Now(
            requests_per_second=requests / (60 + at.timestamp() % 60),
            events=judged,
            block_share=counts["action"]["block"] / judged if judged else 0.0,
            p50_ms=p50,
            p99_ms=p99,
            not_run=dict(counts["failed"].most_common()),
            lost=sum(count for why, count in counts["lost"].items() if why != SAMPLED),
            behind_seconds=behind,
        )

    def series(
        self,
        of: str,
        since: datetime,
        until: datetime,
        *,
        names: Sequence[str] | None = None,
        most: int = 8,
    ) -> Series:
        """The counts of ``names`` from ``since`` to ``until`` in at most 120 steps; without ``names`` those
        of the ``most`` largest, and of all others together under ``REST``."""
        rest = names is None
        with self._reading() as db:
            first = kept(db)
            at = points(_minute(since), _minute(until, up=True), first)
            if names is None:
                largest = _totals(db, of, cover(at.start, at.stop, first))
                known = [name for name, _ in largest.most_common() if REST not in (name, _key(name))]
                names = known[:most]
            found = _per_point(db, of, at, names, rest)
        if rest and any(found.get(REST, {}).values()):
            names = [*names, REST]
        return Series(
            at.step * 60,
            [_time(minute) for minute in at],
            {name: _line(found.get(name, {}), at) for name in names},
        )

    def top(self, of: str, since: datetime, until: datetime, limit: int = 20) -> list[tuple[str, int]]:
        """The largest names of ``of`` with their counts; what was too small to be kept is one, ``REST``."""
        with self._reading() as db:
            return self._sums(db, of, since, until).most_common(limit)

    def percentiles(
        self,
        of: str,
        since: datetime,
        until: datetime,
        name: str | None = None,
        qs: Sequence[float] = (0.5, 0.95, 0.99),
    ) -> list[float | None]:
        """Milliseconds below which the shares ``qs`` lie, of ``added_ms``, or of ``detector_ms`` for the
        detector ``name`` (or for all). ``None`` where nothing was counted."""
        if of not in _MS:
            raise ValueError(f"{of}: no durations are counted there: one of {', '.join(_MS)}")
        with self._reading() as db:
            found = self._sums(db, of, since, until)
        counts: Counter[str] = Counter()
        for key, count in found.items():
            whose, _, bucket = key.rpartition("|")
            if name is None or whose == name:
                counts[bucket] += count
        return percentiles(_MS[of], counts, qs)

    def users(self, since: datetime, until: datetime, limit: int = 50) -> list[UserRow]:
        """The users to look at first (``scores``)."""
        found: defaultdict[str, Conduct] = defaultdict(Conduct)
        with self._reading() as db:
            slices = parts(_minute(since), _minute(until, up=True), kept(db), SLICES)
            for at, (start, end) in enumerate(slices):
                runs = cover(start, end, {})
                for name, count in _totals(db, "user", runs).items():
                    found[name].events[at] = count
                for pair, count in _totals(db, "user+would", runs).items():
                    name, _, action = pair.rpartition("|")
                    found[name].acted.setdefault(action, [0] * SLICES)[at] = count
        found.pop(REST, None)
        return ranked(found, limit)

    def latest_minute(self) -> datetime | None:
        """The newest minute in which an event was counted."""
        newest = select(tallies.c.minute).where(tallies.c.of == "events").order_by(tallies.c.minute.desc())
        with self._reading() as db:
            minute = db.execute(newest.limit(1)).scalar()
        return None if minute is None else _time(int(minute))

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with reported(self._store), self._engine.connect() as db:
            yield db

    def _sums(self, db: Connection, of: str, since: datetime, until: datetime) -> Counter[str]:
        return _totals(db, of, cover(_minute(since), _minute(until, up=True), kept(db)))


def _minute(at: datetime, *, up: bool = False) -> int:
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()}: a time without a zone: pass one in UTC")
    seconds = at.timestamp()
    return int(-(-seconds // 60) if up else seconds // 60)


def _time(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)


def _key(pair: str) -> str:
    return pair.rpartition("|")[0]


def _line(counts: Mapping[int, int], at: range) -> list[int]:
    return [counts.get(minute, 0) for minute in at]


# --- asking the database ------------------------------------------------------------------------------------

# Minutes are listed, not given as a range: the key is minute, dimension, name, and so every minute is one
# step down the tree instead of a walk past all other dimensions.
_MINUTES = tallies.c.minute.in_(bindparam("minutes", expanding=True, literal_execute=True))
_HERE = _MINUTES & (tallies.c.of == bindparam("of"))
# What was allowed is not stored beside the name, being most of it: it is what the other actions leave.
_ACTION, _ALLOW = "+action", str(Action.ALLOW)
_SUM = func.sum(tallies.c.count)
_TOTALS = select(tallies.c.name, _SUM).where(_HERE).group_by(tallies.c.name)


def _totals(db: Connection, of: str, runs: Sequence[Run]) -> Counter[str]:
    found: Counter[str] = Counter()
    for run in runs:
        for name, count in db.execute(_TOTALS, {"of": run.step.prefix + of, "minutes": list(run.minutes)}):
            found[name] += int(count)
    if of.endswith(_ACTION):
        allowed = _totals(db, of.removesuffix(_ACTION), runs)
        for name, count in found.items():
            allowed[_key(name)] -= count
        found.update({f"{name}|{_ALLOW}": count for name, count in allowed.items() if count > 0})
    return found


PerPoint = dict[str, Counter[int]]  # name, beginning of the point


def _per_point(db: Connection, of: str, at: range, names: Sequence[str], rest: bool) -> PerPoint:
    """Per name and point; with ``rest`` all other names as ``REST``."""
    if not of.endswith(_ACTION):
        return _stored_per_point(db, of, at, names, rest)
    keys = list(dict.fromkeys(map(_key, names)))
    acted = [f"{key}|{action}" for key in keys for action in SEVERITY]
    heads = _stored_per_point(db, of.removesuffix(_ACTION), at, keys, rest)
    found = _stored_per_point(db, of, at, acted, False)
    for key in keys:
        allowed = heads.get(key, Counter()).copy()
        for action in SEVERITY:
            allowed.subtract(found.get(f"{key}|{action}", {}))
        found[f"{key}|{_ALLOW}"] = allowed
    shown = {name: found.get(name, Counter()) for name in names}
    if rest:
        others: Counter[int] = Counter()
        for counts in heads.values():
            others.update(counts)
        for counts in shown.values():
            others.subtract(counts)
        shown[REST] = others
    return shown


def _stored_per_point(db: Connection, of: str, at: range, names: Sequence[str], rest: bool) -> PerPoint:
    step = source(at.step)
    point = (tallies.c.minute // at.step * at.step).label("point")
    asked = tallies.c.name.in_(names)
    name: Any = case((asked, tallies.c.name), else_=REST).label("shown") if rest else tallies.c.name
    wanted = select(point, name, _SUM).where(_HERE if rest else _HERE & asked).group_by(point, name)
    minutes = list(range(at.start, at.stop, step.minutes))
    found: PerPoint = {}
    for minute, shown, count in db.execute(wanted, {"of": step.prefix + of, "minutes": minutes}):
        found.setdefault(shown, Counter())[int(minute)] = int(count)
    return found


def _behind(db: Connection, at: datetime) -> float:
    """The age in seconds of the oldest row that is not counted yet."""
    counted = select(cursors.c.n).where(cursors.c.name == CURSOR).scalar_subquery()
    waiting = select(events.c.at).where(events.c.n > func.coalesce(counted, 0)).order_by(events.c.n).limit(1)
    oldest = db.execute(waiting).scalar()
    return 0.0 if oldest is None else max((at - datetime.fromisoformat(oldest)).total_seconds(), 0.0)
