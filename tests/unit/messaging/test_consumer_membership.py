"""What a member commits, and when it must not."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import CommitFailedError, IllegalStateError
from aiokafka.structs import ConsumerRecord, TopicPartition

from autodeal_messaging import consumer_membership
from autodeal_messaging.consumer_membership import ConsumerMembership
from autodeal_messaging.kafka_settings import KafkaSettings

FIRST, SECOND = TopicPartition("t", 0), TopicPartition("t", 1)


class FakeClient:
    def __init__(self) -> None:
        self.assigned = {FIRST, SECOND}
        self.commits: list[dict[TopicPartition, int]] = []
        self.error: Exception | None = None
        self._coordinator = SimpleNamespace(generation=3)

    def assignment(self) -> set[TopicPartition]:
        return self.assigned

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        if self.error is not None:
            raise self.error
        self.commits.append(offsets)


@pytest.fixture
def client() -> FakeClient:
    return FakeClient()


@pytest.fixture
def member(client: FakeClient, monkeypatch: pytest.MonkeyPatch) -> ConsumerMembership:
    async def succeed(_record: Any, _closing: asyncio.Event) -> bool:
        return True

    monkeypatch.setattr(consumer_membership, "make_consumer", lambda *_: client)
    settings = KafkaSettings(kafka_bootstrap_servers="nowhere:9092", kafka_drain_timeout_seconds=1.0)
    return ConsumerMembership(settings, "group", ["t"], succeed)


def record(partition: int, offset: int) -> ConsumerRecord:
    return ConsumerRecord(
        topic="t", partition=partition, offset=offset, timestamp=0, timestamp_type=0, key=b"k", value=b"",
        checksum=None, serialized_key_size=0, serialized_value_size=0, headers=(),
    )  # fmt: skip


async def handle_one_each(member: ConsumerMembership) -> None:
    await member.on_partitions_assigned([FIRST, SECOND])
    for partition, lane in member._lanes.items():
        lane.add([record(partition.partition, 7)])
    while any(lane.unfinished_count for lane in member._lanes.values()):  # noqa: ASYNC110  # nobody tells
        await asyncio.sleep(0)


async def test_what_took_effect_is_committed_when_partitions_are_revoked(
    member: ConsumerMembership, client: FakeClient
) -> None:
    await handle_one_each(member)
    await member.on_partitions_revoked([FIRST, SECOND])
    assert client.commits == [{FIRST: 8, SECOND: 8}]
    assert not member._lanes


async def test_an_offset_is_committed_once_when_nothing_new_took_effect(
    member: ConsumerMembership, client: FakeClient
) -> None:
    await handle_one_each(member)
    for _ in range(3):
        await member._commit(dict(member._lanes))
    assert len(client.commits) == 1


async def test_only_what_is_assigned_is_committed_when_some_was_lost(
    member: ConsumerMembership, client: FakeClient
) -> None:
    await handle_one_each(member)
    client.assigned = {SECOND}
    await member.on_partitions_revoked([FIRST, SECOND])
    assert client.commits == [{SECOND: 8}]


async def test_nothing_is_committed_when_the_group_has_put_the_member_out(
    member: ConsumerMembership, client: FakeClient
) -> None:
    await handle_one_each(member)
    client._coordinator.generation = -1
    await member.on_partitions_revoked([FIRST, SECOND])
    assert not client.commits


@pytest.mark.parametrize("error", [CommitFailedError(), IllegalStateError("not assigned"), TimeoutError()])
async def test_the_offset_is_committed_later_when_a_commit_fails(
    member: ConsumerMembership, client: FakeClient, error: Exception
) -> None:
    await handle_one_each(member)
    client.error = error
    await member._commit(dict(member._lanes))
    client.error = None
    await member._commit(dict(member._lanes))
    assert client.commits == [{FIRST: 8, SECOND: 8}]


async def test_a_partition_gets_a_new_lane_when_it_comes_back(member: ConsumerMembership) -> None:
    await handle_one_each(member)
    before = dict(member._lanes)
    await member.on_partitions_revoked([FIRST, SECOND])
    await member.on_partitions_assigned([FIRST])
    assert member._lanes[FIRST] is not before[FIRST]
    assert member._lanes[FIRST].committable_offset is None
