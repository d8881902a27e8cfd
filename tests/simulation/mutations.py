"""Mistakes on purpose: each breaks one promise, and the simulation must notice.

Each is a real temptation: a line that looks harmless, saves a round trip, or was forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from typing import Any
from unittest.mock import patch

from tests.simulation.broker import LogRecord
from tests.simulation.vehicle_store import SimulatedOutbox, SimulatedUnitOfWork, SimulatedVehicleStore
from tests.simulation.workers import PlainConsumer, PlainRelay

from autodeal_messaging.outbox.port import OutboxRecord
from autodeal_payment.app.call_provider import ProviderCaller
from autodeal_payment.app.ports.memory_sale_store import MemorySaleStore
from autodeal_payment.domain import return_money
from autodeal_payment.domain.payment import Payment
from autodeal_vehicle.domain import change_order, react_to_payment
from autodeal_vehicle.domain.order import Change

Mutation = Callable[[], AbstractContextManager[object]]


def commit_the_offset_first() -> AbstractContextManager[object]:
    """The offset is committed before the record took effect: a crash in between loses it."""

    async def take(self: PlainConsumer, record: LogRecord, where: tuple[str, str, int]) -> int:
        self.commit(where, record.offset + 1)
        await self.handle(record)
        return record.offset + 1

    return patch.object(PlainConsumer, "take", take)


def skip_what_fails() -> AbstractContextManager[object]:
    """A record whose handler fails is logged and left behind."""

    async def handle(self: PlainConsumer, record: LogRecord) -> None:
        try:
            await self.handler(record.envelope())
        except Exception as error:  # noqa: BLE001  # this is the mistake
            self.chance.note(f"skipped: {error!r}")

    return patch.object(PlainConsumer, "handle", handle)


def drop_the_inbox_check() -> AbstractContextManager[object]:
    """The vehicle service takes a repeated event for a new one."""

    async def claim_event(self: SimulatedUnitOfWork, event_id: str) -> bool:
        self._written.inbox.add(event_id)
        return True

    return patch.object(SimulatedUnitOfWork, "claim_event", claim_event)


def read_past_a_high_water_mark() -> AbstractContextManager[object]:
    """The relay remembers the last id it saw and reads on from there: a late commit is skipped."""

    def read(self: PlainRelay) -> Sequence[OutboxRecord]:
        mark: int = self.outbox.__dict__.setdefault("mark", 0)
        batch = [record for position, record in sorted(self.outbox.records.items()) if position > mark][:4]
        self.outbox.__dict__["mark"] = max([mark, *(record.position for record in batch)])
        return batch

    return patch.object(PlainRelay, "read", read)


def delete_before_the_acknowledgement() -> AbstractContextManager[object]:
    """The relay deletes a row when it is sent, not when Kafka has it."""
    send = PlainRelay.send

    async def send_deleted(self: PlainRelay, record: OutboxRecord) -> bool:
        self.outbox.records.pop(record.position, None)
        await self.chance.pause()
        return await send(self, record)

    return patch.object(PlainRelay, "send", send_deleted)


def skip_a_failed_send() -> AbstractContextManager[object]:
    """After a failed send the relay goes on with the next row and comes back later: order is lost."""
    send = PlainRelay.send

    async def send_on(self: PlainRelay, record: OutboxRecord) -> bool:
        await send(self, record)
        return True

    return patch.object(PlainRelay, "send", send_on)


def publish_before_the_commit() -> AbstractContextManager[object]:
    """Events are published inside the transaction that may still be rolled back."""

    def reserve(self: SimulatedOutbox, envelopes: Any) -> list[OutboxRecord]:
        records = _reserve(self, envelopes)
        self.records.update((record.position, record) for record in records)
        self.wake_up.ring()
        return records

    return patch.object(SimulatedOutbox, "reserve", reserve)


def publish_after_the_commit() -> AbstractContextManager[object]:
    """The outbox row is written in a transaction of its own after the state: the dual write."""
    commit = SimulatedUnitOfWork.commit

    def commit_twice(self: SimulatedUnitOfWork) -> None:
        rows, self._rows = self._rows, []
        commit(self)
        if rows and not self._store.chance.befalls("crash"):
            self._store.events.put(rows)

    return patch.object(SimulatedUnitOfWork, "commit", commit_twice)


def scatter_the_keys() -> AbstractContextManager[object]:
    """Records go to partitions in turn, not by their key."""
    turns = count()

    def partition_of(key: str, partitions: int) -> int:
        return next(turns) % partitions

    return patch("tests.simulation.broker.partition_of", partition_of)


def refund_without_a_key() -> AbstractContextManager[object]:
    """Each try to give the money back is another refund."""
    tries = count()
    return patch.object(Payment, "refund_key", property(lambda self: f"{self.payment_id}-{next(tries)}"))


def create_without_a_key() -> AbstractContextManager[object]:
    """Each try to make a payment makes another one."""
    tries = count()

    async def create(self: ProviderCaller, sale: Any, payment: Any, card: Any) -> Any:
        provider = self._provider

        class Keyless:
            async def create(self, new: Any, *, key: str) -> Any:
                return await provider.create(new, key=f"{key}-{next(tries)}")

        self._provider = Keyless()  # type: ignore[assignment]
        try:
            return await _create(self, sale, payment, card)
        finally:
            self._provider = provider

    return patch.object(ProviderCaller, "_create", create)


def forget_the_version() -> AbstractContextManager[object]:
    """The payment service overwrites what another process committed meanwhile."""
    return patch.object(MemorySaleStore, "_check", lambda *_: None)


def keep_money_that_came_too_late() -> AbstractContextManager[object]:
    """Money taken for an order that was cancelled meanwhile stays."""
    return patch.object(return_money, "_why_it_does_not_count", lambda *_: None)


def forget_the_deadline() -> AbstractContextManager[object]:
    """An order that nobody pays keeps its vehicle for ever."""

    def put_nothing(self: SimulatedUnitOfWork) -> None:
        self._written.deadlines.clear()
        _commit(self)

    return patch.object(SimulatedUnitOfWork, "commit", put_nothing)


def leave_the_vehicle_locked() -> AbstractContextManager[object]:
    """A cancelled order does not set its vehicle free."""
    from dataclasses import replace

    cancelled = change_order.cancelled

    @contextmanager
    def patched() -> Iterator[None]:
        def kept(*arguments: Any) -> Any:
            return replace(cancelled(*arguments), vehicle=None)

        with (
            patch.object(change_order, "cancelled", kept),
            patch("autodeal_vehicle.domain.react_to_payment.cancelled", kept),
        ):
            yield

    return patched()


def wait_for_money_that_the_bank_took_back() -> AbstractContextManager[object]:
    """A refund is waited for although the money has gone back already."""

    @contextmanager
    def patched() -> Iterator[None]:
        # The refund that is asked for after the charge-back, and the one that was before.
        with (
            patch.object(change_order, "refunded", _as_it_is),
            patch.object(react_to_payment, "refunded", _refunded_unless_flagged),
        ):
            yield

    return patched()


def _as_it_is(change: Change) -> Change:
    return change


def _refunded_unless_flagged(change: Change) -> Change:
    return change if change.order.charged_back else _refunded(change)


def sell_without_looking() -> AbstractContextManager[object]:
    """A sale is stored without asking whether its vehicle still is what the buyer saw."""
    from dataclasses import replace

    commit = SimulatedVehicleStore.commit

    async def commit_anyway(self: SimulatedVehicleStore, sale: Any) -> bool:
        current = self.state.vehicles[sale.vehicle.id]
        return await commit(self, replace(sale, vehicle=current, change=replace(sale.change, vehicle=None)))

    return patch.object(SimulatedVehicleStore, "commit", commit_anyway)


_refunded = change_order.refunded
_reserve = SimulatedOutbox.reserve
_create = ProviderCaller._create
_commit = SimulatedUnitOfWork.commit

MUTATIONS: dict[str, Mutation] = {
    mutation.__name__: mutation
    for mutation in (
        commit_the_offset_first,
        skip_what_fails,
        drop_the_inbox_check,
        read_past_a_high_water_mark,
        delete_before_the_acknowledgement,
        skip_a_failed_send,
        publish_before_the_commit,
        publish_after_the_commit,
        scatter_the_keys,
        refund_without_a_key,
        create_without_a_key,
        forget_the_version,
        keep_money_that_came_too_late,
        forget_the_deadline,
        leave_the_vehicle_locked,
        wait_for_money_that_the_bank_took_back,
        sell_without_looking,
    )
}
