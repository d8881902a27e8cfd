"""What a stack says of itself during an outage: probes, metrics, and the offsets of its groups."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiokafka.structs import TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from autodeal_contracts.topics import TOPICS
from autodeal_devstack.stack import Stack
from autodeal_messaging.kafka_clients import make_admin

PROCESSES = ("vehicle-serve", "vehicle-work", "payment-serve", "payment-work", "gateway-serve")
PROBE_EVERY_SECONDS = 0.5
PROBE_TIMEOUT = aiohttp.ClientTimeout(total=5)

Offsets = dict[TopicPartition, int]


@dataclass
class Probes:
    """The answers of `/healthz` and `/readyz`, by process, in order."""

    alive: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    ready: defaultdict[str, list[tuple[int, dict[str, str]]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def dead(self) -> list[str]:
        """Name the processes that did not always say that they are alive."""
        return [name for name, statuses in self.alive.items() if set(statuses) != {200}]

    def ever_unready(self) -> set[str]:
        """Name the processes that said, at least once, that no work should be sent there."""
        return {name for name, answers in self.ready.items() if any(status != 200 for status, _ in answers)}


@asynccontextmanager
async def probing(stack: Stack) -> AsyncIterator[Probes]:
    """Probe every process while the block runs."""
    probes = Probes()

    async def probe(session: aiohttp.ClientSession, name: str) -> None:
        while True:
            async with session.get(f"{stack.url(name)}/healthz") as answer:
                probes.alive[name].append(answer.status)
            async with session.get(f"{stack.url(name)}/readyz") as answer:
                probes.ready[name].append((answer.status, (await answer.json())["checks"]))
            await asyncio.sleep(PROBE_EVERY_SECONDS)

    async with aiohttp.ClientSession(timeout=PROBE_TIMEOUT) as session:
        watching = [asyncio.create_task(probe(session, name)) for name in PROCESSES]
        try:
            yield probes
        finally:
            for task in watching:
                task.cancel()
            results = await asyncio.gather(*watching, return_exceptions=True)
    failures = [result for result in results if isinstance(result, Exception)]
    assert failures == []


async def metric(stack: Stack, name: str, sample: str, **labels: str) -> float:
    """Return the sum of a process's samples of that name and those labels."""
    async with (
        aiohttp.ClientSession(timeout=PROBE_TIMEOUT) as session,
        session.get(f"{stack.url(name)}/metrics") as answer,
    ):
        text = await answer.text()
    return sum(
        found.value
        for family in text_string_to_metric_families(text)
        for found in family.samples
        if found.name == sample and labels.items() <= found.labels.items()
    )


async def read_offsets(stack: Stack, group: str, topics: Collection[str]) -> tuple[Offsets, int]:
    """Return what a group has committed, and how many records wait behind that."""
    places = [
        TopicPartition(topic.name, number)
        for topic in TOPICS
        if topic.name in topics
        for number in range(topic.partitions)
    ]
    admin: Any = make_admin(stack.kafka_settings)
    await admin.start()
    try:
        found = await admin.list_consumer_group_offsets(group, partitions=places)
    finally:
        await admin.close()
    committed = {place: max(0, found[place].offset) for place in places}
    ends = await _ends(stack, places)
    return committed, sum(ends[place] - committed[place] for place in places)


async def _ends(stack: Stack, places: list[TopicPartition]) -> Offsets:
    from aiokafka import AIOKafkaConsumer

    consumer: Any = AIOKafkaConsumer(bootstrap_servers=stack.kafka_settings.kafka_bootstrap_servers)
    await consumer.start()
    try:
        ends: Offsets = await consumer.end_offsets(places)
    finally:
        await consumer.stop()
    return ends
