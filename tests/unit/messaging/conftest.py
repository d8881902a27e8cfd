"""Events, records and a Kafka in memory that can be told to misbehave."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from aiokafka.errors import KafkaTimeoutError, UnknownTopicOrPartitionError

from autodeal_contracts.envelope import Envelope
from autodeal_messaging import relay as relay_module
from autodeal_messaging.memory.outbox_store import MemoryOutbox

TOPIC = "autodeal.test.v1"


def make_event(key: str, sequence: int, *, topic: str = TOPIC) -> Envelope:
    return Envelope(
        topic=topic,
        key=key,
        id=f"{key}-{sequence}",
        type="test.happened",
        source="/autodeal/test",
        subject=f"test/{key}",
        time=datetime.now(UTC),
        sequence=sequence,
        correlation_id=key,
        data=b"{}",
    )


@pytest.fixture
def event() -> Callable[..., Envelope]:
    return make_event


@pytest.fixture(autouse=True)
def quiet_logs() -> Iterator[None]:
    """Drawing tracebacks nobody reads takes longer than all the tests."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


class FakeBatch:
    """A record batch that holds a few records."""

    def __init__(self, room: int) -> None:
        self._room = room
        self.ids: list[tuple[str, int]] = []

    def append(self, *, key: bytes, headers: Any, **_: object) -> object | None:
        if len(self.ids) == self._room:
            return None
        self.ids.append((key.decode(), int(dict(headers)["ce_sequence"])))
        return object()

    def close(self) -> None:
        pass


class FakeKafka:
    """The log of each partition, and a rule for what becomes of each batch."""

    def __init__(self) -> None:
        self.partitions = 3
        self.batch_room = 4
        self.log: defaultdict[int, list[tuple[str, int]]] = defaultdict(list)
        self.sending: defaultdict[int, int] = defaultdict(int)
        self.starts = 0
        self.reachable = True
        self.missing_topics: set[str] = set()
        self.treat: Callable[[int, list[tuple[str, int]]], Awaitable[str]] = self.accept

    async def accept(self, _partition: int, _ids: list[tuple[str, int]]) -> str:
        """Return what happens: "written", "lost", or "written, but the answer is lost"."""
        await asyncio.sleep(0)
        return "written"

    def first_copies(self) -> dict[str, list[int]]:
        """Return each key's sequence numbers in the order in which each came first."""
        found: defaultdict[str, list[int]] = defaultdict(list)
        for log in self.log.values():
            for key, sequence in log:
                if sequence not in found[key]:
                    found[key].append(sequence)
        return dict(found)

    def producer(self, *_: object) -> FakeProducer:
        return FakeProducer(self)


class FakeProducer:
    """As much of a producer as the relay uses."""

    def __init__(self, kafka: FakeKafka) -> None:
        self._kafka = kafka

    async def start(self) -> None:
        if not self._kafka.reachable:
            raise KafkaTimeoutError
        self._kafka.starts += 1

    async def stop(self) -> None:
        pass

    async def partitions_for(self, topic: str) -> set[int]:
        if topic in self._kafka.missing_topics:
            raise UnknownTopicOrPartitionError
        return set(range(self._kafka.partitions))

    def create_batch(self) -> FakeBatch:
        return FakeBatch(self._kafka.batch_room)

    async def send_batch(self, batch: FakeBatch, _topic: str, *, partition: int) -> asyncio.Future[None]:
        return asyncio.ensure_future(self._deliver(batch, partition))

    async def _deliver(self, batch: FakeBatch, partition: int) -> None:
        self._kafka.sending[partition] += 1
        try:
            outcome = await self._kafka.treat(partition, batch.ids)
            if outcome.startswith("written"):
                self._kafka.log[partition].extend(batch.ids)
        finally:
            self._kafka.sending[partition] -= 1
        if outcome != "written":
            raise KafkaTimeoutError


@pytest.fixture
def kafka() -> FakeKafka:
    return FakeKafka()


@pytest.fixture
def producers_of_the_fake(kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let relays send to the Kafka in memory."""
    monkeypatch.setattr(relay_module, "make_producer", kafka.producer)


@pytest.fixture
def outbox() -> MemoryOutbox:
    return MemoryOutbox(shards=4)
