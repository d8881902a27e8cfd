"""The fake of every port that stores: the same behaviour as PostgreSQL's, without a database.

Units of work run one after the other on a copy of everything, which replaces the original when the
block ends well. `tests/contracts/vehicle` holds it to the behaviour of the real one.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from autodeal_contracts.envelope import Envelope
from autodeal_contracts.saga import OrderState, VehicleState
from autodeal_platform.idempotency import StoredAnswer
from autodeal_vehicle.app.errors import AnswerTakenError, InvariantBrokenError
from autodeal_vehicle.app.find_orders import OrderWithTimeline
from autodeal_vehicle.app.find_vehicles import SoldVehicle, VehicleFilter
from autodeal_vehicle.app.initialize_sale import PreparedSale, SaleProspect
from autodeal_vehicle.app.page import PageRequest
from autodeal_vehicle.app.unit_of_work import SealedChange, UnsafeRequest
from autodeal_vehicle.domain.order import CLAIMING_STATES, PAID_STATES, Change, Order, TimelineEntry
from autodeal_vehicle.domain.vehicle import Vehicle, VehicleDetails, search_key


@dataclass
class MemoryState:
    """What the tables hold; tests may look and seed."""

    vehicles: dict[int, Vehicle] = field(default_factory=dict)
    brands: dict[str, str] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    timelines: dict[int, list[TimelineEntry]] = field(default_factory=dict)
    deadlines: dict[int, datetime] = field(default_factory=dict)
    answers: dict[tuple[str, str], StoredAnswer] = field(default_factory=dict)
    outbox: list[Envelope] = field(default_factory=list)
    inbox: set[str] = field(default_factory=set)


class MemoryStore:
    """Implements Store, SaleDesk, Showroom and OrderBook."""

    def __init__(self) -> None:
        self.state = MemoryState()
        self._last_order_id = 0
        self._one_at_a_time = asyncio.Lock()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[MemoryUnitOfWork]:
        """Open a unit of work."""
        async with self._one_at_a_time:
            work = MemoryUnitOfWork(copy.deepcopy(self.state))
            yield work
            self.state = work.state

    async def look_up(self, vehicle_id: int, request: UnsafeRequest) -> SaleProspect:
        """Return what a sale is decided on."""
        self._last_order_id += 1
        return SaleProspect(
            vehicle=self.state.vehicles.get(vehicle_id),
            stored=self.state.answers.get((request.caller, request.key)),
            order_id=self._last_order_id,
        )

    async def commit(self, sale: PreparedSale) -> bool:
        """Store a sale if its vehicle is as it was."""
        try:
            async with self.begin() as work:
                current = work.state.vehicles.get(sale.vehicle.id)
                if current is None or current.version != sale.vehicle.version:
                    return False
                await work.save(sale.change, [sale.envelope], sale.now)
                await work.store_answer(sale.request, sale.answer, sale.now)
        except (AnswerTakenError, InvariantBrokenError):
            return False
        return True

    async def vehicle(self, vehicle_id: int) -> Vehicle | None:
        """Return a vehicle."""
        return self.state.vehicles.get(vehicle_id)

    async def for_sale(self, wanted: VehicleFilter, page: PageRequest) -> Sequence[Vehicle]:
        """Return available vehicles by price and id."""
        found = sorted(
            (one for one in self.state.vehicles.values() if _matches(one, wanted)),
            key=lambda one: (one.details.price_cents, one.id),
        )
        seen = page.after or (-1, -1)
        return [one for one in found if (one.details.price_cents, one.id) > seen][: page.limit + 1]

    async def sold(self, buyer_id: str | None, page: PageRequest) -> Sequence[SoldVehicle]:
        """Return sold vehicles by sold price and order id."""
        found = sorted(
            (
                order
                for order in self.state.orders.values()
                if order.status in PAID_STATES and buyer_id in (None, order.buyer_id)
            ),
            key=lambda order: (order.price_cents, order.id),
        )
        seen = page.after or (-1, -1)
        return [
            SoldVehicle(vehicle=self.state.vehicles[order.vehicle_id], order=order)
            for order in found
            if (order.price_cents, order.id) > seen
        ][: page.limit + 1]

    async def order(self, order_id: int) -> OrderWithTimeline | None:
        """Return an order with its timeline."""
        return await self.entries_after(order_id, 0)

    async def orders(
        self, buyer_id: str | None, status: OrderState | None, page: PageRequest
    ) -> Sequence[OrderWithTimeline]:
        """Return orders, newest first."""
        found = [
            OrderWithTimeline(order=order, timeline=self.state.timelines[order.id])
            for order in sorted(self.state.orders.values(), key=lambda order: -order.id)
            if buyer_id in (None, order.buyer_id)
            and status in (None, order.status)
            and (page.after is None or order.id < page.after[0])
        ]
        return found[: page.limit + 1]

    async def entries_after(self, order_id: int, sequence: int) -> OrderWithTimeline | None:
        """Return an order with its later timeline entries."""
        order = self.state.orders.get(order_id)
        if order is None:
            return None
        entries = [entry for entry in self.state.timelines[order_id] if entry.sequence > sequence]
        return OrderWithTimeline(order=order, timeline=entries)


class MemoryUnitOfWork:
    """Implements UnitOfWork on a copy of the state."""

    def __init__(self, state: MemoryState) -> None:
        self.state = state

    async def stored_answer(self, request: UnsafeRequest) -> StoredAnswer | None:
        """Return the answer that the caller's key was given before."""
        return self.state.answers.get((request.caller, request.key))

    async def store_answer(self, request: UnsafeRequest, answer: StoredAnswer, now: datetime) -> None:  # noqa: ARG002  the port's
        """Keep the answer with the effect."""
        if self.state.answers.setdefault((request.caller, request.key), answer) is not answer:
            raise AnswerTakenError

    async def add_vehicle(self, details: VehicleDetails, now: datetime) -> Vehicle:
        """Put a vehicle on offer."""
        vehicle = Vehicle(
            id=len(self.state.vehicles) + 1,
            details=self._with_known_brand(details),
            status=VehicleState.AVAILABLE,
            version=1,
            created_at=now,
            updated_at=now,
        )
        self.state.vehicles[vehicle.id] = vehicle
        return vehicle

    async def vehicle_to_change(self, vehicle_id: int) -> Vehicle | None:
        """Return a vehicle."""
        return self.state.vehicles.get(vehicle_id)

    async def save_vehicle(self, vehicle: Vehicle) -> Vehicle:
        """Store a vehicle."""
        saved = replace(vehicle, details=self._with_known_brand(vehicle.details))
        self.state.vehicles[vehicle.id] = saved
        return saved

    async def order_to_change(self, order_id: int) -> Order | None:
        """Return an order."""
        return self.state.orders.get(order_id)

    async def orders_to_change(self, order_ids: Collection[int]) -> Mapping[int, Order]:
        """Return those orders that exist."""
        return {number: self.state.orders[number] for number in order_ids if number in self.state.orders}

    async def claiming_order_to_change(self, vehicle_id: int) -> Order | None:
        """Return the order that keeps a vehicle from others."""
        for order in self.state.orders.values():
            if order.vehicle_id == vehicle_id and order.status in CLAIMING_STATES:
                return order
        return None

    async def timeline(self, order_id: int) -> Sequence[TimelineEntry]:
        """Return what happened to an order."""
        return self.state.timelines.get(order_id, [])

    async def save(self, change: Change, envelopes: Sequence[Envelope], now: datetime) -> None:
        """Store a change of an order."""
        order = change.order
        if change.vehicle is not None:
            vehicle = self.state.vehicles[order.vehicle_id]
            if vehicle.status is not change.vehicle.before:
                raise InvariantBrokenError(f"vehicle {vehicle.id} is {vehicle.status}")
            self.state.vehicles[vehicle.id] = replace(
                vehicle, status=change.vehicle.after, version=vehicle.version + 1, updated_at=now
            )
        if order.id not in self.state.orders:
            self.state.deadlines[order.id] = order.expires_at
        if change.ends_deadline:
            self.state.deadlines.pop(order.id, None)
        self.state.orders[order.id] = order
        self.state.timelines.setdefault(order.id, []).extend(change.entries)
        self.state.outbox.extend(envelopes)

    async def save_all(self, changes: Sequence[SealedChange], now: datetime) -> None:
        """Store changes of different orders."""
        for each in changes:
            await self.save(each.change, each.envelopes, now)

    async def claim_event(self, event_id: str) -> bool:
        """Claim an event."""
        is_new = event_id not in self.state.inbox
        self.state.inbox.add(event_id)
        return is_new

    async def claim_events(self, event_ids: Sequence[str]) -> AbstractSet[str]:
        """Claim events."""
        return {event_id for event_id in event_ids if await self.claim_event(event_id)}

    async def claim_deadline(self, order_id: int, due_at: datetime) -> bool:
        """Take an order's due deadline."""
        if self.state.deadlines.get(order_id) != due_at:
            return False
        del self.state.deadlines[order_id]
        return True

    def _with_known_brand(self, details: VehicleDetails) -> VehicleDetails:
        known = self.state.brands.setdefault(search_key(details.brand_name), details.brand_name)
        return replace(details, brand_name=known)


def _matches(vehicle: Vehicle, wanted: VehicleFilter) -> bool:
    details = vehicle.details
    return (
        vehicle.status is VehicleState.AVAILABLE
        and _same(wanted.brand, details.brand_name)
        and _same(wanted.model, details.model)
        and _same(wanted.color, details.color)
        and _within(wanted.year_min, details.year, wanted.year_max)
        and _within(wanted.price_min_cents, details.price_cents, wanted.price_max_cents)
    )


def _same(wanted: str | None, found: str) -> bool:
    return wanted is None or search_key(wanted) == search_key(found)


def _within(low: int | None, value: int, high: int | None) -> bool:
    return (low is None or low <= value) and (high is None or value <= high)
