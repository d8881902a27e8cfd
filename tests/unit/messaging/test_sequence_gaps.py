"""A lost event is noticed by its aggregate's count, and nothing else is taken for one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from autodeal_messaging.metrics import SEQUENCE_GAPS
from autodeal_messaging.partition_lane import PartitionLane
from autodeal_messaging.sequence_gaps import LONGEST_KEY_BYTES, SequenceWatch

GROUP = "watching"


def record(key: bytes | None, sequence: object, topic: str = "t") -> ConsumerRecord:
    value = sequence if isinstance(sequence, bytes | None) else str(sequence).encode()
    fields: dict[str, Any] = {
        "topic": topic, "partition": 0, "offset": 0, "timestamp": 0, "timestamp_type": 0, "key": key,
        "value": b"", "checksum": None, "serialized_key_size": 0, "serialized_value_size": 0,
        "headers": (("ce_id", b"x"), ("ce_sequence", value)),
    }  # fmt: skip
    return ConsumerRecord(**fields)


@pytest.fixture
def gaps() -> Callable[[], float]:
    counted = SEQUENCE_GAPS.labels(GROUP, "t")
    before = counted._value.get()
    return lambda: float(counted._value.get() - before)


@pytest.mark.parametrize(
    ("sequences", "expected"),
    [
        ([1, 2, 3], 0),
        ([7, 8, 9], 0),
        ([1, 3], 1),
        ([1, 3, 4, 5], 1),
        ([1, 2, 9, 10, 20], 2),
        ([1, 2, 3, 2, 3, 4], 0),
        ([5, 1, 2, 3, 4, 5, 6], 0),
        ([0, 0, 5, 0, 6], 0),
        ([1, b"many", 2], 0),
        ([1, None, 2], 0),
    ],
    ids=repr,
)
def test_gaps_are_counted_when_counts_are_missing(
    sequences: list[object], expected: int, gaps: Callable[[], float]
) -> None:
    watch = SequenceWatch(GROUP)
    for sequence in sequences:
        watch.note(record(b"key", sequence))
    assert gaps() == expected


def test_keys_are_told_apart_when_they_take_turns(gaps: Callable[[], float]) -> None:
    watch = SequenceWatch(GROUP)
    for sequence in (1, 2, 3):
        for key in (b"a", b"b"):
            watch.note(record(key, sequence))
    watch.note(record(b"b", 4))
    assert gaps() == 0
    watch.note(record(b"a", 5))
    assert gaps() == 1


def test_the_key_unheard_of_for_longest_is_forgotten_when_there_are_too_many(
    gaps: Callable[[], float],
) -> None:
    watch = SequenceWatch(GROUP, keys_remembered=2)
    for key, sequence in ((b"a", 1), (b"b", 1), (b"a", 2), (b"c", 1)):
        watch.note(record(key, sequence))
    watch.note(record(b"b", 9))
    assert gaps() == 0
    watch.note(record(b"c", 3))
    assert gaps() == 1


def test_records_without_a_key_are_not_watched_nor_are_monstrous_keys(gaps: Callable[[], float]) -> None:
    watch = SequenceWatch(GROUP)
    for key in (None, b"k" * (LONGEST_KEY_BYTES + 1)):
        watch.note(record(key, 1))
        watch.note(record(key, 9))
    assert gaps() == 0


async def test_a_gap_is_noticed_when_a_lane_reads_it_and_not_when_the_partition_came_back(
    gaps: Callable[[], float],
) -> None:
    async def handle(_record: ConsumerRecord, _closing: asyncio.Event) -> bool:
        return True

    lane = PartitionLane(handle, SequenceWatch(GROUP).note)
    lane.add([record(b"key", 1), record(b"key", 2)])
    await lane.close(1.0)
    assert gaps() == 0
    lane = PartitionLane(handle, SequenceWatch(GROUP).note)
    lane.add([record(b"key", 7), record(b"key", 8)])
    assert gaps() == 0
    lane.add([record(b"key", 10)])
    assert gaps() == 1
    await lane.close(1.0)
