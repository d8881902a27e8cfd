"""The life of one producer of a relay: it ends with a stop, or with the first failed send."""

from __future__ import annotations

import asyncio
import functools
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from autodeal_messaging.metrics import RELAYED
from autodeal_messaging.nudge import Nudge
from autodeal_messaging.outbox.metrics import SEND_SECONDS, SENT_BATCH
from autodeal_messaging.outbox.port import OutboxRecord, OutboxStore
from autodeal_messaging.parking.unsendable import REFUSALS, UnsendableGuard
from autodeal_messaging.send_lane import SendLane

FULL_WAIT_SECONDS = 1.0
FAILED_DRAIN_SECONDS = 2.0
"""After a failed send the other partitions get this long to finish before all start again."""


@dataclass(frozen=True, kw_only=True)
class RelayLimits:
    """How much a relay takes on at a time, and how long it waits."""

    read_limit: int = 4_000
    """Rows of one read."""
    window: int = 8_000
    """Rows read and not yet deleted; while their acknowledgements are on the way, reading goes on."""
    poll_first_seconds: float = 0.02
    """The poll after activity; it doubles while nothing comes."""
    poll_maximum_seconds: float = 0.4
    acknowledge_timeout_seconds: float = 30.0
    drain_timeout_seconds: float = 10.0
    retry_first_seconds: float = 0.2
    """The pause after a failure, of Kafka's or the store's; it doubles while nothing gets through."""
    retry_maximum_seconds: float = 5.0
    give_up_seconds: float = 18.0
    """How long after the first failure nothing may get through while something waits; then the shards go to
    relays that can send. Three leases: a broker that restarts, or a leader that moves, is back by then."""
    aside_first_seconds: float = 6.0
    """The pause without shards before Kafka is tried again; it doubles while nothing gets through."""
    aside_maximum_seconds: float = 60.0


