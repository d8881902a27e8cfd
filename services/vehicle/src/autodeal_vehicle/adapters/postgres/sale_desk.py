"""The hot path: a sale in two round trips, each one statement and one transaction of its own.

Reading locks nothing. Writing is a single data-modifying statement: it changes the vehicle only if it
still is available and in the version that was decided on, and everything else it inserts is selected
from that change, so it happens with it or not at all. The outbox id is drawn while the vehicle's row
is locked, and a new order has no earlier event, so the ids of its key ascend in commit order.
"""

from __future__ import annotations

from typing import Any

import asyncpg
import msgspec
from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Executable,
    Integer,
    Table,
    Text,
    bindparam,
    insert,
    literal,
    select,
    update,
)

from autodeal_contracts.saga import OrderState, VehicleState
from autodeal_messaging.postgres.write import outbox_values
from autodeal_platform.idempotency import StoredAnswer, digest_key
from autodeal_vehicle.adapters.postgres.compile_statement import CompiledStatement
from autodeal_vehicle.adapters.postgres.connect import SalePool, unavailable_when_unreachable
from autodeal_vehicle.adapters.postgres.read_rows import read_vehicle, vehicle_columns
from autodeal_vehicle.adapters.postgres.tables import (
    DEADLINE,
    IDEMPOTENCY_ANSWER,
    IS_FOR_SALE,
    ORDER_ID,
    ORDER_TIMELINE,
    OUTBOX,
    VEHICLE,
    VEHICLE_BRAND,
    VEHICLE_SOLD,
)
from autodeal_vehicle.app.initialize_sale import PreparedSale, SaleProspect
from autodeal_vehicle.app.unit_of_work import UnsafeRequest

SALE_DEADLINE = "sale"
"""The kind of a draft order's deadline; its subject is the order's id."""


class PostgresSaleDesk:
    """Implements SaleDesk."""

    def __init__(self, pool: SalePool, *, acquire_timeout_seconds: float, outbox_shards: int) -> None:
        self._pool = pool
        self._acquire_timeout_seconds = acquire_timeout_seconds
        self._outbox_shards = outbox_shards
        self._look_up = CompiledStatement(_look_up_statement())
        self._commit = CompiledStatement(_commit_statement())

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


def _look_up_statement() -> Executable:
    asked = select(
        bindparam("vehicle_id", type_=BigInteger).label("vehicle_id"),
        bindparam("key_digest", type_=Text).label("key_digest"),
        ORDER_ID.next_value().label("fresh_order_id"),
    ).cte("asked")
    answer = IDEMPOTENCY_ANSWER
    return select(
        *vehicle_columns(),
        answer.c.fingerprint,
        answer.c.status.label("answer_status"),
        answer.c.body,
        asked.c.fresh_order_id,
    ).select_from(
        asked.outerjoin(VEHICLE, VEHICLE.c.id == asked.c.vehicle_id)
        .outerjoin(VEHICLE_BRAND, VEHICLE_BRAND.c.id == VEHICLE.c.brand_id)
        .outerjoin(answer, answer.c.key_digest == asked.c.key_digest)
    )


def _commit_statement() -> Executable:
    reserved = (
        update(VEHICLE)
        .where(
            VEHICLE.c.id == bindparam("vehicle_id", type_=BigInteger),
            VEHICLE.c.version == bindparam("decided_on_version", type_=Integer),
            IS_FOR_SALE,
        )
        .values(
            status=literal(VehicleState.RESERVED.value, Text),
            version=VEHICLE.c.version + 1,
            updated_at=bindparam("now", type_=VEHICLE.c.updated_at.type),
        )
        .returning(VEHICLE.c.id)
        .cte("reserved")
    )
    return select(reserved.c.id).add_cte(
        _insert_once(
            VEHICLE_SOLD,
            reserved,
            id="order_id",
            vehicle_id=reserved.c.id,
            buyer_id="buyer_id",
            status=literal(OrderState.DRAFT.value, Text),
            price_cents="price_cents",
            payment_method="payment_method",
            created_at="now",
            expires_at="expires_at",
            event_sequence="event_sequence",
            version="version",
        ),
        _insert_once(
            DEADLINE, reserved, kind=literal(SALE_DEADLINE, Text), subject="key", due_at="expires_at"
        ),
        _insert_once(
            OUTBOX, reserved, shard="shard", topic="topic", key="key", headers="headers", value="value"
        ),
        _insert_once(
            ORDER_TIMELINE,
            reserved,
            order_id="order_id",
            sequence="version",
            at="now",
            event="event",
            detail="detail",
        ),
        _insert_once(
            IDEMPOTENCY_ANSWER,
            reserved,
            key_digest="key_digest",
            fingerprint="fingerprint",
            status="answer_status",
            body="answer_body",
            created_at="now",
        ),
    )


def _insert_once(table: Table, reserved: CTE, **columns: str | ColumnElement[Any]) -> CTE:
    """Return an insert of one row if the vehicle was reserved, of none if it was not.

    A column is given by the name of its parameter, or by an expression.
    """
    row = [
        bindparam(source, type_=table.c[name].type) if isinstance(source, str) else source
        for name, source in columns.items()
    ]
    chosen = select(*row).select_from(reserved)
    return insert(table).from_select(list(columns), chosen, include_defaults=False).cte(f"new_{table.name}")


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
