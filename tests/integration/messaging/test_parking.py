"""Records that fail, on a broker and on each store: others go on, their keys wait, all come through."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import pytest
from aiokafka import AIOKafkaProducer

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.consumer import Consumer
from autodeal_messaging.failure_kind import FailureKinds
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.parking.limits import ParkingLimits
from autodeal_messaging.parking.operate import ParkingOperator
from autodeal_messaging.parking.park_records import RecordParking
from autodeal_messaging.parking.port import ParkedFilter, ParkedState, ParkingStore
from autodeal_messaging.parking.replay import ReplayWorker

pytestmark = pytest.mark.integration

Loop = Callable[[asyncio.Event], Awaitable[None]]
Running = Callable[[Loop], AbstractAsyncContextManager["asyncio.Task[None]"]]
Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]
LIMITS = ParkingLimits(
    attempt_limit=2, retry_first_seconds=0.05, retry_maximum_seconds=0.1, poll_seconds=0.02, claim_seconds=2.0
)


class EventTopic(Protocol):
    name: str

    def event(self, key: str, sequence: int) -> Envelope: ...


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


async def send(producer: AIOKafkaProducer, *envelopes: Envelope) -> None:
    for envelope in envelopes:
        await producer.send_and_wait(
            envelope.topic, key=envelope.key.encode(), value=envelope.data, headers=envelope.headers()
        )


def consumer(settings: KafkaSettings, topic: EventTopic, store: ParkingStore, effects: Effects) -> Loop:
    parking = RecordParking(store, FailureKinds(), limits=LIMITS)
    return Consumer(settings, store.group, [topic.name], effects.handle, failures=parking).run


def replay(store: ParkingStore, effects: Effects) -> Loop:
    return ReplayWorker(store, effects.handle, FailureKinds(), limits=LIMITS).run


async def test_all_come_through_in_order_when_a_failing_record_is_mended_and_redriven(
    *,
    topic: EventTopic,
    store: ParkingStore,
    producer: AIOKafkaProducer,
    impatient: KafkaSettings,
    running: Running,
    until: Until,
) -> None:
    effects = Effects()
    effects.failing = {"bad-2"}
    for sequence in range(1, 6):
        await send(producer, topic.event("bad", sequence), topic.event("good", sequence))
    operator = ParkingOperator(store, "ana@desk")

    async def is_dead() -> bool:
        return (await store.counts()).dead == 1 and (await store.counts()).parked == 3

    async with running(consumer(impatient, topic, store, effects)), running(replay(store, effects)):
        await until(effects.have({"good": [1, 2, 3, 4, 5], "bad": [1]}))
        await until(is_dead)
        assert effects.by_key["bad"] == [1]
        [dead] = await operator.find(ParkedFilter(state=ParkedState.DEAD))
        assert (dead.event_id, dead.last_error) == ("bad-2", "RuntimeError: told to fail")
        effects.failing.clear()
        keys = await operator.plan(ParkedFilter())
        assert [key.records for key in keys.first_keys] == [4]
        async for _ in operator.redrive(keys, records_per_second=None, reason="mended"):
            pass
        await until(effects.have({"bad": [1, 2, 3, 4, 5]}))
        await send(producer, topic.event("bad", 6))
        await until(effects.have({"bad": [1, 2, 3, 4, 5, 6]}))
    assert not await operator.find(ParkedFilter())


async def test_records_keep_their_order_when_they_come_while_their_key_is_replayed(
    *,
    topic: EventTopic,
    store: ParkingStore,
    producer: AIOKafkaProducer,
    impatient: KafkaSettings,
    running: Running,
    until: Until,
) -> None:
    """Two workers, and a stream that goes on while the key is parked, drained and parked again."""
    effects = Effects()
    effects.failing = {"key-1"}
    expected = list(range(1, 41))
    async with (
        running(consumer(impatient, topic, store, effects)),
        running(replay(store, effects)),
        running(replay(store, effects)),
    ):
        for sequence in expected:
            await send(producer, topic.event("key", sequence))
            if sequence == 15:
                parked = await first_entry(store, until)
                effects.failing = {"key-30"}
                await store.revive(parked)
            if sequence == 35:
                effects.failing = set()

        async def comes_through() -> bool:
            operator = ParkingOperator(store, "ana")
            plan = await operator.plan(ParkedFilter(state=ParkedState.DEAD))
            async for _ in operator.redrive(plan, records_per_second=None, reason=""):
                pass
            return effects.by_key["key"] == expected

        await until(comes_through)


async def first_entry(store: ParkingStore, until: Until) -> Any:
    async def is_parked() -> bool:
        return bool(await store.keys(ParkedFilter()))

    await until(is_parked)
    [key] = await store.keys(ParkedFilter())
    return ParkingOperator(store, "ana")._entry("redrive", key.first, "")


async def test_nothing_is_parked_when_the_surroundings_are_away(
    *,
    topic: EventTopic,
    store: ParkingStore,
    producer: AIOKafkaProducer,
    impatient: KafkaSettings,
    running: Running,
    until: Until,
) -> None:
    effects = Effects()
    effects.away = True
    await send(producer, *(topic.event(f"key-{number}", 1) for number in range(5)))

    async def was_tried() -> bool:
        return sum(effects.attempts.values()) > LIMITS.attempts_in_place

    async with running(consumer(impatient, topic, store, effects)):
        await until(was_tried)
        effects.away = False
        await until(effects.have({f"key-{number}": [1] for number in range(5)}))
    assert not await store.find(ParkedFilter())


async def test_a_record_is_parked_and_others_go_on_when_it_always_times_out(
    *,
    topic: EventTopic,
    store: ParkingStore,
    producer: AIOKafkaProducer,
    impatient: KafkaSettings,
    running: Running,
    until: Until,
) -> None:
    effects = Effects()
    effects.slow = {"slow-1"}
    for sequence in range(1, 6):
        await send(producer, topic.event("slow", sequence), topic.event("good", sequence))

    async def is_dead() -> bool:
        return (await store.counts()).dead == 1 and (await store.counts()).parked == 4

    async with running(consumer(impatient, topic, store, effects)), running(replay(store, effects)):
        await until(effects.have({"good": [1, 2, 3, 4, 5]}))
        await until(is_dead)
        [dead] = await store.find(ParkedFilter(state=ParkedState.DEAD))
        assert dead.last_error == "TimeoutError: took too long"


async def test_an_undecodable_record_holds_up_only_its_key_when_it_comes(
    *,
    topic: EventTopic,
    store: ParkingStore,
    producer: AIOKafkaProducer,
    impatient: KafkaSettings,
    running: Running,
    until: Until,
) -> None:
    effects = Effects()
    await producer.send_and_wait(topic.name, key=b"bad", value=b"?", partition=0)
    await producer.send_and_wait(topic.name, key=None, value=b"?", partition=0)
    events = [topic.event("bad", 1), topic.event("good", 1)]
    for envelope in events:
        await producer.send_and_wait(
            topic.name, key=envelope.key.encode(), value=b"{}", headers=envelope.headers(), partition=0
        )

    async def all_parked() -> bool:
        return len(await store.find(ParkedFilter())) == 3

    async with running(consumer(impatient, topic, store, effects)), running(replay(store, effects)):
        await until(effects.have({"good": [1]}))
        await until(all_parked)
        assert "bad" not in effects.by_key
        operator = ParkingOperator(store, "ana")
        for record in await operator.find(ParkedFilter(state=ParkedState.DEAD)):
            assert record.offset in {0, 1}
            await operator.discard(record.id, "garbage")
        await until(effects.have({"bad": [1]}))
