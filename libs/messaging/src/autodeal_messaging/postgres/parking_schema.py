"""The tables of parked records; a service defines them in its own metadata and migrations."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)


def define_parked_records(metadata: MetaData) -> Table:
    """Define `parked_record`: what failed, in the order of each key.

    Ids of one key ascend in the order of its records, since whoever parks takes the key's lock first.
    Only the first of a key has a next attempt, so the index of what is due stays small however many
    wait behind.
    """
    return Table(
        "parked_record",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("consumer_group", Text, nullable=False),
        Column("topic", Text, nullable=False),
        Column("partition", Integer, nullable=False),
        Column("offset", BigInteger, nullable=False),
        Column("timestamp_ms", BigInteger, nullable=False),
        Column("key", Text, nullable=False, comment="what orders the record; its key as text"),
        Column("record_key", LargeBinary, comment="the key as it was on the wire"),
        Column("headers", Text, nullable=False, comment="JSON list of names and values"),
        Column("value", LargeBinary),
        Column("event_id", Text),
        Column("event_type", Text),
        Column("state", Text, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("next_attempt_at", DateTime(timezone=True), comment="only of the first of a key"),
        Column("last_error", Text, nullable=False),
        Column("parked_at", DateTime(timezone=True), nullable=False),
        CheckConstraint("state IN ('parked', 'dead')", name="parked_record_state_known"),
        Index("parked_record_by_key", "consumer_group", "topic", "key", "id"),
        Index(
            "parked_record_due",
            "consumer_group",
            "next_attempt_at",
            postgresql_where=text("next_attempt_at IS NOT NULL"),
        ),
        Index(
            "parked_record_dead",
            "consumer_group",
            "id",
            postgresql_where=text("state = 'dead'"),
        ),
    )


def define_parking_audit(metadata: MetaData) -> Table:
    """Define `parking_audit`: what operators did to parked records; only ever added to."""
    return Table(
        "parking_audit",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("at", DateTime(timezone=True), nullable=False),
        Column("consumer_group", Text, nullable=False),
        Column("operator", Text, nullable=False),
        Column("act", Text, nullable=False),
        Column("topic", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("record_id", Text, nullable=False),
        Column("reason", Text, nullable=False),
    )
