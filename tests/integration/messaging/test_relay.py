"""The relay between a real store and a real broker."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import pytest
from aiokafka.structs import ConsumerRecord
from tests.chaos.freeze_processes import frozen

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.nudge import Nudge
from autodeal_messaging.outbox.port import OutboxStore
from autodeal_messaging.postgres.notify import PostgresListener, PostgresNotifier
from autodeal_messaging.postgres.write import add_to_outbox
from autodeal_messaging.relay import Relay
from autodeal_messaging.relay_round import RelayLimits
from autodeal_messaging.topics_admin import ensure_topics

pytestmark = pytest.mark.integration

Loop = Callable[[asyncio.Event], Awaitable[None]]
Running = Callable[[Loop], AbstractAsyncContextManager["asyncio.Task[None]"]]
Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]
ReadTopic = Callable[..., Awaitable[list[ConsumerRecord]]]

NEVER_SECONDS = 3600.0


class OutboxUnderTest(Protocol):
    async def commit(self, *envelopes: Envelope) -> None: ...

    def store(self, name: str, /) -> OutboxStore: ...

    async def count(self) -> int: ...

    async def break_connections(self) -> None: ...


class EventTopic(Protocol):
    name: str

    def event(self, key: str, sequence: int) -> Envelope: ...


def first_copies(records: Iterable[ConsumerRecord]) -> dict[str, list[int]]:
    """Return each key's sequence numbers in the order in which each came first."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for record in records:
        sequence = int(dict(record.headers)["ce_sequence"])
        key = record.key.decode()
        if sequence not in found[key]:
            found[key].append(sequence)
    return dict(found)


def expected(keys: int, events: int) -> dict[str, list[int]]:
    return {f"key-{number}": list(range(1, events + 1)) for number in range(keys)}


async def write_all(outbox: OutboxUnderTest, topic: Any, *, keys: int, events: int, nudge: Nudge) -> None:
    """Write each key's events one after the other, all keys at once."""

    async def write_key(key: str) -> None:
        for sequence in range(1, events + 1):
            await outbox.commit(topic.event(key, sequence))
            nudge.ring(key)

    await asyncio.gather(*(write_key(f"key-{number}") for number in range(keys)))


def empty(outbox: OutboxUnderTest) -> Callable[[], Awaitable[bool]]:
    async def is_empty() -> bool:
        return await outbox.count() == 0

    return is_empty


async def test_each_key_arrives_in_order_when_several_relays_share_the_outbox(
    *,
    outbox: OutboxUnderTest,
    topic: EventTopic,
    kafka_settings: KafkaSettings,
    running: Running,
    read_topic: ReadTopic,
    until: Until,
) -> None:
    nudge = Nudge()
    relays = [Relay(outbox.store(f"relay-{n}"), kafka_settings, nudge, f"relay-{n}") for n in range(3)]
    async with running(relays[0].run), running(relays[1].run), running(relays[2].run):
        await write_all(outbox, topic, keys=15, events=10, nudge=nudge)
        await until(empty(outbox))
    assert first_copies(await read_topic(topic)) == expected(15, 10)


async def test_nothing_is_lost_or_reordered_when_relays_are_killed_in_the_middle(
    *,
    outbox: OutboxUnderTest,
    topic: EventTopic,
    kafka_settings: KafkaSettings,
    running: Running,
    read_topic: ReadTopic,
    until: Until,
) -> None:
    nudge = Nudge()

    async def kill_and_replace() -> None:
        for number in range(4):
            relay = Relay(outbox.store(f"victim-{number}"), kafka_settings, nudge, f"victim-{number}")
            task = asyncio.ensure_future(relay.run(asyncio.Event()))
            await asyncio.sleep(0.15)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    writing = asyncio.create_task(write_all(outbox, topic, keys=15, events=10, nudge=nudge))
    await kill_and_replace()
    await writing
    survivor = Relay(outbox.store("survivor"), kafka_settings, nudge, "survivor")
    async with running(survivor.run):
        await until(empty(outbox))
    assert first_copies(await read_topic(topic)) == expected(15, 10)


