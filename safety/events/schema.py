"""The tables of the record: one schema for SQLite and PostgreSQL.

``events`` holds one row per entry; its columns beside ``body`` repeat what the body says, so that it can be
searched (``verify`` checks that they do). What may be erased stands apart: ``excerpts`` holds the excerpts
and details of an event's hits, ``marks`` what an event has several of (and keyed hashes, ``of`` = value).
``anchors`` says where the chain of a writer begins since older rows were removed. ``tallies`` and ``cursors``
are counts that can be made again from the rest.

The tables come about by ``migrations``; this module says how they look after the last one.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeEngine

metadata = MetaData()

# Compared byte by byte everywhere: the database's language must not decide what lies under a category.
WORDS: TypeEngine[str] = Text().with_variant(Text(collation="C"), "postgresql")
NUMBER: TypeEngine[int] = BigInteger().with_variant(Integer(), "sqlite")

# What of a body is repeated in columns, in this order.
REPEATED = (
    *("kind", "id", "at", "action", "would", "stage", "complete", "policy"),
    *("model", "route", "tenant", "user", "conversation", "seconds"),
)
LABELS = ("model", "route", "tenant", "user", "conversation")
CATEGORY, RULE, FAILED, VALUE, WHAT, ABOUT = (
    "category",
    "rule",
    "failed",
    "value",
    "what",
    "about",
)  # of marks

events = Table(
    "events",
    metadata,
    Column("n", NUMBER, primary_key=True, autoincrement=True),
    Column("writer", WORDS, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", WORDS, nullable=False),
    Column("body", WORDS, nullable=False),
    Column("kind", WORDS, nullable=False),
    Column("id", WORDS, nullable=False),
    Column("at", WORDS, nullable=False),
    Column("action", WORDS),
    Column("would", WORDS),
    Column("stage", WORDS),
    Column("complete", Boolean),
    Column("policy", WORDS),
    Column("model", WORDS),
    Column("route", WORDS),
    Column("tenant", WORDS),
    Column("user", WORDS),
    Column("conversation", WORDS),
    Column("seconds", Float(53)),
    UniqueConstraint("writer", "seq", name="events_writer_seq"),
    sqlite_autoincrement=True,
)


def _some(name: str, column: str, where: str) -> Index:
    return Index(name, column, "n", sqlite_where=text(where), postgresql_where=text(where))


Index("events_id", events.c.id)  # exchanges too: the id is theirs and the stage
Index("events_at", events.c.at)
# Of most events nothing is searched for but what is rare about them: the others cost no index.
for _index in (
    _some("events_action", "action", "action <> 'allow'"),
    _some("events_kind", "kind", "kind <> 'event'"),
    _some("events_incomplete", "complete", "NOT complete"),
    _some("events_tenant", "tenant", "tenant IS NOT NULL"),
    _some("events_user", "user", '"user" IS NOT NULL'),
    _some("events_conversation", "conversation", "conversation IS NOT NULL"),
):
    events.append_constraint(_index)

marks = Table(
    "marks",
    metadata,
    Column("of", WORDS, primary_key=True),
    Column("name", WORDS, primary_key=True),
    Column("n", NUMBER, primary_key=True, autoincrement=False),
    Index("marks_n", "n"),
    sqlite_with_rowid=False,
)

excerpts = Table(
    "excerpts",
    metadata,
    Column("n", NUMBER, primary_key=True, autoincrement=False),
    Column("salt", WORDS, nullable=False),
    Column("texts", WORDS, nullable=False),
)

anchors = Table(
    "anchors",
    metadata,
    Column("writer", WORDS, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("hash", WORDS, nullable=False),
)

tallies = Table(
    "tallies",
    metadata,
    Column("minute", BigInteger, primary_key=True, autoincrement=False),
    Column("of", WORDS, primary_key=True),
    Column("name", WORDS, primary_key=True),
    Column("count", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

cursors = Table(
    "cursors",
    metadata,
    Column("name", WORDS, primary_key=True),
    Column("n", BigInteger, nullable=False),
)
