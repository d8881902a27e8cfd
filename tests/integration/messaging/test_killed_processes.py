"""Relays and consumers that end with SIGKILL, in processes of their own."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord
from tests.integration.messaging.consumer_stage import Running, Until
from tests.integration.messaging.run_program import program

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.consumer import Consumer
from autodeal_messaging.kafka_clients import make_producer
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.nudge import Nudge
from autodeal_messaging.relay import Relay

pytestmark = pytest.mark.integration

KILLABLE = Path(__file__).with_name("killable.py")
KEYS, EVENTS = 20, 30
EXPECTED = {f"key-{number}": list(range(1, EVENTS + 1)) for number in range(KEYS)}


async def test_events_arrive_complete_and_in_order_when_relays_are_killed(
    *,
    postgres_outbox: Any,
    topic: Any,
    kafka_settings: KafkaSettings,
    running: Running,
    read_topic: Callable[..., Awaitable[list[ConsumerRecord]]],
    until: Until,
) -> None:
    async def write() -> None:
        for sequence in range(1, EVENTS + 1):
            await asyncio.gather(
                *(postgres_outbox.commit(topic.event(f"key-{number}", sequence)) for number in range(KEYS))
            )

    writing = asyncio.create_task(write())
    for victim in range(1, 4):
        async with program(KILLABLE, "relay", kafka_settings, postgres_outbox.url):

            async def has_relayed(count: int = 100 * victim) -> bool:
                return len(await read_topic(topic)) > count

            await until(has_relayed)
    await writing
    async with running(Relay(postgres_outbox.store("last"), kafka_settings, Nudge(), "last").run):

        async def is_empty() -> bool:
            return bool(await postgres_outbox.count() == 0)

        await until(is_empty)
    found: defaultdict[str, list[int]] = defaultdict(list)
    for record in await read_topic(topic):
        sequence = int(dict(record.headers)["ce_sequence"])
        if sequence not in found[record.key.decode()]:
            found[record.key.decode()].append(sequence)
    assert found == EXPECTED


async def send_everything(settings: KafkaSettings, topic: Any) -> None:
    producer = make_producer(settings)
    await producer.start()
    try:
        for sequence in range(1, EVENTS + 1):
            for number in range(KEYS):
                event = topic.event(f"key-{number}", sequence)
                await producer.send(
                    topic.name, key=event.key.encode(), value=event.data, headers=event.headers()
                )
        await producer.flush()
    finally:
        await producer.stop()


class Effects:
    """First effects by key, in the order in which they were seen."""

    def __init__(self) -> None:
        self.by_key: defaultdict[str, list[int]] = defaultdict(list)
        self.count = 0

    def note(self, key: str, sequence: int) -> None:
        if sequence not in self.by_key[key]:
            self.by_key[key].append(sequence)
            self.count += 1

    async def handle(self, envelope: Envelope) -> None:
        self.note(envelope.key, envelope.sequence)

    async def complete(self) -> bool:
        return self.count == KEYS * EVENTS


async def test_every_record_takes_effect_in_order_when_consumers_are_killed(
    *, topic: Any, group: str, impatient: KafkaSettings, running: Running, until: Until
) -> None:
    effects = Effects()
    await send_everything(impatient, topic)
    for victim in range(1, 3):
        async with program(KILLABLE, "consumer", impatient, group, topic.name) as process:
            assert process.stdout is not None
            while line := (await process.stdout.readline()).decode():
                key, sequence = line.split()
                effects.note(key, int(sequence))
                if effects.count >= victim * 150 and process.returncode is None:
                    process.kill()  # what it wrote before is read to the end
        assert effects.count < KEYS * EVENTS
    async with running(Consumer(impatient, group, [topic.name], effects.handle).run):
        await until(effects.complete)
    assert effects.by_key == EXPECTED
