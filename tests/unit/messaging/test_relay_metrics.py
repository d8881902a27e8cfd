"""What a relay tells of its batches, and of the events that are set aside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from prometheus_client import REGISTRY

from autodeal_contracts.envelope import Envelope
from autodeal_messaging import relay as relay_module
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.memory.outbox_store import MemoryOutbox, MemoryOutboxStore
from autodeal_messaging.nudge import Nudge
from autodeal_messaging.outbox.port import OutboxRecord
from autodeal_messaging.parking.port import ParkedCounts, TopicKey
from autodeal_messaging.relay import Relay

NAME = "measured"


class SomeAside:
    """A place where three events were set aside before."""

    async def held_keys(self) -> frozenset[TopicKey]:
        return frozenset()

    async def set_aside(self, records: Sequence[OutboxRecord], why: str) -> int:
        raise AssertionError((records, why))

    async def counts(self) -> ParkedCounts:
        return ParkedCounts(parked=2, dead=1)


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_batches_and_what_is_set_aside_are_told_when_a_relay_runs(
    kafka: Any, event: Callable[..., Envelope], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "make_producer", kafka.producer)
    outbox = MemoryOutbox(shards=4)
    events = [event("key", sequence) for sequence in range(1, 11)]
    outbox.add(events)
    relay = Relay(
        MemoryOutboxStore(outbox, NAME),
        KafkaSettings(kafka_bootstrap_servers="nowhere:9092"),
        Nudge(),
        NAME,
        unsendable=SomeAside(),
    )
    stop = asyncio.Event()
    running = asyncio.create_task(relay.run(stop))
    while outbox.records or not sample("outbox_set_aside_waiting_records", relay=NAME):  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    stop.set()
    await running
    labels = {"relay": NAME, "topic": events[0].topic}
    assert sample("outbox_send_batch_records_sum", **labels) == 10
    # The fake's batches have room for four.
    assert sample("outbox_send_batch_records_count", **labels) == 3
    assert sample("outbox_send_seconds_count", **labels) == 3
    assert sample("outbox_set_aside_waiting_records", relay=NAME) == 3
