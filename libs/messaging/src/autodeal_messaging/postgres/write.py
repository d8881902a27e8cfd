"""The write side on PostgreSQL: what a use case puts into its own transaction.

Each write exists twice: as a statement to fold into one data-modifying CTE with the business writes,
and as a coroutine for code that is not hot.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Delete,
    FromClause,
    Insert,
    Interval,
    MetaData,
    Select,
    Text,
    bindparam,
    delete,
    literal,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.ext.asyncio import AsyncConnection

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.metrics import count_inbox_duplicate
from autodeal_messaging.outbox.headers import encode_headers
from autodeal_messaging.outbox.port import shard_of
from autodeal_messaging.postgres.schema import define_deadlines, define_inbox, define_outbox

OUTBOX_SHARDS = 64
"""Shards of an outbox unless a service says otherwise; a relay holds whole shards."""

_metadata = MetaData()
OUTBOX = define_outbox(_metadata)
INBOX = define_inbox(_metadata)
DEADLINE = define_deadlines(_metadata)


def outbox_values(envelope: Envelope, shards: int = OUTBOX_SHARDS) -> dict[str, Any]:
    """Return the column values of an event's outbox row, without those the database fills in.

    Order depends on one thing: the row's id must be drawn while the aggregate's row is locked. So
    either an earlier statement of the transaction locked it, or the insert selects from the CTE that
    writes the aggregate (see `outbox_insert`); siblings in one WITH run in no order of their own.
    """
    return {
        "shard": shard_of(envelope.key, shards),
        "topic": envelope.topic,
        "key": envelope.key,
        "headers": encode_headers(envelope),
        "value": envelope.data,
    }


def outbox_insert(envelope: Envelope, source: FromClause, shards: int = OUTBOX_SHARDS) -> Insert:
    """Return an insert of the event for the one row of `source`, and of nothing if it has no row.

    Made for folding: `source` is the CTE that changes the aggregate, so that a change that did not
    happen publishes nothing, and the id is drawn after the aggregate's row was locked.
    """
    values = outbox_values(envelope, shards)
    row: Select[Any] = select(
        *(literal(value, OUTBOX.c[name].type) for name, value in values.items())
    ).select_from(source)
    return insert(OUTBOX).from_select(list(values), row)


def inbox_insert(consumer: str, event_id: str) -> PostgresInsert:
    """Return an insert of the inbox row that returns `event_id`, or no row if it was handled before.

    Two transactions that claim one event at once wait for each other: the second sees nothing to
    claim once the first has committed, and claims it if the first rolled back.
    """
    return (
        insert(INBOX)
        .values(consumer=consumer, event_id=event_id)
        .on_conflict_do_nothing()
        .returning(INBOX.c.event_id)  # type: ignore[return-value]  # ReturningInsert is an Insert
    )


_CLAIM_ALL = text(
    "INSERT INTO inbox (consumer, event_id)"
    # Sorted, so that two transactions that claim some of the same events cannot wait for each other.
    " SELECT :consumer, wanted.event_id FROM unnest(:event_ids) AS wanted (event_id) ORDER BY wanted.event_id"
    " ON CONFLICT DO NOTHING RETURNING event_id"
).bindparams(bindparam("consumer", type_=Text), bindparam("event_ids", type_=ARRAY(Text)))


def deadline_upsert(kind: str, subject: str, due_at: datetime) -> PostgresInsert:
    """Return an insert of a deadline that moves the one of the same kind and subject."""
    return (
        insert(DEADLINE)
        .values(kind=kind, subject=subject, due_at=due_at)
        .on_conflict_do_update(index_elements=["kind", "subject"], set_={"due_at": due_at})
    )


def deadline_delete(kind: str, subject: str) -> Delete:
    """Return a delete of a deadline, whenever it was due."""
    return delete(DEADLINE).where(DEADLINE.c.kind == kind, DEADLINE.c.subject == subject)


async def add_to_outbox(
    connection: AsyncConnection, envelopes: Iterable[Envelope], shards: int = OUTBOX_SHARDS
) -> None:
    """Add events, in this order, to the transaction that changes their (locked) aggregate."""
    rows = [outbox_values(envelope, shards) for envelope in envelopes]
    if rows:
        await connection.execute(insert(OUTBOX), rows)


async def claim_in_inbox(connection: AsyncConnection, consumer: str, event_id: str) -> bool:
    """Claim an event for this transaction; False when it was handled before."""
    found = await connection.execute(inbox_insert(consumer, event_id))
    if found.first() is None:
        count_inbox_duplicate(consumer)
        return False
    return True


async def claim_all_in_inbox(
    connection: AsyncConnection, consumer: str, event_ids: Sequence[str]
) -> set[str]:
    """Claim events for this transaction with one statement; return those not handled before."""
    found = await connection.execute(_CLAIM_ALL, {"consumer": consumer, "event_ids": list(event_ids)})
    claimed = set(found.scalars())
    for _ in range(len(event_ids) - len(claimed)):
        count_inbox_duplicate(consumer)
    return claimed


async def schedule_deadline(connection: AsyncConnection, kind: str, subject: str, due_at: datetime) -> None:
    """Set the deadline of this kind and subject, moving an earlier one."""
    await connection.execute(deadline_upsert(kind, subject, due_at))


async def cancel_deadline(connection: AsyncConnection, kind: str, subject: str) -> None:
    """Remove a deadline; one that is not there is no error."""
    await connection.execute(deadline_delete(kind, subject))


async def claim_deadline(connection: AsyncConnection, kind: str, subject: str, due_at: datetime) -> bool:
    """Take a due deadline for this transaction, which settles it by committing.

    False when it was cancelled or moved meanwhile, or is in another worker's hands: leave it alone.
    """
    mine = (
        select(DEADLINE.c.kind, DEADLINE.c.subject)
        .where(DEADLINE.c.kind == kind, DEADLINE.c.subject == subject, DEADLINE.c.due_at == due_at)
        .with_for_update(skip_locked=True)
    )
    found = await connection.execute(
        delete(DEADLINE)
        .where(tuple_(DEADLINE.c.kind, DEADLINE.c.subject).in_(mine))
        .returning(DEADLINE.c.kind)
    )
    return found.first() is not None


_PURGE_INBOX = text(
    "DELETE FROM inbox WHERE ctid = ANY (ARRAY("
    "SELECT ctid FROM inbox WHERE handled_at < clock_timestamp() - :age LIMIT :limit))"
).bindparams(bindparam("age", type_=Interval), bindparam("limit", type_=BigInteger))


async def purge_inbox(connection: AsyncConnection, *, older_than: timedelta, limit: int = 5_000) -> int:
    """Delete some inbox rows older than this, a bounded number at a time; return how many went.

    The age must exceed the retention of every topic, or a replayed record would take effect twice.
    """
    found = await connection.execute(_PURGE_INBOX, {"age": older_than, "limit": limit})
    return found.rowcount
