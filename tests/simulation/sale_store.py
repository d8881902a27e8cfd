"""The payment service's table: each write is one transaction, whose answer may be lost."""

from __future__ import annotations

from datetime import datetime

from tests.simulation.chance import Chance
from tests.simulation.vehicle_store import SimulatedOutbox
from tests.simulation.wake_up import WakeUp

from autodeal_payment.app.ports.memory_sale_store import MemorySaleStore
from autodeal_payment.app.ports.sale_store import KeptAnswer, SaleChange, StoreUnavailableError
from autodeal_payment.domain.sale import Sale


class SimulatedSaleStore(MemorySaleStore):
    """The fake, at the end of a network."""

    def __init__(self, chance: Chance, outbox: SimulatedOutbox, deadline_set: WakeUp) -> None:
        super().__init__()
        self.chance = chance
        self.events = outbox
        self.deadline_set = deadline_set
        self._ids = 0

    def next_event_id(self) -> str:
        """Return an id that no other event has."""
        self._ids += 1
        return f"p{self._ids}"

    async def load(self, order_id: int) -> Sale | None:
        await self.chance.reach(StoreUnavailableError)
        found = await super().load(order_id)
        await self.chance.pause()
        return found

    async def save(self, change: SaleChange) -> None:
        await self.chance.reach(StoreUnavailableError)
        await super().save(change)
        if change.envelopes:
            self.events.put(self.events.reserve(change.envelopes))
        self.deadline_set.ring()
        self.chance.note(f"saved {change.trigger}")
        await self.chance.reach(StoreUnavailableError)

    async def mark_handled(self, event_id: str, at: datetime) -> None:
        await self.chance.reach(StoreUnavailableError)
        await super().mark_handled(event_id, at)
        await self.chance.reach(StoreUnavailableError)

    async def find_order(self, provider_id: str) -> tuple[int, int] | None:
        await self.chance.reach(StoreUnavailableError)
        return await super().find_order(provider_id)

    async def find_answer(self, buyer_id: str, digest: str, now: datetime) -> KeptAnswer | None:
        await self.chance.reach(StoreUnavailableError)
        return await super().find_answer(buyer_id, digest, now)

    async def note_notification(
        self, provider_id: str, due_at: datetime, event_id: str, at: datetime
    ) -> None:
        await self.chance.reach(StoreUnavailableError)
        await super().note_notification(provider_id, due_at, event_id, at)
        self.deadline_set.ring()
        await self.chance.reach(StoreUnavailableError)

    async def move_deadline(self, kind: str, subject: str, due_at: datetime, to: datetime | None) -> None:
        await self.chance.reach(StoreUnavailableError)
        await super().move_deadline(kind, subject, due_at, to)
        self.deadline_set.ring()
        await self.chance.reach(StoreUnavailableError)
