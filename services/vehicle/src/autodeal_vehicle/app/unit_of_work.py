"""The port through which commands change things: one transaction, committed once.

`MemoryStore` is its fake; both pass `tests/contracts/vehicle`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from autodeal_contracts.envelope import Envelope
from autodeal_platform.idempotency import StoredAnswer
from autodeal_vehicle.domain.order import Change, Order, TimelineEntry
from autodeal_vehicle.domain.vehicle import Vehicle, VehicleDetails


@dataclass(frozen=True, kw_only=True, slots=True)
class UnsafeRequest:
    """A request that changes something, as idempotency sees it."""

    caller: str
    """Whose key it is: keys of two callers never meet."""
    key: str
    fingerprint: str
    """Tells this request from another that uses the same key."""
    success_status: int = 200
    """The status that is stored with the answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SealedChange:
    """A change of an order with its events, ready for the outbox."""

    change: Change
    envelopes: Sequence[Envelope]


class UnitOfWork(Protocol):
    """One transaction. What it reads by `*_to_change` stays locked until the end."""

    async def stored_answer(self, request: UnsafeRequest) -> StoredAnswer | None:
        """Return the answer that the caller's key was given before, if any."""
        ...

    async def store_answer(self, request: UnsafeRequest, answer: StoredAnswer, now: datetime) -> None:
        """Keep the answer with the effect; raises AnswerTakenError if another request did so first."""
        ...

    async def add_vehicle(self, details: VehicleDetails, now: datetime) -> Vehicle:
        """Put a vehicle on offer; its brand is created when nobody has named it before."""
        ...

    async def vehicle_to_change(self, vehicle_id: int) -> Vehicle | None:
        """Return a vehicle and lock it."""
        ...

    async def save_vehicle(self, vehicle: Vehicle) -> Vehicle:
        """Store a vehicle that was read by `vehicle_to_change`; return it with its brand as first spelt."""
        ...

    async def order_to_change(self, order_id: int) -> Order | None:
        """Return an order and lock it."""
        ...

    async def orders_to_change(self, order_ids: Collection[int]) -> Mapping[int, Order]:
        """Return those orders that exist, by id, and lock them in the order of their ids."""
        ...

    async def claiming_order_to_change(self, vehicle_id: int) -> Order | None:
        """Return the one order that keeps a vehicle from others, locked; None when nobody claims it."""
        ...

    async def timeline(self, order_id: int) -> Sequence[TimelineEntry]:
        """Return what happened to an order, this transaction's own entries included."""
        ...

    async def save(self, change: Change, envelopes: Sequence[Envelope], now: datetime) -> None:
        """Store a change of a locked order: its state, vehicle, timeline, deadline, and outbox rows."""
        ...

    async def save_all(self, changes: Sequence[SealedChange], now: datetime) -> None:
        """Store changes of different locked orders, as `save` does one."""
        ...

    async def claim_event(self, event_id: str) -> bool:
        """Claim an event for this transaction; False when it was handled before."""
        ...

    async def claim_events(self, event_ids: Sequence[str]) -> AbstractSet[str]:
        """Claim events for this transaction; return those that were not handled before."""
        ...

    async def claim_deadline(self, order_id: int, due_at: datetime) -> bool:
        """Take an order's due deadline; False when it is gone or in another worker's hands."""
        ...


class Store(Protocol):
    """Gives out units of work."""

    def begin(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Open a unit of work that commits when its block ends, and rolls back when the block raises.

        Raises StoreUnavailableError when the database cannot be reached in time.
        """
        ...
