"""The record when it is large: ``python tests/benchmarks/record.py``. What the dashboard's questions take.

A month of events is made up and put into a new record by bulk insert (through the store's own sealing and
schema, not through the log), in a temporary SQLite file and, where there is one, in a schema of its own in
PostgreSQL. The counts are brought up to date by ``Tallies.advance``; then every question is asked again and
again. One million events take some minutes; ``--rows 20000`` is for a first impression.
"""

from __future__ import annotations

import argparse
import random
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent.parent)]  # the project itself, installed or not

from report import Table, as_json, machine  # noqa: E402
from sqlalchemy import Connection, create_engine, text  # noqa: E402
from sqlalchemy.exc import SQLAlchemyError  # noqa: E402

from safety.events.chain import follow_on, genesis  # noqa: E402
from safety.events.database import open_engine  # noqa: E402
from safety.events.entry import DetectorRun, Event, RuleHit, timestamp  # noqa: E402
from safety.events.schema import REPEATED, events, excerpts, marks  # noqa: E402
from safety.events.seal import Sealed, seal  # noqa: E402
from safety.monitor.figures import Figures  # noqa: E402
from safety.monitor.tallies import Tallies  # noqa: E402
from safety.types import Action, Origin, Ran, Stage  # noqa: E402

DAYS = 30
USERS = 20_000
KINDS = 3000  # different events; time, id and user are each event's own
AT_ONCE = 10_000  # rows per insert
DATABASE = "postgresql://root@127.0.0.1:5432/test"
DETECTORS = "signatures normalise blocklist pii secrets prompt_shield harm".split()
CATEGORIES = """prompt_attack.changed_rules prompt_attack.role_play pii.EMAIL_ADDRESS pii.IBAN_CODE
secret.aws harm.hate harm.violence harm.sexual blocklist.stop not_run.late""".split()
TENANTS = [f"tenant-{number}" for number in range(12)]
MODELS = ["gpt-4o", "phi-4", "llama-3", "small"]
ROUTES = ["POST /v1/chat/completions", "POST /v1/responses", "POST /v1/embeddings", "GET /v1/models"]
AT, WHO, ID = "1970-01-01T00:00:00.000000Z", "@user@", "@" * 32


@dataclass(frozen=True)
class Record:
    """A record under test; ``size`` says how many bytes it takes."""

    name: str
    store: str
    size: Callable[[], int]


# --- making events up ---------------------------------------------------------------------------------------


def kind(chance: random.Random) -> Sealed:
    """One event, with marks where time, id and user go."""
    hits = tuple(hit(chance) for _ in range(chance.choices((0, 1, 2), (93, 6, 1))[0]))
    action = max((one.action for one in hits if one.enforced), default=Action.ALLOW)
    stage = chance.choice(tuple(Stage))
    labels = {
        "tenant": chance.choice(TENANTS),
        "model": chance.choice(MODELS),
        "route": chance.choices(ROUTES, (80, 10, 8, 2))[0],
        "user": WHO,
        "conversation": f"conversation-{chance.randrange(100_000)}",
    }
    event = Event(
        f"{ID}.{stage.value}",
        ID,
        stage,
        AT,
        chance.choice(("default@0123456789ab", "strict@fedcba987654")),
        action,
        max((one.action for one in hits), default=Action.ALLOW),
        complete=True,
        seconds=round(chance.lognormvariate(-5, 1), 6),
        labels=labels,
        ran=tuple(run(name, chance) for name in DETECTORS),
        hits=hits,
        rules=tuple(dict.fromkeys(one.rule for one in hits)),
        categories=tuple(sorted({one.category for one in hits})),
    )
    return seal(replace(event, complete=all(one.ran is Ran.OK for one in event.ran)), b"k" * 32)


def hit(chance: random.Random) -> RuleHit:
    category = chance.choice(CATEGORIES)
    return RuleHit(
        "no_" + category.partition(".")[0],
        chance.choice((Action.ANNOTATE, Action.REDACT, Action.BLOCK)),
        chance.random() < 0.8,
        None,
        chance.choice(DETECTORS),
        category,
        round(chance.random(), 4),
        chance.choice((None, 2, 4, 6)),
        "what matched",
        Origin.USER,
        "/messages/0/content",
        10,
        30,
        "P••••e i•••••e a•l ‹p••••••s i••••••••••s› a•d w•••e",
    )


