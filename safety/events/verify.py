"""Checking the record: that every row follows from the one before, and that all that stands beside the chain
says what the chain says.

Columns and marks repeat bodies; excerpts and keyed hashes have their seal in the body; where older rows were
removed or excerpts erased, a notice in the chain must say so. What cannot be shown is what ``chain`` says.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Integer, Table, select, type_coerce

from safety.errors import StoreError
from safety.events.chain import Break, ChainRow, Verifier
from safety.events.database import open_engine, reported
from safety.events.entry import Entry, Event, Notice
from safety.events.schema import REPEATED, VALUE, anchors, events, excerpts, marks
from safety.events.seal import Mark, columns_of, marks_of, parted, read_texts, seal_hash, storable

PAGE = 500
ERASED, PRUNED = "erased", "pruned"  # of notices

_ANCHORS = re.compile(r"anchors ([0-9a-f]{64})")
_WHO = re.compile(r"who ([0-9a-f]+):([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Verified:
    """What a whole record's rows prove. ``last`` is the last row of each writer before the first break;
    ``erased`` counts events without their excerpts, ``removed`` rows that retention took."""

    broken: Break | None
    last: tuple[ChainRow, ...]
    erased: int
    removed: int


def verify(store: str | Path) -> Verified:
    """Read the whole record as it stands now, and check all of it. ``StoreError`` when it cannot be read."""
    engine = open_engine(store, write=False)
    try:
        with reported(store), engine.connect() as db:  # one transaction: one state of the record
            kept = {
                row.writer: ChainRow(row.writer, row.seq, row.hash, "") for row in db.execute(_ANCHORS_OF)
            }
            check = _Check(kept)
            broken = _all(db, check)
    finally:
        engine.dispose()
    removed = sum(row.seq for row in kept.values())
    return Verified(broken, tuple(check.chain.last), check.erased, removed)


def anchors_hash(db: Connection) -> str:
    """SHA-256, hex, of all anchors as they stand: what a notice of removed rows must carry."""
    return _hash_of((row.writer, row.seq, row.hash) for row in db.execute(_ANCHORS_OF))


def who_hash(salt: str, user: str) -> str:
    """SHA-256, hex: a notice of an erasure says so whose, to be checked and not to be read."""
    return hashlib.sha256(f"{salt}{user}".encode("utf-8", "surrogatepass")).hexdigest()


_ANCHORS_OF = select(anchors).order_by(anchors.c.writer)
# As stored: SQLite has no booleans, and anything but 0 would be read as true.
_ROWS = select(*(type_coerce(c, Integer).label(c.name) if c is events.c.complete else c for c in events.c))


def _hash_of(rows: Iterable[tuple[str, int, str]]) -> str:
    told = "".join(f"{writer} {seq} {last}\n" for writer, seq, last in rows)
    return hashlib.sha256(told.encode()).hexdigest()


def _all(db: Connection, check: _Check) -> Break | None:
    at = -1
    while rows := db.execute(_ROWS.where(events.c.n > at).order_by(events.c.n).limit(PAGE)).all():
        end = rows[-1].n
        found, texts = _marks(_within(db, marks, at, end)), _texts(_within(db, excerpts, at, end))
        for row in rows:
            broken = check.row(row, found.pop(row.n, []), texts.pop(row.n, None))
            if broken is not None:
                return broken
        if found or texts:
            return _orphan(min(found | texts))
        at = end
    beyond = [*_within(db, marks, at, None), *_within(db, excerpts, at, None)]
    return _orphan(beyond[0].n) if beyond else check.notices()


def _within(db: Connection, table: Table, after: int, upto: int | None) -> Sequence[Any]:
    asked = select(table).where(table.c.n > after)
    return db.execute(asked if upto is None else asked.where(table.c.n <= upto)).all()


def _marks(rows: Sequence[Any]) -> dict[int, list[Mark]]:
    found: dict[int, list[Mark]] = {}
    for row in rows:
        found.setdefault(row.n, []).append((row.of, row.name))
    return found


def _texts(rows: Sequence[Any]) -> dict[int, tuple[str, str]]:
    return {row.n: (row.salt, row.texts) for row in rows}


def _orphan(n: int) -> Break:
    return Break(ChainRow("", 0, "", "", n), f"marks or excerpts of row {n}, which is not there")


@dataclass(slots=True)
class _Check:
    """The rows so far: their chain, and what notices must say of them."""

    anchors: dict[str, ChainRow]
    erased: int = 0
    chain: Verifier = field(init=False)
    _pruned: tuple[ChainRow, str] | None = None  # the last notice of removed rows, and its hash of anchors
    _lacking: dict[str, ChainRow] = field(default_factory=dict)  # users with excerpts missing: the last row

    def __post_init__(self) -> None:
        self.chain = Verifier(self.anchors)

    def row(self, row: Any, found: list[Mark], texts: tuple[str, str] | None) -> Break | None:
        """What is wrong with a row and with what stands beside it."""
        link = ChainRow(row.writer, row.seq, row.hash, row.body, row.n)
        broken = self.chain.take(link)
        if broken is not None:
            return broken
        try:
            seal, entry = parted(row.body)
            why = _beside(entry, row) or self._sealed(entry, link, seal, found, texts)
        except StoreError as error:
            why = str(error)
        return None if why is None else Break(link, f"writer {link.writer}: row {link.seq}: {why}")

    def _sealed(
        self, entry: Entry, row: ChainRow, seal: str, found: list[Mark], texts: tuple[str, str] | None
    ) -> str | None:
        values: list[str] = []
        if texts is None:
            if seal:
                self._erased(entry, row)
        elif not seal or seal_hash(*texts) != seal:
            return "excerpts are not those that were sealed"
        else:
            values = read_texts(texts[1])[1]
        if sorted(found) != sorted([*marks_of(entry), *((VALUE, value) for value in values)]):
            return "marks do not say what the body says"
        self._noted(entry, row)
        return None

    def _erased(self, entry: Entry, row: ChainRow) -> None:
        self.erased += 1
        if isinstance(entry, Event):
            self._lacking[storable(entry.labels.get("user", ""))] = row

    def _noted(self, entry: Entry, row: ChainRow) -> None:
        if not isinstance(entry, Notice):
            return
        if entry.what == PRUNED and (told := _ANCHORS.search(entry.detail)):
            self._pruned = row, told[1]
        if entry.what == ERASED and (told := _WHO.search(entry.detail)):
            for user in [user for user in self._lacking if who_hash(told[1], user) == told[2]]:
                del self._lacking[user]

    def notices(self) -> Break | None:
        """What notices should have said, once all rows are read."""
        for row in self._lacking.values():
            why = "excerpts are missing, and no notice says that they were erased"
            return Break(row, f"writer {row.writer}: row {row.seq}: {why}")
        said = _hash_of(()) if self._pruned is None else self._pruned[1]
        if said == _hash_of((row.writer, row.seq, row.hash) for _, row in sorted(self.anchors.items())):
            return None
        row = self._pruned[0] if self._pruned else next(iter(self.anchors.values()))
        return Break(row, "anchors do not say what the last notice of removed rows says")


def _beside(entry: Entry, row: Any) -> str | None:
    for name, said in zip(REPEATED, columns_of(entry), strict=True):
        if getattr(row, name) != said:
            return f"column {name} does not say what the body says"
    return None
