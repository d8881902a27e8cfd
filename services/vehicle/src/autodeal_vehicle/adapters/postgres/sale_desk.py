"""The hot path: a sale in two round trips, each one statement and one transaction of its own.

The statements are in `sale_statements`; here are the values that go in and come out.
"""

from __future__ import annotations

from typing import Any

import asyncpg
import msgspec

from autodeal_messaging.postgres.write import outbox_values
from autodeal_platform.idempotency import StoredAnswer, digest_key
from autodeal_vehicle.adapters.postgres.compile_statement import CompiledStatement
from autodeal_vehicle.adapters.postgres.connect import SalePool, unavailable_when_unreachable
from autodeal_vehicle.adapters.postgres.read_rows import read_vehicle
from autodeal_vehicle.adapters.postgres.sale_statements import commit_statement, look_up_statement
from autodeal_vehicle.app.initialize_sale import PreparedSale, SaleProspect
from autodeal_vehicle.app.unit_of_work import UnsafeRequest


class PostgresSaleDesk:
    """Implements SaleDesk."""

    def __init__(self, pool: SalePool, *, acquire_timeout_seconds: float, outbox_shards: int) -> None:
        self._pool = pool
        self._acquire_timeout_seconds = acquire_timeout_seconds
        self._outbox_shards = outbox_shards
        self._look_up = CompiledStatement(look_up_statement())
        self._commit = CompiledStatement(commit_statement())

    async def look_up(self, vehicle_id: int, request: UnsafeRequest) -> SaleProspect:
        """Return the vehicle, the caller's earlier answer, and a fresh order id."""
        values = {"vehicle_id": vehicle_id, "key_digest": digest_key(request.key, request.caller)}
        with unavailable_when_unreachable():
            async with self._pool.acquire(timeout=self._acquire_timeout_seconds) as connection:
                row = await self._look_up.fetch_row(connection, values)
        assert row is not None
        stored = None
        if row["fingerprint"] is not None:
            stored = StoredAnswer(
                fingerprint=row["fingerprint"], status=row["answer_status"], body=row["body"]
            )
        return SaleProspect(
            vehicle=read_vehicle(row) if row["vehicle_id"] is not None else None,
            stored=stored,
            order_id=row["fresh_order_id"],
        )

    async def commit(self, sale: PreparedSale) -> bool:
        """Store a sale if its vehicle is as it was and its key is new."""
        values = _values_of(sale, self._outbox_shards)
        with unavailable_when_unreachable():
            async with self._pool.acquire(timeout=self._acquire_timeout_seconds) as connection:
                try:
                    row = await self._commit.fetch_row(connection, values)
                except asyncpg.UniqueViolationError:
                    return False
        return row is not None


_encode = msgspec.json.Encoder().encode


def _values_of(sale: PreparedSale, outbox_shards: int) -> dict[str, Any]:
    order = sale.change.order
    (entry,) = sale.change.entries
    return {
        **outbox_values(sale.envelope, outbox_shards),
        "vehicle_id": sale.vehicle.id,
        "decided_on_version": sale.vehicle.version,
        "now": sale.now,
        "order_id": order.id,
        "buyer_id": order.buyer_id,
        "price_cents": order.price_cents,
        "payment_method": order.payment_method.value,
        "expires_at": order.expires_at,
        "event_sequence": order.event_sequence,
        "version": order.version,
        "event": entry.event,
        "detail": _encode(entry.detail).decode(),
        "key_digest": digest_key(sale.request.key, sale.request.caller),
        "fingerprint": sale.answer.fingerprint,
        "answer_status": sale.answer.status,
        "answer_body": sale.answer.body,
    }
