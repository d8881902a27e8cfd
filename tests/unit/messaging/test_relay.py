"""The relay's promise of order, with a Kafka and an outbox in memory that misbehave on purpose."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.messaging.relay_in_memory import (
    QUICK,
    SETTINGS,
    Event,
    add,
    expected,
    make_relay,
    running,
    until,
)

from autodeal_messaging.memory.outbox_store import MemoryOutbox, MemoryOutboxStore
from autodeal_messaging.metrics import OUTBOX_DEPTH, OUTBOX_OLDEST_AGE, RELAYED
from autodeal_messaging.nudge import Nudge
from autodeal_messaging.outbox.port import Batch
from autodeal_messaging.relay import Relay
from autodeal_messaging.relay_round import partition_of

pytestmark = pytest.mark.usefixtures("producers_of_the_fake")


async def test_every_event_is_sent_once_and_in_order_when_all_is_well(
    outbox: MemoryOutbox, kafka: Any, event: Event
) -> None:
    add(outbox, event, keys=10, events=20)
    async with running(make_relay(outbox, "relay")):
        await until(lambda: not outbox.records)
    assert kafka.first_copies() == expected(10, 20)
    assert sum(len(log) for log in kafka.log.values()) == 200


async def test_a_partition_has_one_batch_on_its_way_when_many_wait(
    outbox: MemoryOutbox, kafka: Any, event: Event
) -> None:
    most = 0

    async def watch(partition: int, _ids: object) -> str:
        nonlocal most
        for _ in range(3):
            most = max(most, kafka.sending[partition])
            await asyncio.sleep(0.001)
        return "written"

    kafka.treat = watch
    add(outbox, event, keys=10, events=10)
    async with running(make_relay(outbox, "relay")):
        await until(lambda: not outbox.records)
    assert most == 1


async def test_reading_goes_on_when_acknowledgements_are_on_their_way(
    outbox: MemoryOutbox, kafka: Any, event: Event
) -> None:
    """One partition that hangs does not keep the others from being read and sent."""
    hanging = partition_of("key-0", kafka.partitions)
    released = asyncio.Event()

    async def hang(partition: int, _ids: object) -> str:
        if partition == hanging:
            await released.wait()
        return "written"

    kafka.treat = hang
    outbox.add([event("key-0", 1)])
    others = [f"key-{n}" for n in range(1, 50) if partition_of(f"key-{n}", kafka.partitions) != hanging]
    async with running(make_relay(outbox, "relay")):
        await until(lambda: kafka.sending[hanging])
        outbox.add(event(key, 1) for key in others)
        await until(lambda: len(outbox.records) == 1)
        outbox.add([event("key-0", 2)])
        await asyncio.sleep(0.01)
        released.set()
        await until(lambda: not outbox.records)
    assert kafka.first_copies()["key-0"] == [1, 2]
    assert sum(len(log) for log in kafka.log.values()) == len(others) + 2


async def test_nothing_is_deleted_when_it_was_not_acknowledged(
    outbox: MemoryOutbox, kafka: Any, event: Event
) -> None:
    async def lose(_partition: int, _ids: object) -> str:
        return "lost"

    kafka.treat = lose
    add(outbox, event, keys=5, events=3)
    async with running(make_relay(outbox, "relay")):
        await until(lambda: kafka.starts > 5)
    assert len(outbox.records) == 15


async def test_a_new_producer_is_made_when_a_send_fails(
    outbox: MemoryOutbox, kafka: Any, event: Event
) -> None:
    failures = iter(["lost", "written, but the answer is lost"])

    async def fail_twice(_partition: int, _ids: object) -> str:
        return next(failures, "written")

    kafka.treat = fail_twice
    kafka.partitions = 1
    add(outbox, event, keys=1, events=10)
    async with running(make_relay(outbox, "relay")):
        await until(lambda: not outbox.records)
    assert kafka.starts == 3
    assert kafka.first_copies() == expected(1, 10)


async def test_a_send_without_answer_ends_when_its_time_is_up(
    outbox: MemoryOutbox, kafka: Any, event: Event
) -> None:
    async def hang_at_first(_partition: int, _ids: object) -> str:
        if kafka.starts == 1:
            await asyncio.Event().wait()
        return "written"

    kafka.treat = hang_at_first
    outbox.add([event("key", 1)])
    limits = replace(QUICK, acknowledge_timeout_seconds=0.01)
    async with running(make_relay(outbox, "relay", limits=limits)):
        await until(lambda: not outbox.records)
    assert kafka.starts == 2


async def test_events_wait_when_kafka_cannot_be_reached(
    outbox: MemoryOutbox, kafka: Any, event: Event
) -> None:
    kafka.reachable = False
    outbox.add([event("key", 1)])
    async with running(make_relay(outbox, "relay")):
        await asyncio.sleep(0.03)
        assert len(outbox.records) == 1
        kafka.reachable = True
        await until(lambda: not outbox.records)
    assert kafka.first_copies() == {"key": [1]}


async def test_other_topics_go_on_when_one_does_not_exist(
    outbox: MemoryOutbox, kafka: Any, event: Event
) -> None:
    kafka.missing_topics = {"missing.v1"}
    outbox.add(event(f"key-{number}", 1, topic="missing.v1") for number in range(5))
    async with running(make_relay(outbox, "relay")):
        add(outbox, event, keys=3, events=5)
        await until(lambda: len(outbox.records) == 5)
        kafka.missing_topics.clear()
        await until(lambda: not outbox.records)


async def test_what_is_sent_is_finished_and_deleted_when_told_to_stop(
    outbox: MemoryOutbox, kafka: Any, event: Event
) -> None:
    async def slowly(_partition: int, _ids: object) -> str:
        await asyncio.sleep(0.002)
        return "written"

    kafka.treat = slowly
    add(outbox, event, keys=20, events=30)
    async with running(make_relay(outbox, "relay")):
        await until(lambda: kafka.log)
    sent = sum(len(log) for log in kafka.log.values())
    assert 0 < sent < 600
    assert len(outbox.records) == 600 - sent
    assert not outbox.holders, "its shards are free at once"


async def test_a_read_is_dropped_when_a_send_fails_during_it(
    outbox: MemoryOutbox, kafka: Any, event: Event
) -> None:
    """The read excluded event 1, whose outcome is now unknown, so event 2 must not go out on its own."""
    read_begun, failed = asyncio.Event(), asyncio.Event()

    class SlowStore(MemoryOutboxStore):
        async def read(self, *, limit: int, exclude: Collection[int], keys: frozenset[str] | None) -> Batch:
            batch = await super().read(limit=limit, exclude=exclude, keys=keys)
            if exclude and batch.records and not failed.is_set():
                read_begun.set()
                await failed.wait()
                await asyncio.sleep(0.01)
            return batch

    async def fail_during_the_read(_partition: int, _ids: object) -> str:
        if not failed.is_set():
            outbox.add([event("key", 2)])
            await read_begun.wait()
            failed.set()
            return "lost"
        return "written"

    kafka.treat = fail_during_the_read
    outbox.add([event("key", 1)])
    relay = Relay(SlowStore(outbox, "relay"), SETTINGS, Nudge(), "relay", limits=QUICK)
    async with running(relay):
        await until(lambda: not outbox.records)
    assert kafka.first_copies() == {"key": [1, 2]}


async def test_relaying_goes_on_when_the_store_fails_now_and_then(
    outbox: MemoryOutbox, kafka: Any, event: Event
) -> None:
    chance = random.Random(7)

    class FlakyStore(MemoryOutboxStore):
        async def read(self, *, limit: int, exclude: Collection[int], keys: frozenset[str] | None) -> Batch:
            if chance.random() < 0.2:
                raise ConnectionError("the database went away")
            return await super().read(limit=limit, exclude=exclude, keys=keys)

        async def delete(self, positions: Any) -> None:
            if chance.random() < 0.2:
                raise ConnectionError("the database went away")
            await super().delete(positions)

    add(outbox, event, keys=10, events=20)
    relay = Relay(FlakyStore(outbox, "relay"), SETTINGS, Nudge(), "relay", limits=QUICK)
    async with running(relay):
        await until(lambda: not outbox.records)
    assert kafka.first_copies() == expected(10, 20)


@pytest.mark.parametrize("seed", range(12))
async def test_first_copies_come_in_order_when_everything_fails_at_random(
    outbox: MemoryOutbox, kafka: Any, event: Event, seed: int
) -> None:
    """Sends are lost, or written without an answer, late; relays are killed; all while events are written."""
    chance = random.Random(seed)

    async def misbehave(_partition: int, _ids: object) -> str:
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)
        return chance.choices(["written", "lost", "written, but the answer is lost"], weights=[8, 1, 1])[0]

    async def write() -> None:
        for sequence in range(1, 16):
            for number in range(8):
                outbox.add([event(f"key-{number}", sequence)])
                if chance.random() < 0.3:
                    await asyncio.sleep(0.0005)

    async def kill_relays() -> None:
        for number in range(6):
            task = asyncio.create_task(make_relay(outbox, f"victim-{number}").run(asyncio.Event()))
            await asyncio.sleep(chance.random() * 0.02)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    kafka.treat = misbehave
    async with running(make_relay(outbox, "first"), make_relay(outbox, "second")):
        await asyncio.gather(write(), kill_relays())
        await until(lambda: not outbox.records)
    assert kafka.first_copies() == expected(8, 15)


async def test_the_gauges_tell_the_backlog_when_kafka_is_away(
    outbox: MemoryOutbox, kafka: Any, event: Event
) -> None:
    kafka.reachable = False
    add(outbox, event, keys=2, events=2)
    depth, age = OUTBOX_DEPTH.labels("measured"), OUTBOX_OLDEST_AGE.labels("measured")
    async with running(make_relay(outbox, "measured")):
        await until(lambda: depth._value.get() == 4)
    assert age._value.get() > 0


async def test_acknowledged_events_are_counted_when_they_are_relayed(
    outbox: MemoryOutbox, kafka: Any, event: Event
) -> None:
    add(outbox, event, keys=3, events=2)
    counter = RELAYED.labels("counted", event("key", 1).topic)
    async with running(make_relay(outbox, "counted")):
        await until(lambda: not outbox.records)
    assert counter._value.get() == 6
