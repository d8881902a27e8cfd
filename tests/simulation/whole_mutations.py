"""Mistakes on purpose in the relay, the consumer and parking: each must be noticed too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from unittest.mock import patch

from aiokafka.structs import ConsumerRecord
from tests.simulation.message_stores import SimulatedOutboxStore
from tests.simulation.mutations import Mutation, drop_the_inbox_check, publish_before_the_commit

from autodeal_messaging.memory.inbox import MemoryInbox
from autodeal_messaging.outbox.port import Batch
from autodeal_messaging.parking.park_records import RecordParking
from autodeal_messaging.parking.port import ParkedRecord
from autodeal_messaging.parking.replay import ReplayWorker
from autodeal_messaging.partition_lane import PartitionLane
from autodeal_messaging.send_lane import SendLane


def commit_the_offset_first() -> AbstractContextManager[object]:
    """The consumer commits what it has read, not what took effect."""
    return patch.object(PartitionLane, "committable_offset", property(lambda self: self._next_offset))


def handle_a_key_side_by_side() -> AbstractContextManager[object]:
    """Records of one key do not wait for each other."""

    async def run(lane: PartitionLane, record: ConsumerRecord) -> None:
        if await lane._handle(record, lane._closing):
            lane._finish(record.offset)

    def add(self: PartitionLane, records: Iterable[ConsumerRecord]) -> None:
        for record in records:
            self._unfinished.append(record.offset)
            self._next_offset = record.offset + 1
            task = asyncio.create_task(run(self, record))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    return patch.object(PartitionLane, "add", add)


def park_without_siblings() -> AbstractContextManager[object]:
    """A failing record is parked and the later ones of its key go ahead."""

    async def take_over(_: RecordParking, records: Sequence[ConsumerRecord]) -> Sequence[bool]:
        return [False] * len(records)

    return patch.object(RecordParking, "take_over", take_over)


def settle_before_the_effect() -> AbstractContextManager[object]:
    """A parked record is removed when its attempt begins, not when it took effect."""
    attempt = ReplayWorker._attempt

    async def attempt_settled(self: ReplayWorker, record: ParkedRecord) -> bool:
        await self._store.settle(record, now=self._now(), claim_until=None)
        return await attempt(self, record)

    return patch.object(ReplayWorker, "_attempt", attempt_settled)


def read_past_a_high_water_mark() -> AbstractContextManager[object]:
    """The relay remembers the last id it saw and reads on from there: a late commit is skipped."""
    read = SimulatedOutboxStore.read

    async def read_on(
        self: SimulatedOutboxStore, *, limit: int, exclude: Collection[int], keys: frozenset[str] | None
    ) -> Batch:
        mark: int = self._outbox.__dict__.setdefault("mark", 0)
        found = await read(self, limit=limit, exclude=exclude, keys=keys)
        later = [record for record in found.records if record.position > mark]
        self._outbox.__dict__["mark"] = max([mark, *(record.position for record in later)])
        return replace(found, records=later)

    return patch.object(SimulatedOutboxStore, "read", read_on)


def send_on_after_a_failure() -> AbstractContextManager[object]:
    """A batch of unknown outcome counts as sent."""
    send: Callable[[SendLane], object] = SendLane._send_one_batch

    async def send_anyway(self: SendLane) -> object:
        waiting = list(self._queue)
        try:
            return await send(self)  # type: ignore[misc]  # it is a coroutine
        except Exception:  # noqa: BLE001  # this is the mistake
            return waiting[: len(waiting) - len(self._queue)]

    return patch.object(SendLane, "_send_one_batch", send_anyway)


def forget_what_was_handled() -> AbstractContextManager[object]:
    """The handler takes a repeated event for a new one."""
    return patch.object(MemoryInbox, "claim", lambda *_: True)


MESSAGES_MUTATIONS: dict[str, Mutation] = {
    mutation.__name__: mutation
    for mutation in (
        commit_the_offset_first,
        forget_what_was_handled,
        read_past_a_high_water_mark,
        park_without_siblings,
        settle_before_the_effect,
        handle_a_key_side_by_side,
        send_on_after_a_failure,
        publish_before_the_commit,
    )
}
WHOLE_MUTATIONS: dict[str, Mutation] = {
    mutation.__name__: mutation
    for mutation in (
        commit_the_offset_first,
        drop_the_inbox_check,
        read_past_a_high_water_mark,
        park_without_siblings,
        settle_before_the_effect,
        handle_a_key_side_by_side,
        send_on_after_a_failure,
        publish_before_the_commit,
    )
}
