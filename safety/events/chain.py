"""The hash chain: each row of a writer carries the hash of its own text and of the row before.

Changing, dropping or reordering rows breaks the chain at the first row touched. What it cannot show: rows
cut off at a writer's end, a writer missing altogether, or a chain made anew by somebody who can write the
store. Against those, keep a late hash somewhere else and look for it.

Pure: rows in, an answer out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChainRow:
    """One row as it is stored: ``seq`` counts from 1 per writer, ``hash`` is hex, ``body`` canonical JSON;
    ``n`` is its place among the rows of all writers."""

    writer: str
    seq: int
    hash: str
    body: str
    n: int = 0


@dataclass(frozen=True, slots=True)
class Break:
    """The first row that does not follow from the one before, and what is wrong with it."""

    row: ChainRow
    why: str


def genesis(writer: str) -> ChainRow:
    """What a writer's first row follows: seq 0 and the hash of the writer's name."""
    return ChainRow(writer, 0, hashlib.sha256(writer.encode()).hexdigest(), "")


def follow_on(last: ChainRow, body: str, n: int) -> ChainRow:
    """The row that holds ``body`` at place ``n`` and follows ``last``."""
    return ChainRow(last.writer, last.seq + 1, link(last.hash, n, body), body, n)


def link(prev_hash: str, n: int, body: str) -> str:
    """SHA-256, hex, of the hash before (hex), the place (decimal, a blank after it) and the body in UTF-8."""
    return hashlib.sha256(f"{prev_hash}{n} {body}".encode("utf-8", "surrogatepass")).hexdigest()


class Verifier:
    """Takes rows in order of recording, several writers interleaved, and says of each whether it follows.
    ``anchors`` are the rows after which what is left of a writer begins (retention took what was before)."""

    def __init__(self, anchors: Mapping[str, ChainRow] | None = None) -> None:
        self._last: dict[str, ChainRow] = dict(anchors or {})
        self._begun: set[str] = set()

    @property
    def last(self) -> list[ChainRow]:
        """The last row of each writer seen so far."""
        return [row for writer, row in self._last.items() if writer in self._begun]

    def take(self, row: ChainRow) -> Break | None:
        """What is wrong with ``row``, if anything."""
        before = self._last[row.writer] if row.writer in self._last else genesis(row.writer)
        if row.seq != before.seq + 1:
            return Break(row, f"writer {row.writer}: row {row.seq} follows row {before.seq}")
        if row.hash != link(before.hash, row.n, row.body):
            return Break(row, f"writer {row.writer}: row {row.seq} was altered")
        self._last[row.writer] = row
        self._begun.add(row.writer)
        return None


def verify_chain(rows: Iterable[ChainRow], anchors: Mapping[str, ChainRow] | None = None) -> Break | None:
    """The first break, or ``None`` when every row follows from the one before it (see ``Verifier``)."""
    verifier = Verifier(anchors)
    return next(filter(None, map(verifier.take, rows)), None)
