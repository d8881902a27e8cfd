"""Sales in DynamoDB: one strongly consistent query reads one, one transaction writes one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from autodeal_contracts.topics import INBOX_RETENTION_MS
from autodeal_messaging.dynamodb.write import deadline_delete, deadline_put, inbox_put, outbox_put
from autodeal_payment.adapters import dynamodb_items as items
from autodeal_payment.adapters.dynamodb_errors import (
    CONDITION_FAILED,
    TRANSACTION_CONFLICT,
    cancellation_reasons,
    store_errors,
)
from autodeal_payment.app.ports.sale_store import (
    NOTIFICATION_DEADLINE,
    SALE_DEADLINE,
    AlreadyHandledError,
    KeptAnswer,
    KeyTakenError,
    SaleChange,
    VersionConflictError,
)
from autodeal_payment.domain.sale import Sale
from autodeal_platform.telemetry import current_causation_id

if TYPE_CHECKING:  # the stubs are not installed in production
    from types_aiobotocore_dynamodb import DynamoDBClient

CONSUMER = "autodeal-payment"
"""The consumer group, by whose name the inbox keeps what was handled."""
INBOX_RETENTION = timedelta(milliseconds=INBOX_RETENTION_MS)
KEY_RETENTION = timedelta(hours=72)
"""For so long an idempotency key gives the first answer; 24 hours is what clients may rely on."""


class _Part(Enum):
    """What an element of a transaction is there for; its refusal tells what came first."""

    ROOT = auto()
    INBOX = auto()
    KEY = auto()
    OTHER = auto()


_Element = tuple[_Part, Any]


class DynamoSaleStore:
    """The SaleStore on one table; the client is the process's own and outlives it."""

    def __init__(self, client: DynamoDBClient, table: str, *, outbox_shards: int) -> None:
        self._client = client
        self._table = table
        self._outbox_shards = outbox_shards

    async def load(self, order_id: int) -> Sale | None:
        """Return the sale with its payments; they share a partition and one query."""
        with store_errors():
            page = await self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :order AND sk BETWEEN :first AND :last",
                ExpressionAttributeValues={
                    ":order": {"S": items.order_partition(order_id)},
                    ":first": {"S": items.AGGREGATE_FROM},
                    ":last": {"S": items.AGGREGATE_TO},
                },
                ConsistentRead=True,
            )
        return items.read_sale(page["Items"])

    async def save(self, change: SaleChange) -> None:
        """Write everything in one transaction and tell from its refusal what came first."""
        await self._write(
            [
                self._root(change),
                *self._changed_payments(change),
                *self._appended(change),
                *self._moved_deadline(change),
                *self._inbox(change.handled, change.at),
                *self._keys(change),
            ]
        )

    async def mark_handled(self, event_id: str, at: datetime) -> None:
        """Write the inbox mark alone."""
        try:
            await self._write([*self._inbox(event_id, at)])
        except AlreadyHandledError:
            return

    async def find_order(self, provider_id: str) -> tuple[int, int] | None:
        """Read whose the provider's payment is."""
        with store_errors():
            found = await self._client.get_item(
                TableName=self._table, Key=items.provider_key(provider_id), ConsistentRead=True
            )
        item = found.get("Item")
        return None if item is None else (int(item["order_id"]["N"]), int(item["attempt"]["N"]))

    async def find_answer(self, buyer_id: str, digest: str, now: datetime) -> KeptAnswer | None:
        """Read what the key stands for; deletion lags, so the time is checked."""
        with store_errors():
            found = await self._client.get_item(
                TableName=self._table, Key=items.answer_key(buyer_id, digest), ConsistentRead=True
            )
        item = found.get("Item")
        if item is None or int(item["expires_at"]["N"]) <= now.timestamp():
            return None
        return items.read_answer(item)

    async def note_notification(
        self, provider_id: str, due_at: datetime, event_id: str, at: datetime
    ) -> None:
        """Write the inbox mark and the deadline together."""
        put = deadline_put(self._table, NOTIFICATION_DEADLINE, provider_id, due_at)
        await self._write([*self._inbox(event_id, at), (_Part.OTHER, put)])

    async def move_deadline(self, kind: str, subject: str, due_at: datetime, to: datetime | None) -> None:
        """Delete a deadline and set the next one, if any, in one transaction."""
        elements: list[_Element] = [(_Part.OTHER, deadline_delete(self._table, kind, subject, due_at))]
        if to is not None and to != due_at:
            elements.append((_Part.OTHER, deadline_put(self._table, kind, subject, to)))
        await self._write(elements)

    async def _write(self, elements: list[_Element]) -> None:
        with store_errors():
            try:
                await self._client.transact_write_items(TransactItems=[element for _, element in elements])
            except ClientError as error:
                _raise_what_came_first(error, [part for part, _ in elements])
                raise

    def _root(self, change: SaleChange) -> _Element:
        put: dict[str, Any] = {"TableName": self._table, "Item": items.sale_item(change.after)}
        if change.before is None:
            put["ConditionExpression"] = "attribute_not_exists(pk)"
        else:
            put["ConditionExpression"] = "#version = :version"
            put["ExpressionAttributeNames"] = {"#version": "version"}
            put["ExpressionAttributeValues"] = {":version": {"N": str(change.before.version)}}
        return _Part.ROOT, {"Put": put}

    def _changed_payments(self, change: SaleChange) -> Iterator[_Element]:
        before = {payment.attempt: payment for payment in change.before.payments} if change.before else {}
        same_buyer = change.before is None or change.before.buyer_id == change.after.buyer_id
        for payment in change.after.payments:
            known = before.get(payment.attempt)
            if known != payment or not same_buyer:
                yield self._put(items.payment_item(change.after, payment))
            if payment.provider_id is not None and (known is None or known.provider_id is None):
                # One payment of the provider belongs to one payment of ours, for ever.
                yield self._append(items.provider_item(payment, payment.provider_id))

    def _appended(self, change: SaleChange) -> Iterator[_Element]:
        yield self._append(items.audit_item(change, current_causation_id()))
        for entry in change.entries:
            yield self._append(items.ledger_item(change.after.order_id, entry))
        for envelope in change.envelopes:
            yield _Part.OTHER, outbox_put(self._table, envelope, self._outbox_shards, now=change.at)

    def _moved_deadline(self, change: SaleChange) -> Iterator[_Element]:
        was = change.before.due_at if change.before is not None else None
        due_at, subject = change.after.due_at, str(change.after.order_id)
        if was == due_at:
            return
        if was is not None:
            yield _Part.OTHER, deadline_delete(self._table, SALE_DEADLINE, subject, was)
        if due_at is not None:
            yield _Part.OTHER, deadline_put(self._table, SALE_DEADLINE, subject, due_at)

    def _inbox(self, event_id: str | None, at: datetime) -> Iterator[_Element]:
        if event_id is not None:
            put = inbox_put(self._table, CONSUMER, event_id, now=at, retention=INBOX_RETENTION)
            yield _Part.INBOX, put

    def _keys(self, change: SaleChange) -> Iterator[_Element]:
        for key in change.keys:
            item = items.answer_item(change.after.buyer_id or "", key, change.at + KEY_RETENTION)
            put: dict[str, Any] = {"TableName": self._table, "Item": item}
            if key.kept.answer is None:
                put["ConditionExpression"] = "attribute_not_exists(pk) OR #expires_at <= :now"
                put["ExpressionAttributeNames"] = {"#expires_at": "expires_at"}
                put["ExpressionAttributeValues"] = {":now": {"N": str(int(change.at.timestamp()))}}
            yield _Part.KEY, {"Put": put}

    def _put(self, item: items.Item) -> _Element:
        return _Part.OTHER, {"Put": {"TableName": self._table, "Item": item}}

    def _append(self, item: items.Item) -> _Element:
        condition = "attribute_not_exists(pk)"
        put = {"TableName": self._table, "Item": item, "ConditionExpression": condition}
        return _Part.OTHER, {"Put": put}


def _raise_what_came_first(error: ClientError, parts: list[_Part]) -> None:
    """Raise the port's error for a cancelled transaction; return when it was something else."""
    if error.response.get("Error", {}).get("Code") != "TransactionCanceledException":
        return
    reasons = cancellation_reasons(error)
    failed = {part for part, reason in zip(parts, reasons, strict=False) if reason == CONDITION_FAILED}
    if _Part.INBOX in failed:
        raise AlreadyHandledError from error
    if _Part.KEY in failed:
        raise KeyTakenError from error
    if _Part.ROOT in failed or TRANSACTION_CONFLICT in reasons:
        raise VersionConflictError from error
