"""The two statements of the hot path.

The read locks nothing. The write is a single data-modifying statement: it changes the vehicle only if
it still is available and in the version that was decided on, and everything else it inserts is selected
from that change, so it happens with it or not at all. The outbox id is drawn while the vehicle's row
is locked, and a new order has no earlier event, so the ids of its key ascend in commit order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
from sqlalchemy.sql.dml import ReturningUpdate

from autodeal_contracts.saga import OrderState, VehicleState
from autodeal_vehicle.adapters.postgres.read_rows import vehicle_columns
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

Columns = Mapping[str, str | ColumnElement[Any]]
"""What is inserted, by column: the name of its parameter, or an expression."""

SALE_DEADLINE = "sale"
"""The kind of a draft order's deadline; its subject is the order's id."""

_DRAFT: Columns = {
    "id": "order_id",
    "buyer_id": "buyer_id",
    "status": literal(OrderState.DRAFT.value, Text),
    "price_cents": "price_cents",
    "payment_method": "payment_method",
    "created_at": "now",
    "expires_at": "expires_at",
    "event_sequence": "event_sequence",
    "version": "version",
}
_DEADLINE: Columns = {"kind": literal(SALE_DEADLINE, Text), "subject": "key", "due_at": "expires_at"}
_EVENT: Columns = {name: name for name in ("shard", "topic", "key", "headers", "value")}
_ENTRY: Columns = {
    "order_id": "order_id",
    "sequence": "version",
    "at": "now",
    "event": "event",
    "detail": "detail",
}
_ANSWER: Columns = {
    "key_digest": "key_digest",
    "fingerprint": "fingerprint",
    "status": "answer_status",
    "body": "answer_body",
    "created_at": "now",
}


def look_up_statement() -> Executable:
    """Return the read: the vehicle and the caller's earlier answer, if there are, and a fresh order id."""
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


def commit_statement() -> Executable:
    """Return the write; it gives a row if the sale was stored, none if the vehicle was not as it was."""
    reserved = _reserve_vehicle().cte("reserved")
    return select(reserved.c.id).add_cte(
        _insert_once(VEHICLE_SOLD, reserved, {**_DRAFT, "vehicle_id": reserved.c.id}),
        _insert_once(DEADLINE, reserved, _DEADLINE),
        _insert_once(OUTBOX, reserved, _EVENT),
        _insert_once(ORDER_TIMELINE, reserved, _ENTRY),
        _insert_once(IDEMPOTENCY_ANSWER, reserved, _ANSWER),
    )


def _reserve_vehicle() -> ReturningUpdate[tuple[int]]:
    return (
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
    )


def _insert_once(table: Table, reserved: CTE, columns: Columns) -> CTE:
    """Return an insert of one row if the vehicle was reserved, of none if it was not."""
    row = [
        bindparam(source, type_=table.c[name].type) if isinstance(source, str) else source
        for name, source in columns.items()
    ]
    chosen = select(*row).select_from(reserved)
    return insert(table).from_select(list(columns), chosen, include_defaults=False).cte(f"new_{table.name}")
