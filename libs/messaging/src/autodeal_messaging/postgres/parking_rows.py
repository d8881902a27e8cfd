"""Parked records as rows, and the writes that several acts share."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Insert, MetaData, Row, ScalarSelect, and_, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from autodeal_messaging.outbox.port import shard_of
from autodeal_messaging.parking.dead_letter import dead_letter
from autodeal_messaging.parking.headers import keep_headers, restore_headers
from autodeal_messaging.parking.port import AuditEntry, ParkedRecord, ParkedState
from autodeal_messaging.postgres.parking_schema import define_parked_records, define_parking_audit
from autodeal_messaging.postgres.write import OUTBOX

_metadata = MetaData()
PARKED = define_parked_records(_metadata)
AUDIT = define_parking_audit(_metadata)


def parked_values(record: ParkedRecord) -> dict[str, Any]:
    """Return the column values of a record that is not stored yet."""
    return {
        "consumer_group": record.group,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp_ms": record.timestamp_ms,
        "key": record.key,
        "record_key": record.record_key,
        "headers": keep_headers(record.headers),
        "value": record.value,
        "event_id": record.event_id,
        "event_type": record.event_type,
        "state": record.state.value,
        "attempts": record.attempts,
        "next_attempt_at": record.next_attempt_at,
        "last_error": record.last_error,
        "parked_at": record.parked_at,
    }


def read_parked(row: Row[*tuple[Any, ...]]) -> ParkedRecord:
    """Return a row as a record."""
    found = row._mapping  # noqa: SLF001  # that is what SQLAlchemy calls its public view of a row
    kept = {name: found[name] for name in _SAME}
    return ParkedRecord(
        id=str(found["id"]),
        group=found["consumer_group"],
        headers=restore_headers(found["headers"]),
        state=ParkedState(found["state"]),
        **kept,
    )


_SAME = (
    "topic",
    "partition",
    "offset",
    "timestamp_ms",
    "key",
    "record_key",
    "value",
    "event_id",
    "event_type",
    "attempts",
    "next_attempt_at",
    "last_error",
    "parked_at",
)


def audit_insert(group: str, entry: AuditEntry) -> Insert:
    """Return the insert of an audit entry."""
    return insert(AUDIT).values(
        at=entry.at,
        consumer_group=group,
        operator=entry.operator,
        act=entry.act,
        topic=entry.topic,
        key=entry.key,
        record_id=entry.record_id,
        reason=entry.reason,
    )


def dead_letter_insert(record: ParkedRecord, now: datetime, shards: int) -> Insert:
    """Return the insert of a dead record's copy into the outbox; the key's lock must be held."""
    copy = dead_letter(record, now)
    return insert(OUTBOX).values(
        shard=shard_of(copy.key, shards),
        topic=copy.topic,
        key=copy.key,
        headers=copy.encoded_headers,
        value=copy.value,
    )


async def lock_key(connection: AsyncConnection, group: str, topic: str, key: str) -> None:
    """Hold a key until the end of the transaction.

    Without it, a record could be parked behind another in the very moment in which that one leaves,
    and would never come forward. Keys that share a number merely wait for each other.
    """
    name = f"{group}\n{topic}\n{key}"
    await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


def of_key(group: str, topic: str, key: str) -> ColumnElement[bool]:
    """Return the condition that picks the records of a key."""
    return and_(PARKED.c.consumer_group == group, PARKED.c.topic == topic, PARKED.c.key == key)


def first_of_key(group: str, topic: str, key: str) -> ScalarSelect[int]:
    """Return a query for the id of a key's first record."""
    return select(func.min(PARKED.c.id)).where(of_key(group, topic, key)).scalar_subquery()
