"""The hash chain: each row of a writer carries the hash of its own text and of the row before.

Changing, dropping or reordering rows breaks the chain at the first row touched. What it cannot show: rows
cut off at a writer's end, a writer missing altogether, or a chain made anew by somebody who can write the
file. Against those, keep a late hash somewhere else and look for it.

Pure: rows in, an answer out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChainRow:
    """One row as it is stored: ``seq`` counts from 1 per writer, ``hash`` is hex, ``body`` canonical JSON."""

    writer: str
    seq: int
    hash: str
    body: str


@dataclass(frozen=True, slots=True)
class Break:
    """The first row that does not follow from the one before, and what is wrong with it."""

    row: ChainRow
    why: str


def genesis(writer: str) -> ChainRow:
    """What a writer's first row follows: seq 0 and the hash of the writer's name."""
    return ChainRow(writer, 0, hashlib.sha256(writer.encode()).hexdigest(), "")


def follow_on(last: ChainRow, body: str) -> ChainRow:
    """The row that holds ``body`` and follows ``last``."""
    return ChainRow(last.writer, last.seq + 1, link(last.hash, body), body)


def link(prev_hash: str, body: str) -> str:
    """SHA-256, hex, of the hash before (hex) and the body in UTF-8."""
    return hashlib.sha256(f"{prev_hash}{body}".encode("utf-8", "surrogatepass")).hexdigest()


def verify_chain(rows: Iterable[ChainRow]) -> Break | None:
    """The first break, or ``None`` when every row follows from the one before it. ``rows`` are in order of
    recording; several writers may be interleaved."""
    last: dict[str, ChainRow] = {}
    for row in rows:
        before = last[row.writer] if row.writer in last else genesis(row.writer)
        if row.seq != before.seq + 1:
            return Break(row, f"writer {row.writer}: row {row.seq} follows row {before.seq}")
        if row.hash != link(before.hash, row.body):
            return Break(row, f"writer {row.writer}: row {row.seq} was altered")
        last[row.writer] = row
    return None
