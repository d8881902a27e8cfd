"""The vehicle service's database: transactions side by side, rows locked as PostgreSQL locks them.

Ids of the outbox are drawn when rows are written and seen when they are committed, so a later id may
be seen first, as in the real table.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from tests.simulation.chance import Chance
from tests.simulation.simulated_loop import PROCESS
from tests.simulation.wake_up import WakeUp

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.memory.outbox_store import MemoryOutbox
from autodeal_messaging.nudge import Nudge
from autodeal_messaging.outbox.headers import encode_headers
from autodeal_messaging.outbox.port import OutboxRecord, shard_of
from autodeal_platform.idempotency import StoredAnswer
from autodeal_vehicle.app.errors import AnswerTakenError, InvariantBrokenError, StoreUnavailableError
from autodeal_vehicle.app.initialize_sale import PreparedSale, SaleProspect
from autodeal_vehicle.app.memory_store import MemoryState, MemoryStore
from autodeal_vehicle.app.unit_of_work import SealedChange, UnsafeRequest
from autodeal_vehicle.domain.order import CLAIMING_STATES, Change, Order, TimelineEntry
from autodeal_vehicle.domain.vehicle import Vehicle, VehicleDetails

Row = tuple[str, object]


class SimulatedOutbox(MemoryOutbox):
    """An outbox whose rows get their ids before they are seen."""

    def __init__(self, wake_up: WakeUp, shards: int = 4) -> None:
        super().__init__(shards)
        self.wake_up = wake_up
        self.nudges: dict[object, Nudge] = {}
        """By relay: what tells it which keys were written, if it is told."""
        self.committed: list[OutboxRecord] = []
        """Everything that was ever committed."""

    def reserve(self, envelopes: Iterable[Envelope]) -> list[OutboxRecord]:
        """Make rows that nobody sees yet."""
        records = []
        for envelope in envelopes:
            records.append(
                OutboxRecord(
                    position=self._next_position,
                    shard=shard_of(envelope.key, self.shards),
                    topic=envelope.topic,
                    key=envelope.key,
                    encoded_headers=encode_headers(envelope),
                    value=envelope.data,
                    created_at=envelope.time,
                )
            )
            self._next_position += 1
        return records

    def put(self, records: Sequence[OutboxRecord]) -> None:
        """Commit rows."""
        self.records.update((record.position, record) for record in records)
        self.committed.extend(records)
        self.wake_up.ring()
        for nudge in self.nudges.values():
            nudge.ring(*{record.key: None for record in records})


class RowLocks:
    """Who holds which row; who waits is woken when anything is let go, and looks again."""

    def __init__(self) -> None:
        self._holders: dict[Row, object] = {}
        self._waiting: defaultdict[Row, list[asyncio.Future[None]]] = defaultdict(list)
        self._wanted: dict[object, Row] = {}
        self.deadlocks = 0

    def is_free(self, row: Row, holder: object) -> bool:
        return self._holders.get(row) in (None, holder)

    async def take(self, row: Row, holder: object) -> None:
        """Wait for a row; of those that wait for each other the last one fails."""
        while not self.is_free(row, holder):
            self._wanted[holder] = row
            self._look_for_a_circle(holder)
            woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting[row].append(woken)
            await woken
        self._wanted.pop(holder, None)
        self._holders[row] = holder

    def let_go(self, holder: object) -> None:
        self._wanted.pop(holder, None)
        for row in [row for row, by in self._holders.items() if by is holder]:
            del self._holders[row]
            for woken in self._waiting.pop(row, ()):
                if not woken.done():
                    woken.set_result(None)

    def _look_for_a_circle(self, holder: object) -> None:
        row: Row | None = self._wanted[holder]
        while row is not None:
            blocker = self._holders.get(row)
            if blocker is holder:
                self.deadlocks += 1
                raise StoreUnavailableError
            row = self._wanted.get(blocker) if blocker is not None else None


class SimulatedVehicleStore(MemoryStore):
    """Store and SaleDesk; what was committed is in `state`."""

    def __init__(self, chance: Chance, outbox: SimulatedOutbox, deadline_set: WakeUp) -> None:
        super().__init__()
        self.chance = chance
        self.events = outbox
        self.deadline_set = deadline_set
        self.locks = RowLocks()
        self._ids = 0

    def next_event_id(self) -> str:
        """Return an id that no other event has."""
        self._ids += 1
        return f"v{self._ids}"

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[SimulatedUnitOfWork]:  # type: ignore[override]
        """Open a transaction; its commit, and the answer to it, may be lost."""
        await self.chance.reach(StoreUnavailableError)
        work = SimulatedUnitOfWork(self)
        process = PROCESS.get()
        if process is not None:
            process.transactions[work] = work.end
        try:
            yield work
            await self.chance.reach(StoreUnavailableError)
            work.commit()
        finally:
            work.end()
            if process is not None:
                process.transactions.pop(work, None)
        await self.chance.reach(StoreUnavailableError)

    async def look_up(self, vehicle_id: int, request: UnsafeRequest) -> SaleProspect:
        await self.chance.reach(StoreUnavailableError)
        prospect = await super().look_up(vehicle_id, request)
        await self.chance.pause()
        return prospect

    async def commit(self, sale: PreparedSale) -> bool:
        """One statement: it waits for the vehicle's row, and then takes effect at once or not at all."""
        async with self.begin() as work:
            await self.locks.take(("vehicle", sale.vehicle.id), work)
            current = self.state.vehicles[sale.vehicle.id]
            taken = (sale.request.caller, sale.request.key) in self.state.answers
            if taken or current.version != sale.vehicle.version:
                return False
            await work.save(sale.change, [sale.envelope], sale.now)
            await work.store_answer(sale.request, sale.answer, sale.now)
        return True


