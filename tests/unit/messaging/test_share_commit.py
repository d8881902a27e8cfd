"""Records that are ready at the same time share a commit, and nothing else."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence

import pytest
from aiokafka.structs import ConsumerRecord

from autodeal_messaging.partition_lane import PartitionLane
from autodeal_messaging.share_commit import Outcome, SharedCommit


def record(key: str | None, offset: int = 0, topic: str = "t", partition: int = 0) -> ConsumerRecord:
    return ConsumerRecord(
        topic=topic, partition=partition, offset=offset, timestamp=0, timestamp_type=0,
        key=None if key is None else key.encode(), value=b"", checksum=None, serialized_key_size=0,
        serialized_value_size=0, headers=(),
    )  # fmt: skip


class Commits:
    """Notes which records came together; waits where the test says so."""

    def __init__(self) -> None:
        self.begun: list[list[str]] = []
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.bad: set[str] = set()
        self.cancelled = 0

    async def bring(self, records: Sequence[ConsumerRecord]) -> None:
        keys = [(each.key or b"").decode() for each in records]
        self.begun.append(keys)
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.bad.intersection(keys):
            raise RuntimeError("told to fail")


async def attempt_all(shared: SharedCommit, *records: ConsumerRecord) -> list[Outcome]:
    closing = asyncio.Event()
    return await asyncio.gather(*(shared.attempt(each, closing) for each in records))


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_all_share_one_commit_when_they_are_ready_together() -> None:
    commits = Commits()
    outcomes = await attempt_all(SharedCommit(commits.bring, 100), *(record(str(n)) for n in range(60)))
    assert outcomes == [Outcome.DONE] * 60
    assert [len(keys) for keys in commits.begun] == [60]


async def test_no_commit_holds_more_than_it_may_when_many_are_ready() -> None:
    commits = Commits()
    outcomes = await attempt_all(SharedCommit(commits.bring, 10), *(record(str(n)) for n in range(25)))
    assert outcomes == [Outcome.DONE] * 25
    assert [len(keys) for keys in commits.begun] == [10, 10, 5]


async def test_later_ones_gather_when_commits_are_under_way() -> None:
    commits = Commits()
    commits.may_end.clear()
    shared = SharedCommit(commits.bring, 100)
    attempts = []
    for key in "abcdef":
        attempts.append(asyncio.create_task(attempt_all(shared, record(key))))
        await turns()
    assert commits.begun == [["a"], ["b"]], "two are under way and the others wait"
    commits.may_end.set()
    assert await asyncio.gather(*attempts) == [[Outcome.DONE]] * 6
    assert commits.begun == [["a"], ["b"], ["c", "d", "e", "f"]]


async def test_two_records_of_a_key_never_share_when_they_come_from_two_topics() -> None:
    commits = Commits()
    shared = SharedCommit(commits.bring, 100)
    await attempt_all(shared, record("a"), record("a", topic="u"), record("b"), record("a", topic="v"))
    assert sorted(map(sorted, commits.begun)) == [["a"], ["a"], ["a", "b"]]


async def test_all_fail_when_one_does() -> None:
    commits = Commits()
    commits.bad = {"b"}
    outcomes = await attempt_all(SharedCommit(commits.bring, 100), *(record(key) for key in "abc"))
    assert outcomes == [Outcome.FAILED] * 3


async def test_it_does_not_begin_when_its_partition_is_given_up_while_it_waits() -> None:
    commits = Commits()
    commits.may_end.clear()
    shared = SharedCommit(commits.bring, 1)
    running = [asyncio.create_task(attempt_all(shared, record(key))) for key in "ab"]
    await turns()
    closing = asyncio.Event()
    given_up = asyncio.create_task(shared.attempt(record("c"), closing))
    kept = asyncio.create_task(shared.attempt(record("d"), asyncio.Event()))
    await turns()
    closing.set()
    commits.may_end.set()
    assert await given_up is Outcome.GIVEN_UP
    assert await kept is Outcome.DONE
    await asyncio.gather(*running)
    assert ["c"] not in commits.begun


async def test_its_commit_is_rolled_back_before_it_ends_when_it_is_cancelled() -> None:
    commits = Commits()
    commits.may_end.clear()
    shared = SharedCommit(commits.bring, 100)
    late = asyncio.create_task(shared.attempt(record("late"), asyncio.Event()))
    other = asyncio.create_task(shared.attempt(record("other"), asyncio.Event()))
    await turns()
    late.cancel()
    with pytest.raises(asyncio.CancelledError):
        await late
    assert commits.cancelled == 1
    assert await other is Outcome.FAILED, "it may go on alone"


async def test_it_is_left_out_when_it_is_cancelled_before_its_turn() -> None:
    commits = Commits()
    commits.may_end.clear()
    shared = SharedCommit(commits.bring, 1)
    running = [asyncio.create_task(attempt_all(shared, record(key))) for key in "ab"]
    await turns()
    waiting = asyncio.create_task(shared.attempt(record("c"), asyncio.Event()))
    await turns()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    commits.may_end.set()
    await asyncio.gather(*running)
    await turns()
    assert commits.begun == [["a"], ["b"]]
    assert await attempt_all(shared, record("d")) == [Outcome.DONE], "it goes on with others"


@pytest.mark.parametrize("seed", range(20))
async def test_each_key_keeps_its_order_when_commits_fail_and_end_at_random(seed: int) -> None:
    chance = random.Random(seed)
    effects: defaultdict[bytes, list[int]] = defaultdict(list)

    async def bring(records: Sequence[ConsumerRecord]) -> None:
        assert len({each.key for each in records}) == len(records)
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)
        if chance.random() < 0.3:
            raise RuntimeError("told to fail")
        for each in records:
            effects[each.key].append(each.offset)

    shared = SharedCommit(bring, 5)

    async def handle(each: ConsumerRecord, closing: asyncio.Event) -> bool:
        while (outcome := await shared.attempt(each, closing)) is Outcome.FAILED:
            pass
        return outcome is Outcome.DONE

    lanes = [PartitionLane(handle) for _ in range(3)]
    for offset in range(150):
        number = chance.randrange(3)
        key = f"{number}-{chance.randrange(6)}"
        lanes[number].add([record(key, offset, partition=number)])
        if chance.random() < 0.2:
            await asyncio.sleep(0)
    while any(lane.unfinished_count for lane in lanes):  # noqa: ASYNC110  # a lane tells nobody
        await asyncio.sleep(0)
    assert sum(map(len, effects.values())) == 150
    assert all(offsets == sorted(offsets) for offsets in effects.values())