class RelayRound:
    """Reads, sends, and deletes what was acknowledged.

    Reading overlaps the acknowledgements, which is safe because a row in flight is excluded from each
    read until its delete is done: a read returns what comes *after* the rows in flight of a key, and the
    lane of its partition queues it behind them. After a failed send nothing is read any more, and what
    a read under way still returns is dropped, since it may follow rows whose outcome is unknown.
    """

    def __init__(
        self,
        store: OutboxStore,
        producer: AIOKafkaProducer,
        nudge: Nudge,
        name: str,
        limits: RelayLimits,
        *,
        guard: UnsendableGuard | None = None,
        alone: Collection[Any] = (),
    ) -> None:
        self._store = store
        self._producer = producer
        self._nudge = nudge
        self._name = name
        self._limits = limits
        self._guard = guard or UnsendableGuard(None)
        self._alone = alone
        self._lanes: dict[tuple[str, int], SendLane] = {}
        self._in_flight: dict[Any, int] = {}
        self._acknowledged: list[OutboxRecord] = []
        self._more = True
        self._poll_seconds = limits.poll_first_seconds
        self._poll_at = 0.0
        self.acknowledged_count = 0
        self.had_nothing_to_send = False
        """Whether at some moment nothing waited in its shards."""
        self.failure: Exception | None = None
        """The first error of a send, if there was one."""
        self.refused: Sequence[OutboxRecord] = ()
        """The batch that Kafka refused for good, if that was the failure."""

    def busy_shards(self) -> set[int]:
        """Return the shards that have records in flight."""
        return set(self._in_flight.values())

    async def run(self, stop: asyncio.Event) -> None:
        """Relay until told to stop or until a send fails; then let what is queued finish, and return."""
        loop = asyncio.get_running_loop()
        rung = False
        while not stop.is_set() and self.failure is None:
            await self._delete_acknowledged()
            has_room = self._limits.window - len(self._in_flight) >= self._limits.read_limit
            everywhere = self._more or loop.time() >= self._poll_at
            if has_room and (everywhere or rung):
                rung = False
                await self._look(everywhere=everywhere)
            elif not self._acknowledged:
                # Without room it is an acknowledgement that matters next, and that wakes this wait.
                wait_seconds = self._poll_at - loop.time() if has_room else FULL_WAIT_SECONDS
                rung = await self._nudge.wait(max(0.0, wait_seconds)) or rung
        await self._drain()

    async def _look(self, *, everywhere: bool) -> None:
        """Read once and hand what was found to its lanes."""
        keys = self._nudge.take()
        if everywhere:
            keys = None
        await self._guard.before_read()
        batch = await self._store.read(
            limit=self._limits.read_limit, exclude=self._in_flight.keys(), keys=keys
        )
        records = await self._guard.sendable(batch.records)
        if self.failure is not None:
            return
        self.had_nothing_to_send |= not (records or self._in_flight)
        # Counted as in flight before anything is awaited, so that `busy_shards` knows of them.
        self._in_flight.update((record.position, record.shard) for record in records)
        await self._dispatch(records)
        if keys is None:
            # Only a look everywhere puts off the next one: rings for some keys must not starve others.
            self._more = batch.more
            self._poll_seconds = (
                self._limits.poll_first_seconds
                if batch.records
                else min(self._limits.poll_maximum_seconds, self._poll_seconds * 2)
            )
            self._poll_at = asyncio.get_running_loop().time() + self._poll_seconds
        elif batch.more:
            self._more = True

    async def _dispatch(self, records: Sequence[OutboxRecord]) -> None:
        by_topic: defaultdict[str, list[OutboxRecord]] = defaultdict(list)
        for record in records:
            by_topic[record.topic].append(record)
        # Side by side, so that a topic that does not exist holds up no other.
        await asyncio.gather(*(self._dispatch_to(topic, run) for topic, run in by_topic.items()))

    async def _dispatch_to(self, topic: str, records: Sequence[OutboxRecord]) -> None:
        try:
            partitions = len(await self._producer.partitions_for(topic))
        except KafkaError as error:
            self._note_failed(error)
            return
        by_partition: defaultdict[int, list[OutboxRecord]] = defaultdict(list)
        for record in records:
            by_partition[partition_of(record.key, partitions)].append(record)
        for partition, run in by_partition.items():
            self._lane(topic, partition).add(run)

    def _lane(self, topic: str, partition: int) -> SendLane:
        lane = self._lanes.get((topic, partition))
        if lane is None:
            lane = self._lanes[topic, partition] = SendLane(
                self._producer,
                topic,
                partition,
                acknowledge_timeout_seconds=self._limits.acknowledge_timeout_seconds,
                on_acknowledged=self._note_acknowledged,
                on_failed=self._note_failed,
                alone=self._alone,
            )
        return lane

    def _note_acknowledged(self, records: Sequence[OutboxRecord], seconds: float) -> None:
        self._acknowledged.extend(records)
        self.acknowledged_count += len(records)
        labels = self._name, records[0].topic
        RELAYED.labels(*labels).inc(len(records))
        SENT_BATCH.labels(*labels).observe(len(records))
        SEND_SECONDS.labels(*labels).observe(seconds)
        self._nudge.wake()

    def _note_failed(self, error: Exception, records: Sequence[OutboxRecord] = ()) -> None:
        if self.failure is None:
            self.failure = error
            self.refused = records if isinstance(error, REFUSALS) else ()
        self._nudge.wake()

    async def _delete_acknowledged(self) -> None:
        if self._acknowledged:
            records, self._acknowledged = self._acknowledged, []
            await self._store.delete([record.position for record in records])
            for record in records:
                del self._in_flight[record.position]

    async def _drain(self) -> None:
        """Let the lanes send what they have queued, for a while, and delete what they sent."""
        timeout_seconds = self._limits.drain_timeout_seconds if self.failure is None else FAILED_DRAIN_SECONDS
        sending = [lane.task for lane in self._lanes.values() if lane.task is not None]
        if sending:
            await asyncio.wait(sending, timeout=timeout_seconds)
        await self._delete_acknowledged()

    async def abandon(self) -> None:
        """Cancel what still sends. Its outcome is unknown, and its rows are still in the outbox."""
        sending = [lane.task for lane in self._lanes.values() if lane.task is not None]
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)


@functools.lru_cache(maxsize=16_384)
def partition_of(key: str, partitions: int) -> int:
    """Return the partition of a key, as every Kafka client computes it.

    The hash is plain Python and took a tenth of the relay's time, and events of one key come in bursts.
    """
    return int(murmur2(key.encode()) & 0x7FFFFFFF) % partitions