async def test_nothing_is_lost_or_reordered_when_database_connections_break(
    *,
    postgres_outbox: OutboxUnderTest,
    topic: EventTopic,
    kafka_settings: KafkaSettings,
    running: Running,
    read_topic: ReadTopic,
    until: Until,
) -> None:
    nudge = Nudge()
    relays = [Relay(postgres_outbox.store("any"), kafka_settings, nudge, f"relay-{n}") for n in range(2)]

    async def break_again_and_again() -> None:
        for _ in range(4):
            await asyncio.sleep(0.1)
            await postgres_outbox.break_connections()

    async with running(relays[0].run), running(relays[1].run):
        await asyncio.gather(
            write_all(postgres_outbox, topic, keys=20, events=30, nudge=nudge), break_again_and_again()
        )
        await until(empty(postgres_outbox))
    assert first_copies(await read_topic(topic)) == expected(20, 30)


async def test_a_late_commit_is_sent_when_later_rows_went_before(
    *,
    postgres_outbox: Any,
    topic: EventTopic,
    kafka_settings: KafkaSettings,
    running: Running,
    read_topic: ReadTopic,
    until: Until,
) -> None:
    relay = Relay(postgres_outbox.store("relay"), kafka_settings, Nudge(), "relay")
    async with running(relay.run), postgres_outbox.engine.connect() as late:
        await add_to_outbox(late, [topic.event("late", 1)])
        for number in range(5):
            await postgres_outbox.commit(topic.event(f"early-{number}", 1))
        await until(empty(postgres_outbox))
        assert "late" not in first_copies(await read_topic(topic))
        await late.commit()
        await until(empty(postgres_outbox))
    assert first_copies(await read_topic(topic))["late"] == [1]


async def test_nothing_is_published_when_the_transaction_rolls_back(
    *,
    postgres_outbox: Any,
    topic: EventTopic,
    kafka_settings: KafkaSettings,
    running: Running,
    read_topic: ReadTopic,
    until: Until,
) -> None:
    relay = Relay(postgres_outbox.store("relay"), kafka_settings, Nudge(), "relay")
    async with running(relay.run):
        async with postgres_outbox.engine.connect() as connection:
            await add_to_outbox(connection, [topic.event("undone", 1)])
            await connection.rollback()
        await postgres_outbox.commit(topic.event("done", 1))
        await until(empty(postgres_outbox))
    assert first_copies(await read_topic(topic)) == {"done": [1]}


async def test_each_event_is_sent_exactly_once_when_relays_stop_and_start_in_order(
    *,
    postgres_outbox: OutboxUnderTest,
    topic: EventTopic,
    kafka_settings: KafkaSettings,
    running: Running,
    read_topic: ReadTopic,
    until: Until,
) -> None:
    """A stop drains: what was sent is deleted, what is left was not sent."""
    nudge = Nudge()
    writing = asyncio.create_task(write_all(postgres_outbox, topic, keys=20, events=30, nudge=nudge))
    for number in range(4):
        relay = Relay(postgres_outbox.store("any"), kafka_settings, nudge, f"relay-{number}")
        async with running(relay.run):
            await asyncio.sleep(0.1)
    await writing
    async with running(Relay(postgres_outbox.store("any"), kafka_settings, nudge, "last").run):
        await until(empty(postgres_outbox))
    records = await read_topic(topic)
    assert len(records) == 20 * 30
    assert first_copies(records) == expected(20, 30)


@pytest.mark.real  # The embedded broker forgets what it has acknowledged.
async def test_events_wait_and_go_out_in_order_when_the_broker_was_away(
    *,
    postgres_outbox: OutboxUnderTest,
    topic: EventTopic,
    private_broker: Any,
    running: Running,
    read_topic: ReadTopic,
    until: Until,
) -> None:
    settings = private_broker.settings
    nudge = Nudge()
    await ensure_topics(settings, [topic])  # type: ignore[list-item]  # the test's topic has all it takes
    relay = Relay(postgres_outbox.store("relay"), settings, nudge, "relay")
    async with running(relay.run):
        await postgres_outbox.commit(topic.event("before", 1))
        await until(empty(postgres_outbox))
        await private_broker.kill()
        await write_all(postgres_outbox, topic, keys=10, events=10, nudge=nudge)
        assert await postgres_outbox.count() == 100
        await private_broker.restart()
        await until(empty(postgres_outbox))
    assert first_copies(await read_topic(topic, settings)) == expected(10, 10) | {"before": [1]}


