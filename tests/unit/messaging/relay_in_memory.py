"""A relay between an outbox and a Kafka in memory, in a hurry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.memory.outbox_store import MemoryOutbox, MemoryOutboxStore
from autodeal_messaging.nudge import Nudge
from autodeal_messaging.relay import Relay
from autodeal_messaging.relay_round import RelayLimits

SETTINGS = KafkaSettings(kafka_bootstrap_servers="nowhere:9092")
QUICK = RelayLimits(
    read_limit=10,
    window=40,
    poll_first_seconds=0.001,
    poll_maximum_seconds=0.005,
    acknowledge_timeout_seconds=1.0,
    drain_timeout_seconds=1.0,
    retry_first_seconds=0.001,
    retry_maximum_seconds=0.01,
)
Event = Callable[..., Envelope]


def make_relay(
    outbox: MemoryOutbox, name: str, *, nudge: Nudge | None = None, limits: RelayLimits = QUICK
) -> Relay:
    return Relay(MemoryOutboxStore(outbox, name), SETTINGS, nudge or Nudge(), name, limits=limits)


@asynccontextmanager
async def running(*relays: Relay) -> AsyncIterator[None]:
    stop = asyncio.Event()
    tasks = [asyncio.create_task(relay.run(stop)) for relay in relays]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110  # conditions are looked at, not told
        await asyncio.sleep(0.001)


def expected(keys: int, events: int) -> dict[str, list[int]]:
    return {f"key-{number}": list(range(1, events + 1)) for number in range(keys)}


def add(outbox: MemoryOutbox, event: Event, *, keys: int, events: int) -> None:
    for sequence in range(1, events + 1):
        outbox.add(event(f"key-{number}", sequence) for number in range(keys))
