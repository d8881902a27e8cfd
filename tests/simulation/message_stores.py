"""What relays and consumers keep in the services' databases, at the end of a network."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from tests.simulation.chance import Chance
from tests.simulation.simulated_loop import PROCESS
from tests.simulation.vehicle_store import SimulatedOutbox

from autodeal_messaging.deadlines import Deadline
from autodeal_messaging.memory.inbox import MemoryInbox
from autodeal_messaging.memory.outbox_store import MemoryOutboxStore
from autodeal_messaging.memory.parking_store import MemoryParkingStore
from autodeal_messaging.outbox.port import Backlog, Batch
from autodeal_messaging.parking.port import ParkedRecord, TopicKey


class StoreAwayError(ConnectionError):
    """The database did not answer; a write may or may not have taken effect."""


class SimulatedOutboxStore(MemoryOutboxStore):
    """One relay's view; its shards are free again when its process died, or now and then for no reason."""

    balance_interval_seconds = 2.0

    def __init__(self, chance: Chance, outbox: SimulatedOutbox, name: str) -> None:
        super().__init__(outbox, name)
        self._chance = chance

    async def open(self) -> None:
        await self._chance.reach(StoreAwayError)
        process = PROCESS.get()
        if process is not None:
            process.transactions[self] = lambda: self._outbox.forget_member(self._name)
        await super().open()

    async def close(self) -> None:
        await self._chance.pause()
        await super().close()

    async def balance(self, busy: Callable[[], Collection[int]], *, can_send: bool = True) -> None:
        await self._chance.reach(StoreAwayError)
        if self._chance.befalls("rebalance"):
            # Somebody else may take them while this one still sends: shares only save work.
            self._outbox.forget_member(self._name)
        self._outbox.members.add(self._name)
        await super().balance(busy, can_send=can_send)

    async def read(self, *, limit: int, exclude: Collection[int], keys: frozenset[str] | None) -> Batch:
        await self._chance.reach(StoreAwayError)
        found = await super().read(limit=limit, exclude=exclude, keys=keys)
        await self._chance.reach(StoreAwayError)
        return found

    async def delete(self, positions: Sequence[int]) -> None:
        await self._chance.reach(StoreAwayError)
        await super().delete(positions)
        await self._chance.reach(StoreAwayError)

    async def measure(self) -> Backlog:
        return Backlog(depth=0, oldest_age_seconds=0.0)


class SimulatedDeadlines:
    """A DeadlineStore over whatever keeps the deadlines."""

    def __init__(self, chance: Chance, read: Callable[[], Collection[tuple[str, str, datetime]]]) -> None:
        self._chance = chance
        self._read = read

    async def earliest(self, *, before: datetime, limit: int) -> Sequence[Deadline]:
        await self._chance.reach(StoreAwayError)
        found = sorted(
            Deadline(due_at=due_at, kind=kind, subject=subject)
            for kind, subject, due_at in self._read()
            if due_at <= before
        )
        return found[:limit]


class SimulatedParkingStore(MemoryParkingStore):
    """The fake; each act is a transaction whose answer may be lost."""

    def __init__(self, chance: Chance, group: str) -> None:
        self.inbox = MemoryInbox()
        """The handler's own, if it has no other."""
        super().__init__(self.inbox, group)
        self._chance = chance

    async def parked_among(self, keys: Collection[TopicKey]) -> frozenset[TopicKey]:
        await self._chance.reach(StoreAwayError)
        found = await super().parked_among(keys)
        await self._chance.pause()
        return found

    async def park(self, record: ParkedRecord) -> bool:
        await self._chance.reach(StoreAwayError)
        self._chance.note(f"parks {record.event_type} {record.key} {record.event_id}: {record.last_error}")
        is_new = await super().park(record)
        await self._chance.reach(StoreAwayError)
        return is_new

    async def claim_due(self, *, now: datetime, until: datetime, limit: int) -> Sequence[ParkedRecord]:
        await self._chance.reach(StoreAwayError)
        found = await super().claim_due(now=now, until=until, limit=limit)
        await self._chance.reach(StoreAwayError)
        return found

    async def settle(
        self, record: ParkedRecord, *, now: datetime, claim_until: datetime | None
    ) -> ParkedRecord | None:
        await self._chance.reach(StoreAwayError)
        following = await super().settle(record, now=now, claim_until=claim_until)
        await self._chance.reach(StoreAwayError)
        return following

    async def put_off(
        self, record: ParkedRecord, *, next_attempt_at: datetime, last_error: str, counted: bool
    ) -> None:
        await self._chance.reach(StoreAwayError)
        await super().put_off(record, next_attempt_at=next_attempt_at, last_error=last_error, counted=counted)
        await self._chance.reach(StoreAwayError)

    async def bury(self, record: ParkedRecord, *, last_error: str, now: datetime) -> bool:
        await self._chance.reach(StoreAwayError)
        is_dead = await super().bury(record, last_error=last_error, now=now)
        await self._chance.reach(StoreAwayError)
        return is_dead
