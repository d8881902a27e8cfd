"""Read all stores into a `Snapshot`, once nothing moves any more."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from autodeal_contracts.topics import TOPICS
from autodeal_devstack.demo.inspect_stores import all_records, database
from autodeal_devstack.demo.invariants import (
    OrderSeen,
    PaymentSeen,
    ProviderPaymentSeen,
    RecordSeen,
    Snapshot,
    violations,
)
from autodeal_devstack.engines.probes import aws_client
from autodeal_devstack.sandbox.client import SandboxControl

if TYPE_CHECKING:
    import asyncpg

    from autodeal_devstack.stack import Stack

PATIENCE_SECONDS = 90.0
"""How long the stores may take to come to rest: the longest deadline and the slowest retry, and some."""
PAUSE_SECONDS = 0.25
OVERDUE_SECONDS = 5.0


async def quiet_snapshot(stack: Stack) -> tuple[Snapshot, list[str]]:
    """Return a snapshot and its violations; look again for a bounded time while there are any.

    A violation may be work that is still under way. What remains after that time is one.
    """
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        snapshot = await take_snapshot(stack)
        found = violations(snapshot)
        if not found or time.monotonic() > give_up:
            return snapshot, found
        await asyncio.sleep(PAUSE_SECONDS)


async def take_snapshot(stack: Stack) -> Snapshot:
    """Read every store as it is now."""
    items = await _items(stack)
    records = [record for topic in TOPICS for record in await all_records(stack, topic.name)]
    async with database(stack) as connection:
        orders = await connection.fetch(
            "SELECT id, vehicle_id, status, price_cents, paid_by, event_sequence, charged_back"
            " FROM vehicle_sold"
        )
        vehicles = await connection.fetch("SELECT id, status FROM vehicle")
        waiting = await connection.fetchval(
            "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM deadline WHERE due_at < now())"
        )
    return Snapshot(
        orders=tuple(_order(row) for row in orders),
        vehicles={row["id"]: row["status"] for row in vehicles},
        payments=tuple(_payment(item) for item in items if item["sk"].startswith("PAY#")),
        payment_events={
            int(item["order_id"]): int(item["event_sequence"]) for item in items if item["sk"] == "SALE"
        },
        provider=tuple(
            ProviderPaymentSeen(
                reference=payment.external_reference or "",
                status=payment.status.value,
                amount_cents=int(payment.amount * 100),
            )
            for payment in await SandboxControl(stack.sandbox_url).payments()
        ),
        records=tuple(
            RecordSeen(
                topic=record.topic,
                partition=record.partition,
                key=record.key,
                event_id=record.headers["ce_id"],
                sequence=int(record.headers["ce_sequence"]),
            )
            for record in records
        ),
        ledger=tuple(_ledger_entry(item) for item in items if "LEDGER#" in item["pk"] + item["sk"]),
        waiting=waiting + sum(1 for item in items if _is_waiting(item)),
    )


def _order(row: asyncpg.Record) -> OrderSeen:
    return OrderSeen(
        order_id=row["id"],
        vehicle_id=row["vehicle_id"],
        status=row["status"],
        amount_cents=row["price_cents"],
        payment_id=row["paid_by"],
        events=row["event_sequence"],
        charged_back=row["charged_back"],
    )


def _payment(item: dict[str, Any]) -> PaymentSeen:
    return PaymentSeen(
        payment_id=item["payment_id"],
        order_id=int(item["order_id"]),
        status=item["state"],
        amount_cents=int(item["amount_cents"]),
    )


def _ledger_entry(item: dict[str, Any]) -> tuple[str, int]:
    return item["payment_id"], int(item["amount_cents"])


def _is_waiting(item: dict[str, Any]) -> bool:
    if item["pk"].startswith("OUTBOX#"):
        return "topic" in item
    if item["pk"].startswith("DEADLINE#"):
        late = datetime.now(UTC) - datetime.fromisoformat(item["due_at"])
        return late.total_seconds() > OVERDUE_SECONDS
    return False


async def _items(stack: Stack) -> list[dict[str, Any]]:
    """Read the whole table; only a development stack is small enough for that."""
    endpoints = stack.endpoints
    async with aws_client(
        "dynamodb",
        endpoints.dynamodb_url,
        region=endpoints.aws_region,
        access_key_id=endpoints.aws_access_key_id,
        secret_access_key=endpoints.aws_secret_access_key,
        timeout_seconds=30.0,
    ) as client:
        pages = client.get_paginator("scan").paginate(TableName=stack.dynamodb_table, ConsistentRead=True)
        return [
            {name: next(iter(value.values())) for name, value in item.items()}
            async for page in pages
            for item in page["Items"]
        ]
