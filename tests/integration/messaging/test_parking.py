"""Records that fail, on a broker and on each store: others go on, their keys wait, all come through."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.integration.messaging.parking_stage import LIMITS, ParkingStage

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.parking.operate import ParkingOperator
from autodeal_messaging.parking.port import ParkedFilter, ParkedState

pytestmark = pytest.mark.integration


class Effects:
    """A handler with an inbox, which fails for some events and counts who did what in which order."""

    def __init__(self) -> None:
        self.by_key: defaultdict[str, list[int]] = defaultdict(list)
        self.failing: set[str] = set()
        self.slow: set[str] = set()
        self.away = False
        self.attempts: defaultdict[str, int] = defaultdict(int)

    async def handle(self, envelope: Envelope) -> None:
        self.attempts[envelope.id] += 1
        await asyncio.sleep(0)
        if self.away:
            raise ConnectionRefusedError("told to be away")
        if envelope.id in self.slow:
            raise TimeoutError("took too long")
        if envelope.id in self.failing:
            raise RuntimeError("told to fail")
        if envelope.sequence not in self.by_key[envelope.key]:
            self.by_key[envelope.key].append(envelope.sequence)

    def have(self, expected: dict[str, list[int]]) -> Callable[[], Awaitable[bool]]:
        async def have() -> bool:
            return all(self.by_key[key] == sequences for key, sequences in expected.items())

        return have


async def test_all_come_through_in_order_when_a_failing_record_is_mended_and_redriven(
    parking: ParkingStage,
) -> None:
    effects = Effects()
    effects.failing = {"bad-2"}
    for sequence in range(1, 6):
        await parking.send(parking.topic.event("bad", sequence), parking.topic.event("good", sequence))
    operator = ParkingOperator(parking.store, "ana@desk")

    async def is_dead() -> bool:
        return (await parking.store.counts()).dead == 1 and (await parking.store.counts()).parked == 3

    async with parking.consuming(effects.handle), parking.replaying(effects.handle):
        await parking.until(effects.have({"good": [1, 2, 3, 4, 5], "bad": [1]}))
        await parking.until(is_dead)
        assert effects.by_key["bad"] == [1]
        [dead] = await operator.find(ParkedFilter(state=ParkedState.DEAD))
        assert (dead.event_id, dead.last_error) == ("bad-2", "RuntimeError: told to fail")
        effects.failing.clear()
        keys = await operator.plan(ParkedFilter())
        assert [key.records for key in keys.first_keys] == [4]
        async for _ in operator.redrive(keys, records_per_second=None, reason="mended"):
            pass
        await parking.until(effects.have({"bad": [1, 2, 3, 4, 5]}))
        await parking.send(parking.topic.event("bad", 6))
        await parking.until(effects.have({"bad": [1, 2, 3, 4, 5, 6]}))
    assert not await operator.find(ParkedFilter())


async def test_records_keep_their_order_when_they_come_while_their_key_is_replayed(
    parking: ParkingStage,
) -> None:
    """Two workers, and a stream that goes on while the key is parked, drained and parked again."""
    effects = Effects()
    effects.failing = {"key-1"}
    expected = list(range(1, 41))
    async with (
        parking.consuming(effects.handle),
        parking.replaying(effects.handle),
        parking.replaying(effects.handle),
    ):
        for sequence in expected:
            await parking.send(parking.topic.event("key", sequence))
            if sequence == 15:
                parked = await first_entry(parking)
                effects.failing = {"key-30"}
                await parking.store.revive(parked)
            if sequence == 35:
                effects.failing = set()

        async def comes_through() -> bool:
            operator = ParkingOperator(parking.store, "ana")
            plan = await operator.plan(ParkedFilter(state=ParkedState.DEAD))
            async for _ in operator.redrive(plan, records_per_second=None, reason=""):
                pass
            return effects.by_key["key"] == expected

        await parking.until(comes_through)


async def first_entry(parking: ParkingStage) -> Any:
    async def is_parked() -> bool:
        return bool(await parking.store.keys(ParkedFilter()))

    await parking.until(is_parked)
    [key] = await parking.store.keys(ParkedFilter())
    return ParkingOperator(parking.store, "ana")._entry("redrive", key.first, "")


async def test_nothing_is_parked_when_the_surroundings_are_away(parking: ParkingStage) -> None:
    effects = Effects()
    effects.away = True
    await parking.send(*(parking.topic.event(f"key-{number}", 1) for number in range(5)))

    async def was_tried() -> bool:
        return sum(effects.attempts.values()) > LIMITS.attempts_in_place

    async with parking.consuming(effects.handle):
        await parking.until(was_tried)
        effects.away = False
        await parking.until(effects.have({f"key-{number}": [1] for number in range(5)}))
    assert not await parking.store.find(ParkedFilter())


async def test_a_record_is_parked_and_others_go_on_when_it_always_times_out(parking: ParkingStage) -> None:
    effects = Effects()
    effects.slow = {"slow-1"}
    for sequence in range(1, 6):
        await parking.send(parking.topic.event("slow", sequence), parking.topic.event("good", sequence))

    async def is_dead() -> bool:
        return (await parking.store.counts()).dead == 1 and (await parking.store.counts()).parked == 4

    async with parking.consuming(effects.handle), parking.replaying(effects.handle):
        await parking.until(effects.have({"good": [1, 2, 3, 4, 5]}))
        await parking.until(is_dead)
        [dead] = await parking.store.find(ParkedFilter(state=ParkedState.DEAD))
        assert dead.last_error == "TimeoutError: took too long"


async def test_an_undecodable_record_holds_up_only_its_key_when_it_comes(parking: ParkingStage) -> None:
    effects = Effects()
    await parking.send_raw(b"?", key=b"bad")
    await parking.send_raw(b"?", key=None)
    events = [parking.topic.event("bad", 1), parking.topic.event("good", 1)]
    for envelope in events:
        await parking.send_raw(b"{}", key=envelope.key.encode(), headers=envelope.headers())

    async def all_parked() -> bool:
        return len(await parking.store.find(ParkedFilter())) == 3

    async with parking.consuming(effects.handle), parking.replaying(effects.handle):
        await parking.until(effects.have({"good": [1]}))
        await parking.until(all_parked)
        assert "bad" not in effects.by_key
        operator = ParkingOperator(parking.store, "ana")
        for record in await operator.find(ParkedFilter(state=ParkedState.DEAD)):
            assert record.offset in {0, 1}
            await operator.discard(record.id, "garbage")
        await parking.until(effects.have({"bad": [1]}))
