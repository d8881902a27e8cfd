"""The write side on DynamoDB: elements for the `TransactItems` of a use case's own transaction.

The table has the string keys `pk` and `sk`, and `expires_at` (epoch seconds) as its TTL attribute.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.outbox.headers import encode_headers
from autodeal_messaging.outbox.port import shard_of

if TYPE_CHECKING:  # the stubs are not installed in production
    from types_aiobotocore_dynamodb.type_defs import TransactWriteItemTypeDef

OUTBOX_SHARDS = 8
"""Shards of an outbox unless a service says otherwise. Each costs one query per poll."""
DEADLINE_SHARDS = 4
"""Partitions over which deadlines are written. Each takes 1,000 write units a second.

It may grow: first a release that raises `DEADLINE_SHARDS_READ`, then one that raises this. Readers bring
home what other releases wrote elsewhere; were both raised at once, a roll-back would leave deadlines where
nobody looks."""
DEADLINE_SHARDS_READ = 4
"""Partitions in which deadlines are looked for: no fewer than are written to. Each costs one query a second
of each worker."""


def outbox_put(
    table: str, envelope: Envelope, shards: int = OUTBOX_SHARDS, *, now: datetime | None = None
) -> TransactWriteItemTypeDef:
    """Return the put of an event's outbox item.

    The same transaction must change the aggregate under a condition on its version, from which the
    envelope's sequence is counted: that is what orders the items of one key. A second event with the
    same topic, key and sequence fails the transaction, for it would otherwise replace the first.
    """
    created_at = now or datetime.now(UTC)
    return {
        "Put": {
            "TableName": table,
            "Item": {
                "pk": {"S": outbox_partition(shard_of(envelope.key, shards))},
                "sk": {"S": f"{envelope.topic}#{envelope.key}#{envelope.sequence:012d}"},
                "topic": {"S": envelope.topic},
                "key": {"S": envelope.key},
                "headers": {"S": encode_headers(envelope)},
                "value": {"B": envelope.data},
                "created_at": {"S": created_at.isoformat()},
            },
            "ConditionExpression": "attribute_not_exists(pk)",
        }
    }


def inbox_put(
    table: str, consumer: str, event_id: str, *, now: datetime, retention: timedelta
) -> TransactWriteItemTypeDef:
    """Return the put of the inbox item; its condition fails the transaction of a repeated event.

    `retention` must exceed that of every topic, or a replayed record would take effect twice.
    """
    return {
        "Put": {
            "TableName": table,
            "Item": {
                **inbox_key(consumer, event_id),
                "handled_at": {"S": now.isoformat()},
                "expires_at": {"N": str(int((now + retention).timestamp()))},
            },
            "ConditionExpression": "attribute_not_exists(pk)",
        }
    }


def deadline_put(
    table: str, kind: str, subject: str, due_at: datetime, shards: int = DEADLINE_SHARDS
) -> TransactWriteItemTypeDef:
    """Return the put of a deadline. Moving one is this and `deadline_delete` of the old time."""
    return {
        "Put": {
            "TableName": table,
            "Item": {
                **deadline_key(kind, subject, due_at, shards),
                "kind": {"S": kind},
                "subject": {"S": subject},
                "due_at": {"S": due_at.isoformat()},
            },
        }
    }


def deadline_delete(
    table: str, kind: str, subject: str, due_at: datetime, shards: int = DEADLINE_SHARDS
) -> TransactWriteItemTypeDef:
    """Return the delete of a deadline; one that is not there is no error."""
    return {"Delete": {"TableName": table, "Key": deadline_key(kind, subject, due_at, shards)}}


def outbox_partition(shard: int) -> str:
    """Return the partition key of an outbox shard."""
    return f"OUTBOX#{shard:03d}"


def inbox_key(consumer: str, event_id: str) -> dict[str, dict[str, str]]:
    """Return the primary key of an inbox item."""
    return {"pk": {"S": f"INBOX#{consumer}#{event_id}"}, "sk": {"S": "INBOX"}}


def deadline_key(kind: str, subject: str, due_at: datetime, shards: int) -> dict[str, dict[str, str]]:
    """Return the primary key of a deadline."""
    return {
        "pk": {"S": deadline_partition(shard_of(f"{kind}#{subject}", shards))},
        "sk": {"S": f"{sortable_time(due_at)}#{kind}#{subject}"},
    }


def deadline_partition(shard: int) -> str:
    """Return the partition key of a shard of deadlines."""
    return f"DEADLINE#{shard:03d}"


def sortable_time(moment: datetime) -> str:
    """Write a time in UTC with a fixed width, so that text order is time order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
