"""An event that Kafka refuses for good stops its key and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from aiokafka.errors import MessageSizeTooLargeError

from autodeal_contracts.envelope import Envelope
from autodeal_messaging import relay as relay_module
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.memory.outbox_store import MemoryOutbox, MemoryOutboxStore
from autodeal_messaging.nudge import Nudge
from autodeal_messaging.outbox.port import OutboxRecord
from autodeal_messaging.parking.metrics import SET_ASIDE
from autodeal_messaging.parking.port import ParkedCounts, TopicKey
from autodeal_messaging.parking.unsendable import UnsendableGuard
from autodeal_messaging.relay import Relay
from autodeal_messaging.relay_round import RelayLimits

Event = Callable[..., Envelope]
LIMITS = RelayLimits(
    read_limit=10, window=40, poll_first_seconds=0.001, poll_maximum_seconds=0.005,
    retry_first_seconds=0.001, retry_maximum_seconds=0.01,
)  # fmt: skip


class MemoryUnsendable:
    """Events set aside in memory."""

    def __init__(self, outbox: MemoryOutbox) -> None:
        self._outbox = outbox
        self.aside: list[OutboxRecord] = []
        self.reasons: list[str] = []

    async def held_keys(self) -> frozenset[TopicKey]:
        return frozenset((record.topic, record.key) for record in self.aside)

    async def set_aside(self, records: Sequence[OutboxRecord], why: str) -> int:
        before = len(self.aside)
        for record in records:
            if self._outbox.records.pop(record.position, None) is not None:
                self.aside.append(record)
                self.reasons.append(why)
        return len(self.aside) - before

    async def counts(self) -> ParkedCounts:
        return ParkedCounts(parked=max(0, len(self.aside) - 1), dead=min(1, len(self.aside)))

    def put_back(self) -> None:
        self._outbox.records.update((record.position, record) for record in self.aside)
        self.aside.clear()

    def places(self) -> list[tuple[str, int]]:
        return [(record.key, sequence_of(record)) for record in self.aside]


def sequence_of(record: OutboxRecord) -> int:
    return int(dict(record.headers())["ce_sequence"])


@pytest.fixture
def outbox() -> MemoryOutbox:
    return MemoryOutbox(shards=4)


@pytest.fixture
def too_large(kafka: Any, monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, int]]:
    """Name events that the broker refuses, with all that share their batch."""
    refused: set[tuple[str, int]] = set()

    async def treat(_partition: int, ids: list[tuple[str, int]]) -> str:
        await asyncio.sleep(0)
        if refused.intersection(ids):
            raise MessageSizeTooLargeError
        return "written"

    kafka.treat = treat
    monkeypatch.setattr(relay_module, "make_producer", kafka.producer)
    return refused


async def relay_until(
    outbox: MemoryOutbox, unsendable: MemoryUnsendable | None, condition: Callable[[], object]
) -> None:
    settings = KafkaSettings(kafka_bootstrap_servers="nowhere:9092")
    store = MemoryOutboxStore(outbox, "relay")
    relay = Relay(store, settings, Nudge(), "relay", limits=LIMITS, unsendable=unsendable)
    stop = asyncio.Event()
    running = asyncio.create_task(relay.run(stop))
    while not condition():  # noqa: ASYNC110  # the fake tells nobody
        await asyncio.sleep(0.001)
    stop.set()
    await running


async def test_all_others_are_sent_when_one_event_is_too_large(
    outbox: MemoryOutbox, kafka: Any, too_large: set[tuple[str, int]], event: Event
) -> None:
    too_large.add(("key-3", 2))
    counted = SET_ASIDE.labels(event("key-3", 2).topic)
    before = counted._value.get()
    unsendable = MemoryUnsendable(outbox)
    for sequence in range(1, 6):
        outbox.add(event(f"key-{number}", sequence) for number in range(8))
    await relay_until(outbox, unsendable, lambda: not outbox.records)
    sent = kafka.first_copies()
    assert sent.pop("key-3") == [1]
    assert sent == {f"key-{number}": [1, 2, 3, 4, 5] for number in range(8) if number != 3}
    assert unsendable.places() == [("key-3", 2), ("key-3", 3), ("key-3", 4), ("key-3", 5)]
    assert counted._value.get() == before + 4
    assert unsendable.reasons[0].startswith("MessageSizeTooLargeError: 2 bytes")


async def test_all_come_in_order_when_the_limit_is_raised_and_they_are_put_back(
    outbox: MemoryOutbox, kafka: Any, too_large: set[tuple[str, int]], event: Event
) -> None:
    too_large.add(("key", 1))
    unsendable = MemoryUnsendable(outbox)
    outbox.add(event("key", sequence) for sequence in (1, 2, 3))
    await relay_until(outbox, unsendable, lambda: not outbox.records)
    too_large.clear()
    outbox.add([event("key", 4)])
    unsendable.put_back()
    await relay_until(outbox, unsendable, lambda: not outbox.records)
    assert kafka.first_copies() == {"key": [1, 2, 3, 4]}


async def test_nothing_is_lost_when_there_is_nowhere_to_set_it_aside(
    outbox: MemoryOutbox, kafka: Any, too_large: set[tuple[str, int]], event: Event
) -> None:
    too_large.add(("key", 1))
    outbox.add([event("key", 1)])
    await relay_until(outbox, None, lambda: kafka.starts > 5)
    assert len(outbox.records) == 1


async def test_a_key_waits_for_the_next_read_when_it_was_put_back_meanwhile(
    outbox: MemoryOutbox, event: Event
) -> None:
    """The read may have come before the earlier events were back."""
    outbox.add(event("key", sequence) for sequence in (1, 2))
    first, second = outbox.records.values()
    unsendable = MemoryUnsendable(outbox)
    await unsendable.set_aside([first], "too large")
    guard = UnsendableGuard(unsendable)
    await guard.before_read()
    unsendable.put_back()
    assert await guard.sendable([second]) == []
    await guard.before_read()
    assert await guard.sendable([first, second]) == [first, second]
