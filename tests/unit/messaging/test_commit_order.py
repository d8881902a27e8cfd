"""An older commit of offsets never lands after a newer one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace

import pytest
from aiokafka.structs import ConsumerRecord, TopicPartition

from autodeal_messaging import consumer_membership
from autodeal_messaging.consumer_membership import ConsumerMembership
from autodeal_messaging.kafka_settings import KafkaSettings

PARTITION = TopicPartition("things.v1", 0)


class SlowClient:
    """Its first commit is tried again for as long as the test likes, and lands then."""

    def __init__(self) -> None:
        self._coordinator = SimpleNamespace(generation=1)
        self.first_may_land = asyncio.Event()
        self.landed: list[int] = []
        self.asked = 0

    def assignment(self) -> set[TopicPartition]:
        return {PARTITION}

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        self.asked += 1
        if self.asked == 1:
            await self.first_may_land.wait()
        self.landed.append(offsets[PARTITION])


async def handle(_record: ConsumerRecord, _closing: asyncio.Event) -> bool:
    return True


def record(offset: int) -> ConsumerRecord:
    return SimpleNamespace(key=b"k", offset=offset, headers=(), topic=PARTITION.topic, partition=0)


async def test_an_older_commit_does_not_land_after_a_newer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    client = SlowClient()
    monkeypatch.setattr(consumer_membership, "make_consumer", lambda *_, **__: client)
    membership = ConsumerMembership(
        KafkaSettings(kafka_bootstrap_servers="nowhere:1"), "group", ["things.v1"], handle
    )
    await membership.on_partitions_assigned([PARTITION])
    lane = membership._lane(PARTITION)
    lane.add([record(2)])
    await asyncio.sleep(0)
    older = asyncio.create_task(membership._commit({PARTITION: lane}))
    await asyncio.sleep(0)
    lane.add([record(3)])
    revoked = asyncio.create_task(membership.on_partitions_revoked([PARTITION]))
    for _ in range(10):
        await asyncio.sleep(0)
    client.first_may_land.set()
    await asyncio.gather(older, revoked)
    assert client.landed == sorted(client.landed)
    assert client.landed[-1] == 4
