"""The tables that messaging needs; a service defines them in its own metadata and migrations."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)

NOW = text("clock_timestamp()")
"""The time of the write, not of the transaction's start, so that ages and latencies are honest."""


def define_outbox(metadata: MetaData) -> Table:
    """Define `outbox`: events committed and not yet acknowledged by Kafka.

    Identity values of one key ascend in commit order because they are drawn while the aggregate's row
    is locked. They need not ascend across keys, and no reader may assume that a seen id means that all
    lower ones were seen. The one index serves both reading a shard in order and deleting by position.
    """
    return Table(
        "outbox",
        metadata,
        Column("shard", SmallInteger, nullable=False),
        Column("id", BigInteger, Identity(always=True), nullable=False),
        Column("topic", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("headers", Text, nullable=False, comment="JSON object of header names and values"),
        Column("value", LargeBinary, nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=NOW),
        PrimaryKeyConstraint("shard", "id"),
        # Nearly every page is emptied again within a second: vacuum must come early or scans meet
        # ever more dead rows.
        postgresql_with={
            "autovacuum_vacuum_scale_factor": 0,
            "autovacuum_vacuum_threshold": 10_000,
            "autovacuum_vacuum_insert_threshold": -1,
        },
    )


def define_inbox(metadata: MetaData) -> Table:
    """Define `inbox`: the events each consumer has handled, kept longer than the topics keep records."""
    return Table(
        "inbox",
        metadata,
        Column("consumer", Text, nullable=False),
        Column("event_id", Text, nullable=False),
        Column("handled_at", DateTime(timezone=True), nullable=False, server_default=NOW),
        PrimaryKeyConstraint("consumer", "event_id"),
        # Rows arrive in order of time, so a block range index costs nothing to write and serves the purge.
        Index("inbox_by_time", "handled_at", postgresql_using="brin"),
    )


def define_deadlines(metadata: MetaData) -> Table:
    """Define `deadline`: what must be looked at again at a time, written in the step's transaction."""
    return Table(
        "deadline",
        metadata,
        Column("kind", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("due_at", DateTime(timezone=True), nullable=False),
        PrimaryKeyConstraint("kind", "subject"),
        Index("deadline_by_time", "due_at"),
    )
