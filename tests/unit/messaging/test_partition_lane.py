"""How far a partition has come, when its records finish in any order."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from autodeal_messaging.partition_lane import PartitionLane


def record(offset: int, key: str) -> ConsumerRecord:
    return ConsumerRecord(
        topic="t", partition=0, offset=offset, timestamp=0, timestamp_type=0, key=key.encode(), value=b"",
        checksum=None, serialized_key_size=0, serialized_value_size=0, headers=(),
    )  # fmt: skip


class Gate:
    """A handler whose records finish when the test says so."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.finished: list[int] = []
        self.may_finish: defaultdict[int, asyncio.Event] = defaultdict(asyncio.Event)

    async def handle(self, record: Any, _closing: asyncio.Event) -> bool:
        self.begun.append(record.offset)
        await self.may_finish[record.offset].wait()
        self.finished.append(record.offset)
        return True

    async def finish(self, *offsets: int) -> None:
        for offset in offsets:
            self.may_finish[offset].set()
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
def gate() -> Gate:
    return Gate()


async def test_nothing_can_be_committed_when_nothing_was_read(gate: Gate) -> None:
    assert PartitionLane(gate.handle).committable_offset is None


async def test_the_first_unfinished_offset_is_committable_when_later_ones_are_done(gate: Gate) -> None:
    lane = PartitionLane(gate.handle)
    lane.add([record(5, "a"), record(6, "b"), record(9, "c")])
    await gate.finish(6, 9)
    assert lane.committable_offset == 5
    await gate.finish(5)
    assert lane.committable_offset == 10
    assert lane.unfinished_count == 0


async def test_records_of_one_key_wait_for_each_other_when_others_run(gate: Gate) -> None:
    lane = PartitionLane(gate.handle)
    lane.add([record(0, "a"), record(1, "a"), record(2, "b")])
    lane.add([record(3, "a")])
    await asyncio.sleep(0)
    assert gate.begun == [0, 2]
    await gate.finish(0)
    assert gate.begun == [0, 2, 1]
    await gate.finish(1, 2, 3)
    assert [offset for offset in gate.finished if offset != 2] == [0, 1, 3]
    assert lane.committable_offset == 4


async def test_a_key_runs_again_when_it_had_nothing_to_do_for_a_while(gate: Gate) -> None:
    lane = PartitionLane(gate.handle)
    lane.add([record(0, "a")])
    await gate.finish(0)
    lane.add([record(1, "a")])
    await gate.finish(1)
    assert lane.committable_offset == 2


async def test_nothing_new_begins_when_it_closes(gate: Gate) -> None:
    lane = PartitionLane(gate.handle)
    lane.add([record(0, "a"), record(1, "a"), record(2, "b")])
    await asyncio.sleep(0)
    closing = asyncio.create_task(lane.close(30.0))
    await gate.finish(0, 2)
    await closing
    assert gate.begun == [0, 2]
    assert lane.committable_offset == 1


async def test_what_runs_too_long_counts_as_unfinished_when_it_closes(gate: Gate) -> None:
    lane = PartitionLane(gate.handle)
    lane.add([record(0, "a"), record(1, "b")])
    await gate.finish(1)
    await lane.close(0.001)
    await gate.finish(0)
    assert gate.finished == [1]
    assert lane.committable_offset == 0


async def test_a_record_given_up_is_unfinished_when_the_handler_says_so() -> None:
    async def give_up(_record: Any, closing: asyncio.Event) -> bool:
        await closing.wait()
        return False

    lane = PartitionLane(give_up)
    lane.add([record(0, "a"), record(1, "a")])
    await asyncio.sleep(0)
    await lane.close(30.0)
    assert lane.committable_offset == 0


@pytest.mark.parametrize("seed", range(10))
async def test_the_committable_offset_passes_no_unfinished_record_when_work_ends_in_any_order(
    seed: int,
) -> None:
    chance = random.Random(seed)
    done: set[int] = set()
    order: defaultdict[bytes, list[int]] = defaultdict(list)

    async def handle(record: Any, _closing: asyncio.Event) -> bool:
        for _ in range(chance.randrange(5)):
            await asyncio.sleep(0)
        done.add(record.offset)
        order[record.key].append(record.offset)
        return True

    lane = PartitionLane(handle)
    offsets = iter(range(100, 1_000, 3))
    for _ in range(40):
        lane.add([record(next(offsets), str(chance.randrange(6))) for _ in range(chance.randrange(6))])
        await asyncio.sleep(0)
        committable = lane.committable_offset
        if committable is not None:
            assert all(offset in done for offset in range(100, committable) if (offset - 100) % 3 == 0)
    while lane.unfinished_count:  # noqa: ASYNC110  # a lane tells nobody when it is done
        await asyncio.sleep(0)
    assert lane.committable_offset == next(offsets) - 2
    assert all(handled == sorted(handled) for handled in order.values())
