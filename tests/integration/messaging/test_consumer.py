"""The consumer on a real broker."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Protocol

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer
from aiokafka.structs import TopicPartition

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.consumer import Consumer
from autodeal_messaging.kafka_clients import make_admin, make_producer
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.metrics import CONSUMER_LAG
from autodeal_messaging.topics_admin import ensure_topics

pytestmark = pytest.mark.integration

Loop = Callable[[asyncio.Event], Awaitable[None]]
Running = Callable[[Loop], AbstractAsyncContextManager["asyncio.Task[None]"]]
Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]


class EventTopic(Protocol):
    name: str
    partitions: int

    def event(self, key: str, sequence: int) -> Envelope: ...


class Effects:
    """A handler that notes what it handled, in order, with switches to hold it up or let it fail."""

    def __init__(self) -> None:
        self.by_key: defaultdict[str, list[int]] = defaultdict(list)
        self.attempts: defaultdict[str, int] = defaultdict(int)
        self.held_up: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.hold_up: set[str] = set()
        self.failing: set[str] = set()
        self.running = 0
        self.most_running = 0
        self.seconds = 0.0

    async def handle(self, envelope: Envelope) -> None:
        self.attempts[envelope.id] += 1
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await asyncio.sleep(self.seconds)
            if envelope.id in self.hold_up:
                await self.held_up[envelope.id].wait()
            if envelope.id in self.failing:
                raise RuntimeError("told to fail")
            self.by_key[envelope.key].append(envelope.sequence)
        finally:
            self.running -= 1

    def first_effects(self) -> dict[str, list[int]]:
        return {key: list(dict.fromkeys(sequences)) for key, sequences in self.by_key.items()}

    def count(self) -> int:
        return sum(len(sequences) for sequences in self.first_effects().values())

    def reached(self, count: int) -> Callable[[], Awaitable[bool]]:
        async def reached() -> bool:
            return self.count() >= count

        return reached

    def attempted(self, event_id: str, times: int = 1) -> Callable[[], Awaitable[bool]]:
        async def attempted() -> bool:
            return self.attempts[event_id] >= times

        return attempted


@pytest_asyncio.fixture(loop_scope="session")
async def producer(kafka_settings: KafkaSettings) -> AsyncIterator[AIOKafkaProducer]:
    producer = make_producer(kafka_settings)
    await producer.start()
    yield producer
    await producer.stop()


async def send(producer: AIOKafkaProducer, *envelopes: Envelope) -> None:
    for acknowledged in [
        await producer.send(
            envelope.topic, key=envelope.key.encode(), value=envelope.data, headers=envelope.headers()
        )
        for envelope in envelopes
    ]:
        await acknowledged


async def send_all(producer: AIOKafkaProducer, topic: EventTopic, *, keys: int, events: int) -> None:
    for sequence in range(1, events + 1):
        await send(producer, *(topic.event(f"key-{number}", sequence) for number in range(keys)))


def expected(keys: int, events: int) -> dict[str, list[int]]:
    return {f"key-{number}": list(range(1, events + 1)) for number in range(keys)}


async def committed(settings: KafkaSettings, group: str, topic: EventTopic) -> int:
    """Return the sum of the group's offsets: how many records count as done."""
    admin = make_admin(settings)
    await admin.start()
    try:
        partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        offsets = await admin.list_consumer_group_offsets(group, partitions=partitions)
        return sum(max(0, found.offset) for found in offsets.values())
    finally:
        await admin.close()


async def test_keys_run_side_by_side_and_each_in_order_when_many_records_come(
    *,
    topic: EventTopic,
    group: str,
    producer: AIOKafkaProducer,
    impatient: KafkaSettings,
    running: Running,
    until: Until,
) -> None:
    effects = Effects()
    effects.seconds = 0.002
    await send_all(producer, topic, keys=20, events=10)
    consumer = Consumer(impatient, group, [topic.name], effects.handle, concurrency=5)
    async with running(consumer.run):
        await until(effects.reached(200))
    assert effects.by_key == expected(20, 10)
    assert 1 < effects.most_running <= 5
    assert await committed(impatient, group, topic) == 200