async def test_events_wait_and_go_out_in_order_when_the_broker_stood_still(
    *,
    postgres_outbox: OutboxUnderTest,
    topic: EventTopic,
    private_broker: Any,
    running: Running,
    read_topic: ReadTopic,
    until: Until,
) -> None:
    settings = private_broker.settings
    nudge = Nudge()
    await ensure_topics(settings, [topic])  # type: ignore[list-item]  # the test's topic has all it takes
    relay = Relay(postgres_outbox.store("relay"), settings, nudge, "relay")
    async with running(relay.run):
        await postgres_outbox.commit(topic.event("before", 1))
        await until(empty(postgres_outbox))
        with frozen(private_broker.pid):
            await write_all(postgres_outbox, topic, keys=10, events=10, nudge=nudge)
            assert await postgres_outbox.count() == 100
        await until(empty(postgres_outbox))
    assert first_copies(await read_topic(topic, settings)) == expected(10, 10) | {"before": [1]}


async def test_a_ring_is_enough_when_no_poll_comes(
    *,
    outbox: OutboxUnderTest,
    topic: EventTopic,
    kafka_settings: KafkaSettings,
    running: Running,
    until: Until,
) -> None:
    nudge = Nudge()
    limits = RelayLimits(poll_first_seconds=NEVER_SECONDS, poll_maximum_seconds=NEVER_SECONDS)
    relay = Relay(outbox.store("relay"), kafka_settings, nudge, "relay", limits=limits)
    async with running(relay.run):
        for sequence in range(1, 4):
            await outbox.commit(topic.event("key", sequence))
            nudge.ring("key")
            await until(empty(outbox))


async def test_a_poll_is_enough_when_nobody_rings(
    *,
    outbox: OutboxUnderTest,
    topic: EventTopic,
    kafka_settings: KafkaSettings,
    running: Running,
    until: Until,
) -> None:
    relay = Relay(outbox.store("relay"), kafka_settings, Nudge(), "relay")
    async with running(relay.run):
        for sequence in range(1, 4):
            await outbox.commit(topic.event("key", sequence))
            await until(empty(outbox))


async def test_other_keys_are_polled_when_one_key_rings_all_the_time(
    *,
    outbox: OutboxUnderTest,
    topic: EventTopic,
    kafka_settings: KafkaSettings,
    running: Running,
    until: Until,
) -> None:
    nudge = Nudge()
    relay = Relay(outbox.store("relay"), kafka_settings, nudge, "relay")

    async def ring_all_the_time() -> None:
        while True:
            nudge.ring("noisy")
            await asyncio.sleep(0.005)

    async with running(relay.run):
        ringing = asyncio.create_task(ring_all_the_time())
        await asyncio.sleep(0.1)
        await outbox.commit(*(topic.event(f"silent-{number}", 1) for number in range(8)))
        await until(empty(outbox))
        ringing.cancel()


async def test_a_relay_in_another_process_is_woken_when_the_notifier_rings(
    *, postgres_outbox: Any, topic: EventTopic, kafka_settings: KafkaSettings, running: Running, until: Until
) -> None:
    nudge = Nudge()
    limits = RelayLimits(poll_first_seconds=NEVER_SECONDS, poll_maximum_seconds=NEVER_SECONDS)
    relay = Relay(postgres_outbox.store("relay"), kafka_settings, nudge, "relay", limits=limits)
    listener = PostgresListener(postgres_outbox.url, lambda _payload: nudge.ring())
    async with (
        running(relay.run),
        running(listener.run),
        PostgresNotifier(postgres_outbox.url) as notifier,
    ):
        for sequence in range(1, 4):
            await postgres_outbox.commit(topic.event("key", sequence))
            notifier.ring("key")
            await until(empty(postgres_outbox))