class SimulatedUnitOfWork:
    """One transaction: reads what is committed and what it wrote itself, and locks what it changes."""

    def __init__(self, store: SimulatedVehicleStore) -> None:
        self._store = store
        self._written = MemoryState()
        self._envelopes: list[Envelope] = []
        self._rows: list[OutboxRecord] = []
        self._ended_deadlines: set[int] = set()
        self._is_open = True

    def commit(self) -> None:
        """Let everybody see everything at once."""
        if not self._is_open:
            return
        state, written = self._store.state, self._written
        state.vehicles.update(written.vehicles)
        state.orders.update(written.orders)
        for order_id, entries in written.timelines.items():
            state.timelines.setdefault(order_id, []).extend(entries)
        state.deadlines.update(written.deadlines)
        for order_id in self._ended_deadlines:
            state.deadlines.pop(order_id, None)
        state.answers.update(written.answers)
        state.inbox |= written.inbox
        state.outbox.extend(self._envelopes)
        if self._rows:
            self._store.events.put(self._rows)
        if written.deadlines:
            self._store.deadline_set.ring()

    def end(self) -> None:
        """Let go of every row; what was not committed is gone."""
        if self._is_open:
            self._is_open = False
            self._store.locks.let_go(self)

    async def _lock(self, table: str, key: object) -> None:
        await self._store.chance.reach(StoreUnavailableError)
        await self._store.locks.take((table, key), self)

    async def stored_answer(self, request: UnsafeRequest) -> StoredAnswer | None:
        await self._store.chance.reach(StoreUnavailableError)
        return self._store.state.answers.get((request.caller, request.key))

    async def store_answer(self, request: UnsafeRequest, answer: StoredAnswer, now: datetime) -> None:  # noqa: ARG002
        key = (request.caller, request.key)
        await self._lock("answer", key)
        if key in self._store.state.answers:
            raise AnswerTakenError
        self._written.answers[key] = answer

    async def add_vehicle(self, details: VehicleDetails, now: datetime) -> Vehicle:
        raise NotImplementedError

    async def save_vehicle(self, vehicle: Vehicle) -> Vehicle:
        raise NotImplementedError

    async def vehicle_to_change(self, vehicle_id: int) -> Vehicle | None:
        await self._lock("vehicle", vehicle_id)
        return self._store.state.vehicles.get(vehicle_id)

    async def order_to_change(self, order_id: int) -> Order | None:
        await self._lock("order", order_id)
        return self._store.state.orders.get(order_id)

    async def orders_to_change(self, order_ids: Collection[int]) -> Mapping[int, Order]:
        found = [await self.order_to_change(order_id) for order_id in sorted(order_ids)]
        return {order.id: order for order in found if order is not None}

    async def claiming_order_to_change(self, vehicle_id: int) -> Order | None:
        for order in self._store.state.orders.values():
            if order.vehicle_id == vehicle_id and order.status in CLAIMING_STATES:
                found = await self.order_to_change(order.id)
                # PostgreSQL looks at the row again once it has the lock.
                return found if found is not None and found.status in CLAIMING_STATES else None
        return None

    async def timeline(self, order_id: int) -> Sequence[TimelineEntry]:
        committed = self._store.state.timelines.get(order_id, [])
        return [*committed, *self._written.timelines.get(order_id, [])]

    async def save(self, change: Change, envelopes: Sequence[Envelope], now: datetime) -> None:
        order, state = change.order, self._store.state
        before = state.orders.get(order.id)
        if before is not None and before.version != order.version - len(change.entries):
            raise InvariantBrokenError(f"order {order.id} changed under its lock")
        if change.vehicle is not None:
            await self._lock("vehicle", order.vehicle_id)
            vehicle = state.vehicles[order.vehicle_id]
            if vehicle.status is not change.vehicle.before:
                raise InvariantBrokenError(f"vehicle {vehicle.id} is {vehicle.status}")
            moved = replace(vehicle, status=change.vehicle.after, version=vehicle.version + 1, updated_at=now)
            self._written.vehicles[vehicle.id] = moved
        if before is None:
            self._written.deadlines[order.id] = order.expires_at
        if change.ends_deadline:
            self._ended_deadlines.add(order.id)
        self._written.orders[order.id] = order
        self._written.timelines[order.id] = list(change.entries)
        self._envelopes.extend(envelopes)
        self._rows.extend(self._store.events.reserve(envelopes))
        await self._store.chance.reach(StoreUnavailableError)

    async def save_all(self, changes: Sequence[SealedChange], now: datetime) -> None:
        for each in changes:
            await self.save(each.change, each.envelopes, now)

    async def claim_events(self, event_ids: Sequence[str]) -> AbstractSet[str]:
        return {event_id for event_id in event_ids if await self.claim_event(event_id)}

    async def claim_event(self, event_id: str) -> bool:
        await self._lock("event", event_id)
        self._written.inbox.add(event_id)
        return event_id not in self._store.state.inbox

    async def claim_deadline(self, order_id: int, due_at: datetime) -> bool:
        await self._store.chance.reach(StoreUnavailableError)
        row = ("deadline", order_id)
        if not self._store.locks.is_free(row, self):
            return False
        await self._store.locks.take(row, self)
        if self._store.state.deadlines.get(order_id) != due_at:
            return False
        self._ended_deadlines.add(order_id)
        return True