async def test_an_offset_is_committed_only_when_all_before_it_took_effect(
    *,
    topic: EventTopic,
    group: str,
    producer: AIOKafkaProducer,
    impatient: KafkaSettings,
    running: Running,
    until: Until,
) -> None:
    effects = Effects()
    effects.hold_up = {f"key-{number}-1" for number in range(10)}
    await send_all(producer, topic, keys=10, events=1)
    await send(producer, *(topic.event(f"other-{number}", 1) for number in range(30)))
    async with running(Consumer(impatient, group, [topic.name], effects.handle).run):
        await until(effects.reached(30))
        await until(effects.attempted("key-9-1"))
        await asyncio.sleep(0.3)  # several commits long
        assert await committed(impatient, group, topic) == 0
        assert CONSUMER_LAG.labels(group, topic.name)._value.get() >= 10
        for event_id in effects.hold_up:
            effects.held_up[event_id].set()
        await until(effects.reached(40))

        async def all_committed() -> bool:
            return await committed(impatient, group, topic) == 40

        async def nothing_is_left() -> bool:
            return bool(CONSUMER_LAG.labels(group, topic.name)._value.get() == 0)

        await until(all_committed)
        await until(nothing_is_left)


async def test_a_record_holds_its_key_and_is_never_skipped_when_its_handler_fails_at_first(
    *,
    topic: EventTopic,
    group: str,
    producer: AIOKafkaProducer,
    impatient: KafkaSettings,
    running: Running,
    until: Until,
) -> None:
    effects = Effects()
    effects.failing = {"key-0-2"}
    await send_all(producer, topic, keys=5, events=4)
    async with running(Consumer(impatient, group, [topic.name], effects.handle).run):
        await until(effects.reached(17))
        await until(effects.attempted("key-0-2", times=3))
        assert effects.by_key["key-0"] == [1]
        assert await committed(impatient, group, topic) < 20
        effects.failing.clear()
        await until(effects.reached(20))
    assert effects.by_key == expected(5, 4)
    assert await committed(impatient, group, topic) == 20


async def test_other_keys_go_on_when_more_keys_fail_than_may_run_at_once(
    *,
    topic: EventTopic,
    group: str,
    producer: AIOKafkaProducer,
    impatient: KafkaSettings,
    running: Running,
    until: Until,
) -> None:
    effects = Effects()
    effects.failing = {f"key-{number}-1" for number in range(10)}
    await send_all(producer, topic, keys=30, events=1)
    consumer = Consumer(impatient, group, [topic.name], effects.handle, concurrency=2)
    async with running(consumer.run):
        await until(effects.reached(20))
    assert not {f"key-{number}" for number in range(10)} & effects.by_key.keys()


async def test_a_record_holds_its_key_and_is_not_skipped_when_it_cannot_be_decoded(
    *,
    topic: EventTopic,
    group: str,
    producer: AIOKafkaProducer,
    impatient: KafkaSettings,
    running: Running,
    until: Until,
) -> None:
    effects = Effects()
    await producer.send_and_wait(topic.name, key=b"key-0", value=b"?", partition=0)
    await producer.send_and_wait(
        topic.name, key=b"key-0", value=b"{}", headers=topic.event("key-0", 1).headers(), partition=0
    )
    await producer.send_and_wait(
        topic.name, key=b"key-1", value=b"{}", headers=topic.event("key-1", 1).headers(), partition=0
    )
    async with running(Consumer(impatient, group, [topic.name], effects.handle).run):
        await until(effects.reached(1))
        await asyncio.sleep(0.3)  # several attempts and commits long
    assert effects.by_key == {"key-1": [1]}
    assert await committed(impatient, group, topic) == 0


async def test_what_runs_finishes_and_is_committed_when_told_to_stop(
    *,
    topic: EventTopic,
    group: str,
    producer: AIOKafkaProducer,
    impatient: KafkaSettings,
    until: Until,
) -> None:
    effects = Effects()
    effects.hold_up = {"key-1"}
    effects.hold_up = {"key-0-1"}
    await send(producer, topic.event("key-0", 1), topic.event("key-0", 2))
    stop = asyncio.Event()
    consuming = asyncio.ensure_future(Consumer(impatient, group, [topic.name], effects.handle).run(stop))
    await until(effects.attempted("key-0-1"))
    stop.set()
    await asyncio.sleep(0.2)
    assert not consuming.done(), "it waits for what runs"
    effects.held_up["key-0-1"].set()
    await consuming
    assert effects.by_key == {"key-0": [1]}, "what ran finished, and nothing new began"
    assert await committed(impatient, group, topic) == 1


