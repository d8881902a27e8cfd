"""Lists of payments out of the indexes: never a scan, always a bounded number of queries."""

from __future__ import annotations

import asyncio
import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autodeal_contracts.saga import PaymentState
from autodeal_payment.adapters import dynamodb_items as items
from autodeal_payment.adapters.dynamodb_errors import store_errors
from autodeal_payment.adapters.dynamodb_table import BY_BUYER, BY_STATUS
from autodeal_payment.app.ports.payment_queries import BadCursorError, PaymentFilter, PaymentPage

if TYPE_CHECKING:  # the stubs are not installed in production
    from types_aiobotocore_dynamodb import DynamoDBClient

ROUNDS = 5
"""So often the next items are read when a filter left too few."""
PARALLEL_QUERIES = 8
_BEFORE_ALL = "~"
"""Sorts behind every time."""


@dataclass(frozen=True)
class _Source:
    """One partition of an index, or of the table."""

    index: str | None
    key: str
    value: str


class DynamoPaymentQueries:
    """Merges partitions by age, newest first.

    A page ends where the least advanced partition was read to, so nothing is passed over.
    """

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table
        self._slots = asyncio.Semaphore(PARALLEL_QUERIES)

    async def list_payments(self, wanted: PaymentFilter, *, limit: int, cursor: str | None) -> PaymentPage:
        """Return a page; with a filter that rarely fits it may hold few and still have a next one."""
        position = _read_cursor(cursor) if cursor is not None else _BEFORE_ALL
        sources = _sources(wanted)
        found: list[items.Item] = []
        for _ in range(ROUNDS):
            read, position = await self._read_round(sources, wanted, limit, position)
            found.extend(read)
            if len(found) >= limit or not position:
                break
        if len(found) > limit:
            found = found[:limit]
            position = _age(found[-1])
        return PaymentPage(
            payments=tuple(items.read_payment(item) for item in found),
            cursor=_write_cursor(position) if position else None,
        )

    async def _read_round(
        self, sources: list[_Source], wanted: PaymentFilter, limit: int, position: str
    ) -> tuple[list[items.Item], str]:
        """Return the items down to a position, and that position; empty at the end."""
        pages = await asyncio.gather(*(self._query(source, wanted, limit, position) for source in sources))
        reached = max((end for _, end in pages), default="")
        found = [item for page, _ in pages for item in page if _age(item) >= reached]
        return sorted(found, key=_age, reverse=True), reached

    async def _query(
        self, source: _Source, wanted: PaymentFilter, limit: int, position: str
    ) -> tuple[list[items.Item], str]:
        """Return some items before a position, and how far down that went; empty at the end."""
        names = {"#partition": source.key}
        values: dict[str, Any] = {":partition": {"S": source.value}}
        request: dict[str, Any] = {
            "TableName": self._table,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        }
        condition = "#partition = :partition"
        if source.index is None:
            values[":first"], values[":last"] = {"S": "PAY#"}, {"S": "PAY#~"}
            request["KeyConditionExpression"] = f"{condition} AND sk BETWEEN :first AND :last"
            request["ConsistentRead"] = True
        else:
            values[":position"] = {"S": position}
            names["#age"] = "listed_at"
            request["KeyConditionExpression"] = f"{condition} AND #age < :position"
            request |= {"IndexName": source.index, "ScanIndexForward": False, "Limit": limit + 1}
        filters = _filters(wanted, names, values)
        if filters:
            request["FilterExpression"] = " AND ".join(filters)
        async with self._slots:
            with store_errors():
                page = await self._client.query(**request)
        if source.index is None:
            return [item for item in page["Items"] if _age(item) < position], ""
        last = page.get("LastEvaluatedKey")
        return page["Items"], last["listed_at"]["S"] if last else ""


def _sources(wanted: PaymentFilter) -> list[_Source]:
    if wanted.order_id is not None:
        return [_Source(None, "pk", items.order_partition(wanted.order_id))]
    if wanted.buyer_id is not None:
        return [_Source(BY_BUYER, "buyer_id", wanted.buyer_id)]
    statuses = [wanted.status] if wanted.status is not None else list(PaymentState)
    return [
        _Source(BY_STATUS, "status_shard", items.status_partition(status, shard))
        for status in statuses
        for shard in range(items.STATUS_SHARDS)
    ]


def _filters(wanted: PaymentFilter, names: dict[str, str], values: dict[str, Any]) -> list[str]:
    """Return the conditions that no key serves."""
    filters = []
    if wanted.buyer_id is not None and wanted.order_id is not None:
        names["#buyer"], values[":buyer"] = "buyer_id", {"S": wanted.buyer_id}
        filters.append("#buyer = :buyer")
    if wanted.status is not None and (wanted.buyer_id is not None or wanted.order_id is not None):
        names["#state"], values[":state"] = "state", {"S": wanted.status}
        filters.append("#state = :state")
    if wanted.key_digests:
        names |= {"#own": "idempotency_digest", "#sale": "sale_idempotency_digest"}
        values |= {f":digest{number}": {"S": digest} for number, digest in enumerate(wanted.key_digests)}
        digests = ", ".join(f":digest{number}" for number in range(len(wanted.key_digests)))
        filters.append(f"(#own IN ({digests}) OR #sale IN ({digests}))")
    return filters


def _age(item: items.Item) -> str:
    return str(item["listed_at"]["S"])


def _write_cursor(position: str) -> str:
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> str:
    try:
        position = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, UnicodeError, ValueError):
        raise BadCursorError("The cursor is not one of ours.") from None
    if "#" not in position:
        raise BadCursorError("The cursor is not one of ours.")
    return position
