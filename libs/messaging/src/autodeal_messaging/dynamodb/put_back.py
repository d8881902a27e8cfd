"""Putting events that were set aside back into the outbox items."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import msgspec
from botocore.exceptions import ClientError

from autodeal_messaging.dynamodb import parking_items as items
from autodeal_messaging.dynamodb.parking_items import Item, KeyItem
from autodeal_messaging.dynamodb.parking_keys import KeyChangedError, ParkedKeys
from autodeal_messaging.parking.port import AuditEntry, ParkedRecord

AT_A_TIME = 4
"""Events of one transaction: each may have 400 KB, as many again are deleted, and 4 MB is the most."""


@dataclass(frozen=True, slots=True)
class PutBack:
    """Moves the events of a key back, however many there are.

    One transaction has room for a few only, so the key is first marked as returning. From then on until
    its last event is back, the relay neither sends events of the key nor sets them aside. Whoever dies in
    the middle leaves a key that the next redrive finds, with its first event.
    """

    keys: ParkedKeys

    async def put_back(self, entry: AuditEntry, *, is_audited: bool = False) -> bool:
        """Put the events of the entry's key back; False if there are none.

        Raises KeyChangedError when somebody else came first.
        """
        key = await self.keys.read(entry.topic, entry.key)
        if key is None:
            return False
        if not key.is_returning:
            await self.keys.write(key, replace(key, is_returning=True))
            key = replace(key, is_returning=True, version=key.version + 1)
        while await self._put_some_back(key):
            pass
        audit = [] if is_audited else [self.keys.put(items.write_audit(self.keys.group, entry))]
        await self.keys.write(key, None, *audit)
        return True

    async def _put_some_back(self, key: KeyItem) -> bool:
        """Move the last few events, so that the first one is there as long as any; False if none was left."""
        page = await self.keys.client.query(
            TableName=self.keys.table,
            KeyConditionExpression="pk = :key",
            ExpressionAttributeValues={
                ":key": {"S": items.record_partition(self.keys.group, key.topic, key.key)}
            },
            ConsistentRead=True,
            ScanIndexForward=False,
            Limit=AT_A_TIME,
        )
        found: list[Mapping[str, Any]] = list(page["Items"])
        if not found:
            return False
        records = await asyncio.gather(*(self.keys.whole(item) for item in found))
        elements: list[Any] = []
        for item, record in zip(found, records, strict=True):
            elements += [
                *self.keys.delete_record(record),
                self.keys.put(_outbox_item(item, record), new=True),
            ]
        try:
            await self.keys.client.transact_write_items(TransactItems=elements)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "TransactionCanceledException":
                raise
            raise KeyChangedError(f"{self.keys.group}: somebody else puts a key back") from error
        return True


def _outbox_item(item: Mapping[str, Any], record: ParkedRecord) -> Item:
    headers = {name: value.decode() for name, value in record.headers}
    return {
        "pk": item["outbox_pk"],
        "sk": item["outbox_sk"],
        "topic": {"S": record.topic},
        "key": {"S": record.key},
        "headers": {"S": msgspec.json.encode(headers).decode()},
        "value": {"B": record.value or b""},
        "created_at": {"S": datetime.fromtimestamp(record.timestamp_ms / 1000, UTC).isoformat()},
    }