async def test_records_come_again_when_a_consumer_dies_before_their_effect(
    *,
    topic: EventTopic,
    group: str,
    producer: AIOKafkaProducer,
    impatient: KafkaSettings,
    running: Running,
    until: Until,
) -> None:
    dying, living = Effects(), Effects()
    dying.hold_up = {f"key-{number}-2" for number in range(6)}
    await send_all(producer, topic, keys=6, events=4)
    task = asyncio.ensure_future(
        Consumer(with_short_drain(impatient), group, [topic.name], dying.handle).run(asyncio.Event())
    )
    await until(dying.reached(6))
    await until(dying.attempted("key-5-2"))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with running(Consumer(impatient, group, [topic.name], living.handle).run):

        async def every_key_is_complete() -> bool:
            return all(living.by_key[f"key-{number}"][-3:] == [2, 3, 4] for number in range(6))

        await until(every_key_is_complete)
    assert all(1 not in sequences[1:] for sequences in living.by_key.values())


def with_short_drain(settings: KafkaSettings) -> KafkaSettings:
    from dataclasses import replace

    return replace(settings, kafka_drain_timeout_seconds=0.05)


async def test_every_record_takes_effect_once_and_in_order_when_members_join_and_leave(
    *,
    topic: EventTopic,
    group: str,
    producer: AIOKafkaProducer,
    impatient: KafkaSettings,
    running: Running,
    until: Until,
) -> None:
    """Nobody dies here, so each partition is handed over with everything done also committed."""
    effects = Effects()
    effects.seconds = 0.002
    keys, events = 20, 60

    def member() -> Loop:
        return Consumer(impatient, group, [topic.name], effects.handle, concurrency=4).run

    async def send_slowly() -> None:
        for sequence in range(1, events + 1):
            await send(producer, *(topic.event(f"key-{number}", sequence) for number in range(keys)))
            await asyncio.sleep(0.02)

    sending = asyncio.create_task(send_slowly())
    async with running(member()):
        await until(effects.reached(50))
        async with AsyncExitStack() as joined:
            await joined.enter_async_context(running(member()))
            await until(effects.reached(300))
            await joined.enter_async_context(running(member()))
            await until(effects.reached(600))
        await sending
        await until(effects.reached(keys * events))
    assert effects.by_key == expected(keys, events)
    assert await committed(impatient, group, topic) == keys * events


async def test_a_silent_members_partitions_are_taken_over_when_it_is_cut_off(
    *,
    topic: EventTopic,
    group: str,
    producer: AIOKafkaProducer,
    impatient: KafkaSettings,
    running: Running,
    until: Until,
) -> None:
    """One member is killed in the middle, without a word to the group."""
    effects = Effects()
    effects.seconds = 0.002
    keys, events = 20, 30
    victim = Consumer(impatient, group, [topic.name], effects.handle, concurrency=4)
    cut_off = asyncio.ensure_future(victim.run(asyncio.Event()))
    async with running(Consumer(impatient, group, [topic.name], effects.handle, concurrency=4).run):
        sending = asyncio.create_task(send_all(producer, topic, keys=keys, events=events))
        await until(effects.reached(100))
        cut_off.cancel()
        await asyncio.gather(cut_off, return_exceptions=True)
        await sending
        await until(effects.reached(keys * events))
    assert effects.first_effects() == expected(keys, events)


async def test_consuming_goes_on_when_the_broker_was_restarted(
    *, topic: EventTopic, group: str, private_broker: Any, running: Running, until: Until
) -> None:
    settings = private_broker.settings
    effects = Effects()
    await ensure_topics(settings, [topic])  # type: ignore[list-item]  # the test's topic has all it takes
    async with running(Consumer(settings, group, [topic.name], effects.handle).run):
        await send_with_own_producer(settings, topic.event("key", 1))
        await until(effects.reached(1))

        # The embedded broker forgets its records; an offset committed to the new one would hide one.
        async def first_is_committed() -> bool:
            return await committed(settings, group, topic) == 1

        await until(first_is_committed)
        await private_broker.kill()
        await private_broker.restart()
        await ensure_topics(settings, [topic])  # type: ignore[list-item]  # as above
        await send_with_own_producer(settings, topic.event("key", 2))
        await until(effects.reached(2))
    assert effects.first_effects() == {"key": [1, 2]}


async def send_with_own_producer(settings: KafkaSettings, envelope: Envelope) -> None:
    producer = make_producer(settings)
    await producer.start()
    try:
        await send(producer, envelope)
    finally:
        await producer.stop()
