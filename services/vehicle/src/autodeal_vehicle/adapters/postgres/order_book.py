"""Reading orders with their timelines: one statement, so that both are of one moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, ScalarSelect, Select, Text, cast, func, literal, literal_column, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncEngine

from autodeal_contracts.saga import OrderState
from autodeal_vehicle.adapters.postgres.connect import unavailable_when_unreachable
from autodeal_vehicle.adapters.postgres.read_rows import order_columns, read_order, read_timeline
from autodeal_vehicle.adapters.postgres.tables import ORDER_TIMELINE, VEHICLE_SOLD
from autodeal_vehicle.app.find_orders import OrderWithTimeline
from autodeal_vehicle.app.page import PageRequest


class PostgresOrderBook:
    """Implements OrderBook."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def order(self, order_id: int) -> OrderWithTimeline | None:
        """Return an order with its timeline."""
        return await self.entries_after(order_id, 0)

    async def orders(
        self, buyer_id: str | None, status: OrderState | None, page: PageRequest
    ) -> Sequence[OrderWithTimeline]:
        """Return orders, newest first."""
        return await self._fetch(select_orders(buyer_id, status, page))

    async def entries_after(self, order_id: int, sequence: int) -> OrderWithTimeline | None:
        """Return an order with its later timeline entries."""
        found = await self._fetch(
            select(*order_columns(), _timeline_after(sequence)).where(VEHICLE_SOLD.c.id == order_id)
        )
        return found[0] if found else None

    async def _fetch(self, statement: Select[Any]) -> list[OrderWithTimeline]:
        with unavailable_when_unreachable():
            async with self._engine.connect() as connection:
                rows = (await connection.execute(statement)).mappings().all()
        return [
            OrderWithTimeline(order=read_order(row), timeline=read_timeline(row["timeline"])) for row in rows
        ]


def select_orders(buyer_id: str | None, status: OrderState | None, page: PageRequest) -> Select[Any]:
    """Return the statement of a page of orders."""
    statement = select(*order_columns(), _timeline_after(0))
    if buyer_id is not None:
        statement = statement.where(VEHICLE_SOLD.c.buyer_id == buyer_id)
    if status is not None:
        statement = statement.where(VEHICLE_SOLD.c.status == literal_column(f"'{status.value}'"))
    if page.after is not None:
        statement = statement.where(VEHICLE_SOLD.c.id < literal(page.after[0], BigInteger))
    return statement.order_by(VEHICLE_SOLD.c.id.desc()).limit(page.limit + 1)


def _timeline_after(sequence: int) -> Any:  # noqa: ANN401  SQLAlchemy's label of an untyped function
    entry = ORDER_TIMELINE.c
    entries: ScalarSelect[Any] = (
        select(
            func.jsonb_agg(
                aggregate_order_by(
                    func.jsonb_build_object(
                        literal_column("'sequence'"),
                        entry.sequence,
                        literal_column("'at'"),
                        entry.at,
                        literal_column("'event'"),
                        entry.event,
                        literal_column("'detail'"),
                        entry.detail,
                    ),
                    entry.sequence,
                )
            )
        )
        .where(entry.order_id == VEHICLE_SOLD.c.id, entry.sequence > sequence)
        .scalar_subquery()
    )
    return func.coalesce(cast(entries, Text), literal_column("'[]'")).label("timeline")
