"""Many orders changed in one transaction, each kind of row by one statement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Executable,
    Integer,
    Text,
    any_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from autodeal_vehicle.adapters.postgres.read_rows import (
    CHANGING_ORDER_COLUMNS,
    changing_order_values,
    order_columns,
    read_order,
)
from autodeal_vehicle.adapters.postgres.sale_statements import SALE_DEADLINE
from autodeal_vehicle.adapters.postgres.tables import (
    DEADLINE,
    ORDER_TIMELINE,
    VEHICLE,
    VEHICLE_SOLD,
)
from autodeal_vehicle.app.errors import InvariantBrokenError
from autodeal_vehicle.domain.order import Change, Order, VehicleMove


async def lock_orders(connection: AsyncConnection, order_ids: Collection[int]) -> Mapping[int, Order]:
    """Return those orders that exist, by id.

    They are locked in the order of their ids, so that two transactions that want some of the same
    orders wait for each other only one way round.
    """
    rows = await connection.execute(_LOCK, {"ids": list(order_ids)})
    orders = map(read_order, rows.mappings())
    return {order.id: order for order in orders}


async def save_changes(connection: AsyncConnection, changes: Sequence[Change], now: datetime) -> None:
    """Store changes of different locked orders, all but their events; raises InvariantBrokenError."""
    rows = [
        {
            "id": change.order.id,
            "version_before": change.order.version - len(change.entries),
            **changing_order_values(change.order),
        }
        for change in changes
    ]
    saved = await connection.execute(_SAVE, {"rows": msgspec.json.encode(rows).decode()})
    if saved.rowcount != len(changes):
        raise InvariantBrokenError("an order changed under its lock")
    await _move_vehicles(connection, changes, now)
    ended = [str(change.order.id) for change in changes if change.ends_deadline]
    if ended:
        await connection.execute(_END_DEADLINES, {"subjects": ended})
    await add_entries(connection, changes)


async def add_entries(connection: AsyncConnection, changes: Sequence[Change]) -> None:
    """Add what happened to the timelines."""
    rows = [
        {
            "order_id": change.order.id,
            "sequence": entry.sequence,
            "at": entry.at,
            "event": entry.event,
            "detail": entry.detail,
        }
        for change in changes
        for entry in change.entries
    ]
    await connection.execute(insert(ORDER_TIMELINE), rows)


async def _move_vehicles(connection: AsyncConnection, changes: Sequence[Change], now: datetime) -> None:
    moving: defaultdict[VehicleMove, list[int]] = defaultdict(list)
    for change in changes:
        if change.vehicle is not None:
            moving[change.vehicle].append(change.order.vehicle_id)
    for move, vehicle_ids in moving.items():
        moved = await connection.execute(
            _MOVE,
            {
                "ids": vehicle_ids,
                "status_before": move.before.value,
                "status_after": move.after.value,
                "now": now,
            },
        )
        if moved.rowcount != len(vehicle_ids):
            raise InvariantBrokenError(f"of the vehicles {vehicle_ids} one is not {move.before}")


def _save_statement() -> Executable:
    """Return an update of many orders from one JSON array, whose text is the same for any number of them."""
    columns = [VEHICLE_SOLD.c[name] for name in CHANGING_ORDER_COLUMNS]
    changed = (
        func.jsonb_to_recordset(cast(bindparam("rows", type_=Text), JSONB))
        .table_valued(
            Column("id", BigInteger),
            Column("version_before", Integer),
            *(Column(column.name, column.type) for column in columns),
            name="changed",
        )
        .render_derived(with_types=True)
    )
    return (
        update(VEHICLE_SOLD)
        .where(VEHICLE_SOLD.c.id == changed.c.id, VEHICLE_SOLD.c.version == changed.c.version_before)
        .values({column.name: changed.c[column.name] for column in columns})
    )


_LOCK = (
    select(*order_columns())
    .where(VEHICLE_SOLD.c.id == any_(bindparam("ids", type_=ARRAY(BigInteger))))
    .order_by(VEHICLE_SOLD.c.id)
    .with_for_update()
)
_SAVE = _save_statement()
_MOVE = (
    update(VEHICLE)
    .where(
        VEHICLE.c.id == any_(bindparam("ids", type_=ARRAY(BigInteger))),
        VEHICLE.c.status == bindparam("status_before", type_=Text),
    )
    .values(
        status=bindparam("status_after", type_=Text),
        version=VEHICLE.c.version + 1,
        updated_at=bindparam("now", type_=VEHICLE.c.updated_at.type),
    )
)
_END_DEADLINES = delete(DEADLINE).where(
    DEADLINE.c.kind == SALE_DEADLINE, DEADLINE.c.subject == any_(bindparam("subjects", type_=ARRAY(Text)))
)
