"""Commands that are not hot: an ordinary transaction, rows locked before they are decided on.

Locks are taken in one order everywhere: the order, then its vehicle, then the idempotency key.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Update, insert, select, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from autodeal_contracts.envelope import Envelope
from autodeal_contracts.saga import VehicleState
from autodeal_messaging.postgres.write import (
    add_to_outbox,
    cancel_deadline,
    claim_all_in_inbox,
    claim_deadline,
    claim_in_inbox,
)
from autodeal_platform.idempotency import StoredAnswer, digest_key
from autodeal_vehicle.adapters.postgres.change_orders import add_entries, lock_orders, save_changes
from autodeal_vehicle.adapters.postgres.connect import unavailable_when_unreachable
from autodeal_vehicle.adapters.postgres.read_rows import (
    changing_order_values,
    order_columns,
    read_order,
    read_vehicle,
    vehicle_columns,
    vehicle_values,
)
from autodeal_vehicle.adapters.postgres.sale_statements import SALE_DEADLINE
from autodeal_vehicle.adapters.postgres.tables import (
    IDEMPOTENCY_ANSWER,
    IS_CLAIMING,
    ORDER_TIMELINE,
    VEHICLE,
    VEHICLE_BRAND,
    VEHICLE_SOLD,
)
from autodeal_vehicle.app.errors import AnswerTakenError, InvariantBrokenError
from autodeal_vehicle.app.unit_of_work import SealedChange, UnitOfWork, UnsafeRequest
from autodeal_vehicle.domain.order import Change, Order, TimelineEntry
from autodeal_vehicle.domain.vehicle import Vehicle, VehicleDetails, search_key

CONSUMER = "autodeal-vehicle"
"""Under this name the inbox remembers what was handled."""


class PostgresStore:
    """Implements Store."""

    def __init__(self, engine: AsyncEngine, outbox_shards: int) -> None:
        self._engine = engine
        self._outbox_shards = outbox_shards

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[UnitOfWork]:
        """Open a transaction that commits when its block ends and rolls back when it raises."""
        with unavailable_when_unreachable():
            async with self._engine.begin() as connection:
                yield PostgresUnitOfWork(connection, self._outbox_shards)


class PostgresUnitOfWork:
    """Implements UnitOfWork on one open transaction."""

    def __init__(self, connection: AsyncConnection, outbox_shards: int) -> None:
        self._connection = connection
        self._outbox_shards = outbox_shards

    async def stored_answer(self, request: UnsafeRequest) -> StoredAnswer | None:
        """Return the answer that the caller's key was given before."""
        table = IDEMPOTENCY_ANSWER
        statement = select(table.c.fingerprint, table.c.status, table.c.body).where(
            table.c.key_digest == digest_key(request.key, request.caller)
        )
        row = (await self._connection.execute(statement)).one_or_none()
        if row is None:
            return None
        return StoredAnswer(fingerprint=row.fingerprint, status=row.status, body=row.body)

    async def store_answer(self, request: UnsafeRequest, answer: StoredAnswer, now: datetime) -> None:
        """Keep the answer; waits for another transaction with the same key, and then gives way to it."""
        statement = (
            postgres_insert(IDEMPOTENCY_ANSWER)
            .values(
                key_digest=digest_key(request.key, request.caller),
                fingerprint=answer.fingerprint,
                status=answer.status,
                body=answer.body,
                created_at=now,
            )
            .on_conflict_do_nothing()
        )
        if (await self._connection.execute(statement)).rowcount != 1:
            raise AnswerTakenError

    async def add_vehicle(self, details: VehicleDetails, now: datetime) -> Vehicle:
        """Put a vehicle on offer."""
        brand_id, details = await self._with_known_brand(details)
        vehicle_id = await self._connection.scalar(
            insert(VEHICLE)
            .values(
                **vehicle_values(details),
                brand_id=brand_id,
                status=VehicleState.AVAILABLE.value,
                version=1,
                created_at=now,
                updated_at=now,
            )
            .returning(VEHICLE.c.id)
        )
        assert vehicle_id is not None
        return Vehicle(
            id=vehicle_id,
            details=details,
            status=VehicleState.AVAILABLE,
            version=1,
            created_at=now,
            updated_at=now,
        )

    async def vehicle_to_change(self, vehicle_id: int) -> Vehicle | None:
        """Return a vehicle and lock it."""
        statement = (
            select(*vehicle_columns())
            .select_from(VEHICLE.join(VEHICLE_BRAND))
            .where(VEHICLE.c.id == vehicle_id)
            .with_for_update(of=VEHICLE)
        )
        row = (await self._connection.execute(statement)).mappings().one_or_none()
        return read_vehicle(row) if row is not None else None

    async def save_vehicle(self, vehicle: Vehicle) -> Vehicle:
        """Store a vehicle if nobody changed it since it was read."""
        brand_id, details = await self._with_known_brand(vehicle.details)
        statement = (
            update(VEHICLE)
            .where(VEHICLE.c.id == vehicle.id, VEHICLE.c.version == vehicle.version - 1)
            .values(
                **vehicle_values(details),
                brand_id=brand_id,
                version=vehicle.version,
                updated_at=vehicle.updated_at,
            )
        )
        await self._change_one(statement, f"vehicle {vehicle.id} changed under its lock")
        return replace(vehicle, details=details)

    async def order_to_change(self, order_id: int) -> Order | None:
        """Return an order and lock it."""
        statement = select(*order_columns()).where(VEHICLE_SOLD.c.id == order_id).with_for_update()
        row = (await self._connection.execute(statement)).mappings().one_or_none()
        return read_order(row) if row is not None else None

    async def orders_to_change(self, order_ids: Collection[int]) -> Mapping[int, Order]:
        """Return those orders that exist, locked one after the other."""
        return await lock_orders(self._connection, order_ids)

    async def claiming_order_to_change(self, vehicle_id: int) -> Order | None:
        """Return the order that keeps a vehicle from others, and lock it."""
        statement = (
            select(*order_columns())
            .where(VEHICLE_SOLD.c.vehicle_id == vehicle_id, IS_CLAIMING)
            .with_for_update()
        )
        row = (await self._connection.execute(statement)).mappings().one_or_none()
        return read_order(row) if row is not None else None

    async def timeline(self, order_id: int) -> Sequence[TimelineEntry]:
        """Return what happened to an order."""
        table = ORDER_TIMELINE
        statement = select(table).where(table.c.order_id == order_id).order_by(table.c.sequence)
        return [
            TimelineEntry(sequence=row.sequence, at=row.at, event=row.event, detail=row.detail)
            for row in await self._connection.execute(statement)
        ]

    async def save(self, change: Change, envelopes: Sequence[Envelope], now: datetime) -> None:
        """Store a change of a locked order and all that goes with it."""
        order = change.order
        before = order.version - len(change.entries)
        statement = (
            update(VEHICLE_SOLD)
            .where(VEHICLE_SOLD.c.id == order.id, VEHICLE_SOLD.c.version == before)
            .values(**changing_order_values(order))
        )
        await self._change_one(statement, f"order {order.id} changed under its lock")
        if change.vehicle is not None:
            move = (
                update(VEHICLE)
                .where(VEHICLE.c.id == order.vehicle_id, VEHICLE.c.status == change.vehicle.before.value)
                .values(status=change.vehicle.after.value, version=VEHICLE.c.version + 1, updated_at=now)
            )
            await self._change_one(move, f"vehicle {order.vehicle_id} is not {change.vehicle.before}")
        if change.ends_deadline:
            await cancel_deadline(self._connection, SALE_DEADLINE, str(order.id))
        await add_entries(self._connection, [change])
        await add_to_outbox(self._connection, envelopes, self._outbox_shards)

    async def save_all(self, changes: Sequence[SealedChange], now: datetime) -> None:
        """Store changes of different locked orders, each kind of row with one statement."""
        await save_changes(self._connection, [each.change for each in changes], now)
        envelopes = [envelope for each in changes for envelope in each.envelopes]
        await add_to_outbox(self._connection, envelopes, self._outbox_shards)

    async def claim_event(self, event_id: str) -> bool:
        """Claim an event for this transaction."""
        return await claim_in_inbox(self._connection, CONSUMER, event_id)

    async def claim_events(self, event_ids: Sequence[str]) -> AbstractSet[str]:
        """Claim events for this transaction."""
        return await claim_all_in_inbox(self._connection, CONSUMER, event_ids)

    async def claim_deadline(self, order_id: int, due_at: datetime) -> bool:
        """Take an order's due deadline."""
        return await claim_deadline(self._connection, SALE_DEADLINE, str(order_id), due_at)

    async def _with_known_brand(self, details: VehicleDetails) -> tuple[int, VehicleDetails]:
        """Return the brand's id, created if nobody named it before, and details with its first spelling."""
        key = search_key(details.brand_name)
        find = select(VEHICLE_BRAND.c.id, VEHICLE_BRAND.c.name).where(VEHICLE_BRAND.c.name_key == key)
        row = (await self._connection.execute(find)).one_or_none()
        if row is None:
            # Whoever inserts the same brand at the same time waits here and then finds it below.
            await self._connection.execute(
                postgres_insert(VEHICLE_BRAND)
                .values(name=details.brand_name, name_key=key)
                .on_conflict_do_nothing()
            )
            row = (await self._connection.execute(find)).one()
        return row.id, replace(details, brand_name=row.name)

    async def _change_one(self, statement: Update, complaint: str) -> None:
        if (await self._connection.execute(statement)).rowcount != 1:
            raise InvariantBrokenError(complaint)