def run(detector: str, chance: random.Random) -> DetectorRun:
    ran = chance.choices((Ran.OK, Ran.LATE, Ran.FAILED), (998, 1, 1))[0]
    return DetectorRun(f"{detector}@1", ran, round(chance.lognormvariate(-1, 1.2), 3))


NOTES = ("CPU is this process's own: on a busy machine it says more than the time that passed.",)

Rows = tuple[list[tuple[Any, ...]], list[tuple[Any, ...]], list[tuple[Any, ...]]]


def batches(rows: int, days: int, until: datetime) -> Iterator[Rows]:
    """Rows of events, marks and excerpts."""
    chance = random.Random(5)
    kinds = [kind(chance) for _ in range(KINDS)]
    last = genesis("benchmark")
    numbers = iter(range(1, rows + 1))
    whose = REPEATED.index("user")
    while some := list(islice(numbers, AT_ONCE)):
        found: Rows = ([], [], [])
        for n in some:
            made, id = chance.choice(kinds), f"{n:032x}"
            at = timestamp(until - timedelta(days=days) * (1 - n / rows))
            who = f"user-{int(USERS * chance.random() ** 3)}"
            body = made.body.replace(AT, at).replace(WHO, who).replace(ID, id)
            last = follow_on(last, body, n)
            told = list(made.columns)
            told[1], told[2], told[whose] = str(told[1]).replace(ID, id), at, who
            found[0].append((n, last.writer, last.seq, last.hash, last.body, *told))
            found[1].extend((*mark, n) for mark in made.marks)
            if made.texts is not None:
                found[2].append((n, made.salt, made.texts))
        yield found


def fill(store: str, rows: int, days: int, until: datetime) -> None:
    engine = open_engine(store, write=True)
    try:
        for found in batches(rows, days, until):
            with engine.begin() as db:
                for table, some in zip((events, marks, excerpts), found, strict=True):
                    insert(db, table, some)
        if engine.dialect.name == "postgresql":
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
                db.exec_driver_sql("ANALYZE")  # as autovacuum would have by now
    finally:
        engine.dispose()


