"""The record: events, marks, excerpts, anchors, tallies, cursors."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _events()
    op.create_table(
        "marks",
        sa.Column("of", WORDS, primary_key=True),
        sa.Column("name", WORDS, primary_key=True),
        sa.Column("n", NUMBER, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.create_index("marks_n", "marks", ["n"])
    op.create_table(
        "excerpts",
        sa.Column("n", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("salt", WORDS, nullable=False),
        sa.Column("texts", WORDS, nullable=False),
    )
    op.create_table(
        "anchors",
        sa.Column("writer", WORDS, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("hash", WORDS, nullable=False),
    )
    op.create_table(
        "tallies",
        sa.Column("minute", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("of", WORDS, primary_key=True),
        sa.Column("name", WORDS, primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "cursors",
        sa.Column("name", WORDS, primary_key=True),
        sa.Column("n", sa.BigInteger, nullable=False),
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("n", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("writer", WORDS, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("hash", WORDS, nullable=False),
        sa.Column("body", WORDS, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("id", WORDS, nullable=False),
        sa.Column("at", WORDS, nullable=False),
        sa.Column("action", WORDS),
        sa.Column("would", WORDS),
        sa.Column("stage", WORDS),
        sa.Column("complete", sa.Boolean),
        sa.Column("policy", WORDS),
        sa.Column("model", WORDS),
        sa.Column("route", WORDS),
        sa.Column("tenant", WORDS),
        sa.Column("user", WORDS),
        sa.Column("conversation", WORDS),
        sa.Column("seconds", sa.Float(53)),
        sa.UniqueConstraint("writer", "seq", name="events_writer_seq"),
        sqlite_autoincrement=True,
    )
    op.create_index("events_id", "events", ["id"])
    op.create_index("events_at", "events", ["at"])
    _some("events_action", "action", "action <> 'allow'")
    _some("events_kind", "kind", "kind <> 'event'")
    _some("events_incomplete", "complete", "NOT complete")
    _some("events_tenant", "tenant", "tenant IS NOT NULL")
    _some("events_user", "user", '"user" IS NOT NULL')
    _some("events_conversation", "conversation", "conversation IS NOT NULL")


def _some(name: str, column: str, where: str) -> None:
    op.create_index(
        name, "events", [column, "n"], sqlite_where=sa.text(where), postgresql_where=sa.text(where)
    )
