"""Changing one key's parked records: read the key, decide, write under its version."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.exceptions import ClientError

from autodeal_messaging.dynamodb import parking_items as items
from autodeal_messaging.dynamodb.parking_items import Item, KeyItem
from autodeal_messaging.dynamodb.parking_values import load_pieces, piece_keys_beside, pieces_beside
from autodeal_messaging.dynamodb.write import inbox_put
from autodeal_messaging.parking.port import ParkedRecord, ParkedState

if TYPE_CHECKING:  # the stubs are not installed in production
    from types_aiobotocore_dynamodb import DynamoDBClient

CONFLICT_LIMIT = 12
"""So often a change is decided anew when somebody else changed the key first."""
FIRST_PAUSE_SECONDS = 0.01
Element = dict[str, Any]


class KeyChangedError(Exception):
    """Somebody else changed the key meanwhile: read it again and decide anew."""

    code = "unavailable"


class AlreadyMarkedError(Exception):
    """The inbox has the mark: the record was parked before."""


@dataclass(frozen=True, slots=True)
class ParkedKeys:
    """The keys of one group, and what may become of their records."""

    client: DynamoDBClient
    table: str
    group: str

    async def read(self, topic: str, key: str) -> KeyItem | None:
        """Return a key as of its latest change."""
        found = await self.client.get_item(
            TableName=self.table, Key=items.key_item_key(self.group, topic, key), ConsistentRead=True
        )
        return items.read_key_item(found["Item"]) if "Item" in found else None

    async def record(self, topic: str, key: str, sequence: int) -> ParkedRecord | None:
        """Return one record."""
        found = await self.client.get_item(
            TableName=self.table,
            Key=items.record_key(self.group, topic, key, sequence),
            ConsistentRead=True,
        )
        return await self.whole(found["Item"]) if "Item" in found else None

    async def records_after(self, topic: str, key: str, sequence: int, limit: int) -> Sequence[ParkedRecord]:
        """Return records of a key in order, from behind a sequence."""
        page = await self.client.query(
            TableName=self.table,
            KeyConditionExpression="pk = :key AND sk > :after",
            ExpressionAttributeValues={
                ":key": {"S": items.record_partition(self.group, topic, key)},
                ":after": {"S": items.sort_key(sequence)},
            },
            ConsistentRead=True,
            Limit=limit,
        )
        return [await self.whole(item) for item in page["Items"]]

    async def whole(self, item: Mapping[str, Any]) -> ParkedRecord:
        """Return a record from its item, with a value that is kept in pieces."""
        record = items.read_record(item)
        if "value_bytes" not in item:
            return record
        return await load_pieces(self.client, self.table, record, int(item["value_bytes"]["N"]))

    async def each(self, *, since: tuple[str, str] | None = None) -> AsyncIterator[KeyItem]:
        """Go through all keys, or those from one on."""
        condition, values = "pk = :group", {":group": {"S": f"PARKING#{self.group}"}}
        if since is not None:
            condition += " AND sk >= :since"
            values[":since"] = items.key_item_key(self.group, *since)["sk"]
        request: dict[str, Any] = {}
        while True:
            page = await self.client.query(
                TableName=self.table,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=values,
                ConsistentRead=True,
                **request,
            )
            for item in page["Items"]:
                yield items.read_key_item(item)
            if not page.get("LastEvaluatedKey"):
                return
            request = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    async def write(
        self, before: KeyItem | None, after: KeyItem | None, *more: Element, mark: Element | None = None
    ) -> None:
        """Change a key and what goes with it in one transaction.

        Raises KeyChangedError when the key is not as it was read, and AlreadyMarkedError first.
        """
        elements = [self._change_of_key(before, after), *self._change_of_due(before, after), *more]
        if mark is not None:
            elements.insert(0, mark)
        try:
            await self.client.transact_write_items(TransactItems=elements)  # type: ignore[arg-type]  # built of plain dicts
        except ClientError as error:
            response: Any = error.response
            reasons = [reason.get("Code") for reason in response.get("CancellationReasons", ())]
            if mark is not None and reasons[:1] == ["ConditionalCheckFailed"]:
                raise AlreadyMarkedError from error
            if {"ConditionalCheckFailed", "TransactionConflict"}.intersection(reasons):
                raise KeyChangedError(f"{self.group}: a key keeps changing") from error
            raise

    def put(self, item: Item, *, new: bool = False) -> Element:
        """Return the put of an item."""
        put: Element = {"TableName": self.table, "Item": item}
        if new:
            put["ConditionExpression"] = "attribute_not_exists(pk)"
        return {"Put": put}

    def delete(self, key: Item, *, must_exist: bool = False) -> Element:
        """Return the delete of an item."""
        delete: Element = {"TableName": self.table, "Key": key}
        if must_exist:
            delete["ConditionExpression"] = "attribute_exists(pk)"
        return {"Delete": delete}

    def mark(self, event_id: str, now: datetime, retention: timedelta, *, new: bool) -> Element:
        """Return the put of an inbox mark, which fails or not when there is one already."""
        element: Any = inbox_put(self.table, self.group, event_id, now=now, retention=retention)
        if not new:
            del element["Put"]["ConditionExpression"]
        return dict(element)

    def put_new_record(self, record: ParkedRecord, **origin: dict[str, str]) -> list[Element]:
        """Return the puts of a record that is not there yet, and of the pieces of its value."""
        return [
            self.put(items.write_record(record) | origin, new=True),
            *(self.put(piece) for piece in pieces_beside(record)),
        ]

    def delete_record(self, record: ParkedRecord) -> list[Element]:
        """Return the delete of a record that must still be there, and those of the pieces of its value."""
        key = items.record_key(self.group, record.topic, record.key, items.sequence_of(record))
        return [self.delete(key, must_exist=True), *(self.delete(key) for key in piece_keys_beside(record))]

    def _change_of_key(self, before: KeyItem | None, after: KeyItem | None) -> Element:
        place = before or after
        assert place is not None
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if before is not None:
            condition = {
                "ConditionExpression": "#version = :version AND #last = :last",
                "ExpressionAttributeNames": {"#version": "version", "#last": "last"},
                "ExpressionAttributeValues": {
                    ":version": {"N": str(before.version)},
                    ":last": {"N": str(before.last)},
                },
            }
        if after is None:
            key = items.key_item_key(self.group, place.topic, place.key)
            return {"Delete": {"TableName": self.table, "Key": key} | condition}
        changed = replace(after, version=before.version + 1 if before is not None else 1)
        return {
            "Put": {"TableName": self.table, "Item": items.write_key_item(self.group, changed)} | condition
        }

    def _change_of_due(self, before: KeyItem | None, after: KeyItem | None) -> list[Element]:
        place = before or after
        assert place is not None
        was = before.next_attempt_at if before is not None else None
        becomes = after.next_attempt_at if after is not None else None
        elements: list[Element] = []
        if was != becomes and was is not None:
            elements.append(self.delete(items.due_key(self.group, place.topic, place.key, was)))
        if was != becomes and becomes is not None:
            due = items.due_key(self.group, place.topic, place.key, becomes)
            elements.append(self.put({**due, "topic": {"S": place.topic}, "key": {"S": place.key}}))
        return elements


def with_first(key: KeyItem, first: ParkedRecord) -> KeyItem:
    """Return a key whose first record is this one, as it is now."""
    return replace(
        key,
        first=items.sequence_of(first),
        first_state=first.state,
        next_attempt_at=first.next_attempt_at,
    )


def claimed(record: ParkedRecord, until: datetime) -> ParkedRecord:
    """Return a record with one more attempt, which must end by then."""
    return msgspec.structs.replace(
        record, state=ParkedState.PARKED, attempts=record.attempts + 1, next_attempt_at=until
    )


async def pause_after_conflict(number: int) -> None:
    """Wait a moment, each time longer and never as long as others."""
    await asyncio.sleep(random.uniform(0.0, FIRST_PAUSE_SECONDS * 2**number))  # noqa: S311  # spreads load


def due_place(item: Mapping[str, Any]) -> tuple[str, str]:
    """Return topic and key of a due item."""
    return item["topic"]["S"], item["key"]["S"]