def insert(db: Connection, table: Any, rows: list[tuple[Any, ...]]) -> None:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    if db.dialect.name == "postgresql":
        cursor = db.connection.cursor()
        with cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    elif rows:
        marks = ", ".join("?" * len(table.columns))
        db.exec_driver_sql(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", rows)


# --- the stores ---------------------------------------------------------------------------------------------


@contextmanager
def sqlite() -> Iterator[Record]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.sqlite"
        yield Record(
            "SQLite",
            str(path),
            lambda: sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*")),
        )


@contextmanager
def postgres(database: str) -> Iterator[Record | None]:
    """A schema of its own, dropped afterwards; ``None`` where there is no PostgreSQL."""
    name = f"benchmark_{secrets.token_hex(4)}"
    admin = create_engine(database.replace("postgresql://", "postgresql+psycopg://"))
    try:
        with admin.begin() as db:
            db.exec_driver_sql(f"CREATE SCHEMA {name}")
    except SQLAlchemyError as error:
        print(f"PostgreSQL is left out: {str(error).splitlines()[0]}", file=sys.stderr)
        yield None
        return

    def size() -> int:
        asked = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relnamespace"
        with admin.connect() as db:
            return int(
                db.execute(text(f"{asked} = CAST(:name AS regnamespace)"), {"name": name}).scalar_one()
            )

    try:
        yield Record("PostgreSQL", f"{database}?options=-csearch_path%3D{name}", size)
    finally:
        with admin.begin() as db:
            db.exec_driver_sql(f"DROP SCHEMA {name} CASCADE")
        admin.dispose()


# --- the questions ------------------------------------------------------------------------------------------


def questions(figures: Figures, until: datetime) -> Iterable[tuple[str, Callable[[], object]]]:
    hour, day, week, half, month = (until - timedelta(hours=n) for n in (1, 24, 168, 350, 24 * DAYS))
    yield "now", lambda: figures.now(until)
    yield "latest_minute", figures.latest_minute
    for name, since in (("1 hour", hour), ("1 day", day), ("7 days", week), ("30 days", month)):
        for of in ("action", "category", "user"):
            yield f"series {of}, {name}", lambda o=of, s=since: figures.series(o, s, until)
    yield "series user+action, 14 days", lambda: figures.series("user+action", half, until)
    yield "series tenant, 30 days", lambda: figures.series("tenant", month, until)
    yield "series user+action, 30 days", lambda: figures.series("user+action", month, until)
    for of in ("category", "rule", "failed", "tenant+action", "route", "user"):
        yield f"top {of}, 30 days", lambda o=of: figures.top(o, month, until)
    for name, since in (("1 hour", hour), ("30 days", month)):
        yield f"percentiles added_ms, {name}", lambda s=since: figures.percentiles("added_ms", s, until)
        yield (
            f"percentiles detector_ms pii, {name}",
            lambda s=since: figures.percentiles("detector_ms", s, until, "pii"),
        )
    for name, since in (("1 day", day), ("7 days", week), ("30 days", month)):
        yield f"users, {name}", lambda s=since: figures.users(s, until)


def timed(ask: Callable[[], object], times: int) -> tuple[float, float, float]:
    """Milliseconds: p50 and p95 of the time that passed, p50 of this process's CPU time."""
    taken, used = [], []
    for _ in range(times):
        began, cpu = time.perf_counter(), time.process_time()
        ask()
        taken.append((time.perf_counter() - began) * 1000)
        used.append((time.process_time() - cpu) * 1000)
    return statistics.median(taken), sorted(taken)[int(0.95 * (times - 1))], statistics.median(used)


def measure(record: Record, rows: int, days: int, times: int) -> Iterator[Table]:
    until = datetime.now(UTC)
    began = time.perf_counter()
    fill(record.store, rows, days, until)
    filled, bare = time.perf_counter() - began, record.size()
    tallies = Tallies(record.store)
    began, cpu = time.perf_counter(), time.process_time()
    while tallies.advance():
        pass
    counted, used = time.perf_counter() - began, time.process_time() - cpu
    tallies.close()
    yield Table(
        f"{record.name}: {rows:,} events in {days} days",
        ("what", "figure"),
        [
            ["seconds to make and insert them", filled],
            ["seconds per 100,000 rows of advance()", counted / rows * 100_000],
            ["CPU seconds of the same, this process", used / rows * 100_000],
            ["bytes per event, record", bare / rows],
            ["bytes per event, counts", (record.size() - bare) / rows],
        ],
    )
    figures = Figures(record.store)
    table = Table(
        f"{record.name}: the dashboard's questions, ms", ("question", "p50", "p95", "CPU p50"), notes=NOTES
    )
    for name, ask in questions(figures, until):
        table.rows.append([name, *timed(ask, times)])
    figures.close()
    yield table


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the record when it is large.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="events (default: 1,000,000)")
    parser.add_argument("--days", type=int, default=DAYS, help=f"from so many days (default: {DAYS})")
    parser.add_argument("--times", type=int, default=40, help="how often each is asked (default: 40)")
    parser.add_argument("--only", choices=("sqlite", "postgres"), help="only this database")
    parser.add_argument("--database", default=DATABASE, help=f"PostgreSQL (default: {DATABASE})")
    parser.add_argument("--json", action="store_true", help="JSON on standard output, instead of tables")
    given = parser.parse_args()
    about, tables = machine(), []
    stores = {"sqlite": sqlite, "postgres": lambda: postgres(given.database)}
    for name, opened in stores.items():
        if given.only not in (None, name):
            continue
        with opened() as record:
            for table in measure(record, given.rows, given.days, given.times) if record is not None else ():
                tables.append(table)
                if not given.json:
                    print(f"\n{table.text()}", flush=True)
    print(as_json(about, tables) if given.json else f"\n{about}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
