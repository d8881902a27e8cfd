"""The life of one member of a consumer group: it ends with a stop or with an error of Kafka's."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Iterable
from typing import Any

import structlog
from aiokafka import ConsumerRebalanceListener
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from autodeal_messaging.kafka_clients import make_consumer
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.metrics import CONSUMER_LAG, IN_FLIGHT
from autodeal_messaging.partition_lane import HandleRecord, PartitionLane
from autodeal_messaging.sequence_gaps import SequenceWatch

log = structlog.get_logger(__name__)

POLL_MILLISECONDS = 200
"""How long a poll waits when every partition may be read; records end it at once."""
POLL_WHILE_FULL_MILLISECONDS = 10
"""The same while some window is full, so that it is read on soon after it has room again."""
MAXIMUM_RECORDS_PER_POLL = 500
COMMIT_TIMEOUT_SECONDS = 5.0
FAREWELL_SHARE = 0.25
"""So much of the drain time-out is kept for committing and leaving, when work in flight takes it all."""
FAREWELL_MINIMUM_SECONDS = 1.0
CANCEL_TIMEOUT_SECONDS = 1.0


class ConsumerMembership(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Polls, hands records to the lanes of their partitions, and commits how far these have come.

    A lane belongs to one assignment of its partition. When the partition is given up the lane goes too,
    with any result that may still come of it; if the partition comes back it gets a new one, which
    begins at the committed offset.
    """

    def __init__(
        self, kafka: KafkaSettings, group: str, topics: Collection[str], handle: HandleRecord
    ) -> None:
        self._kafka = kafka
        self._group = group
        self._topics = topics
        self._handle = handle
        self._client = make_consumer(kafka, group)
        self._lanes: dict[TopicPartition, PartitionLane] = {}
        self._committing = asyncio.Lock()
        self.joined = False
        """Whether it was ever assigned partitions."""

    async def run(self, stop: asyncio.Event) -> None:
        """Take part until told to stop, then drain and leave; raises what Kafka's client raises.

        Told to stop, it returns within the drain time-out, whatever is away.
        """
        stopping = asyncio.create_task(stop.wait())
        tasks: list[asyncio.Task[Any]] = [asyncio.create_task(self._join())]
        try:
            # A broker that keeps silent lets the client wait for long, and a stop must not.
            await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            if not stop.is_set() and tasks[0].exception() is None:
                tasks += [asyncio.create_task(self._poll()), asyncio.create_task(self._commit_regularly())]
                await asyncio.wait({stopping, *tasks[1:]}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # A poll may be cancelled anywhere: it takes records out of the client and hands them to
            # their lanes without a pause in between.
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            await self._end(stopping)
            stopping.cancel()
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _join(self) -> None:
        await self._client.start()
        self._client.subscribe(topics=self._topics, listener=self)

    async def _end(self, stopping: asyncio.Task[Any]) -> None:
        """Drain and leave; from the moment of a stop that takes no longer than the drain time-out."""
        drain_seconds = self._kafka.kafka_drain_timeout_seconds
        ending = asyncio.create_task(self._drain_and_leave(drain_seconds * (1 - FAREWELL_SHARE)))
        try:
            await asyncio.wait(
                {stopping, ending},
                timeout=self._rejoin_timeout_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if stopping.done():
                await asyncio.wait({ending}, timeout=max(drain_seconds, FAREWELL_MINIMUM_SECONDS))
        finally:
            # The first time may meet a commit, which leaving follows; the second time cuts that short.
            for _ in range(2):
                ending.cancel()
                await asyncio.wait({ending}, timeout=CANCEL_TIMEOUT_SECONDS)

    async def _drain_and_leave(self, drain_seconds: float) -> None:
        try:
            await self._give_up(list(self._lanes), drain_seconds)
        finally:
            self._forget_lag()
            with contextlib.suppress(Exception):
                await self._client.stop()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Begin lanes; called by the client before records of the new assignment are read."""
        self.joined = True
        for partition in assigned:
            self._lane(partition)
        log.info("consumer.assigned", group=self._group, partitions=len(assigned))

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Finish what runs and commit it, while the group waits; the client still sends heartbeats."""
        await self._give_up(revoked, self._kafka.kafka_drain_timeout_seconds)

    def _lane(self, partition: TopicPartition) -> PartitionLane:
        lane = self._lanes.get(partition)
        if lane is None:
            lane = self._lanes[partition] = PartitionLane(self._handle, SequenceWatch(self._group).note)
        return lane

    async def _give_up(self, partitions: Iterable[TopicPartition], timeout_seconds: float) -> None:
        """Close lanes and commit how far they came; they are gone before anything is awaited."""
        lanes = {
            partition: self._lanes.pop(partition) for partition in partitions if partition in self._lanes
        }
        await asyncio.gather(*(lane.close(timeout_seconds) for lane in lanes.values()))
        await self._commit(lanes)
        self._measure()

    @property
    def _rejoin_timeout_seconds(self) -> float:
        """How long draining and leaving may take when another membership follows.

        The client may be waiting for the group to form. Cut short, it would go on sending heartbeats
        for partitions that nobody reads.
        """
        answers_ms = self._kafka.kafka_rebalance_timeout_ms + self._kafka.kafka_request_timeout_ms
        return self._kafka.kafka_drain_timeout_seconds + COMMIT_TIMEOUT_SECONDS + 2 * answers_ms / 1000

    async def _poll(self) -> None:
        window = self._kafka.kafka_consumer_window
        while True:
            lanes = self._lanes
            roomy = [partition for partition, lane in lanes.items() if lane.unfinished_count < window]
            full = len(roomy) < len(lanes)
            if lanes and not roomy:
                await asyncio.sleep(POLL_WHILE_FULL_MILLISECONDS / 1000)
                continue
            # Naming no partition means all of them, also those that are assigned during the call.
            fetched = await self._client.getmany(
                *(roomy if full else ()),
                timeout_ms=POLL_WHILE_FULL_MILLISECONDS if full else POLL_MILLISECONDS,
                max_records=MAXIMUM_RECORDS_PER_POLL,
            )
            for partition, records in fetched.items():
                # The lane is looked up only now: the partitions may have changed during the call.
                self._lane(partition).add(records)
            self._measure()

    async def _commit_regularly(self) -> None:
        while True:
            await asyncio.sleep(self._kafka.kafka_commit_interval_ms / 1000)
            await self._commit(dict(self._lanes))
            self._measure()
            self._measure_lag()

    async def _commit(self, lanes: dict[TopicPartition, PartitionLane]) -> None:
        """Commit how far lanes have come; if that fails, a later commit or the next owner makes up.

        One at a time: an older commit that the client tries again could land after a newer one, even in
        the next generation, and take the offset back.
        """
        async with self._committing:
            await self._commit_now(lanes)

    async def _commit_now(self, lanes: dict[TopicPartition, PartitionLane]) -> None:
        if not self._is_member():
            return
        assigned = self._client.assignment()
        offsets = {
            partition: lane.committable_offset
            for partition, lane in lanes.items()
            if partition in assigned and lane.committable_offset not in {None, lane.committed_offset}
        }
        if not offsets:
            return
        try:
            async with asyncio.timeout(COMMIT_TIMEOUT_SECONDS):
                await self._client.commit(offsets)
        except (KafkaError, TimeoutError) as error:
            log.info("consumer.commit_failed", group=self._group, error=repr(error))
        else:
            for partition, offset in offsets.items():
                lanes[partition].committed_offset = offset

    def _is_member(self) -> bool:
        """Tell whether the group knows this member, as far as the client has heard.

        Once thrown out it would commit as nobody, which a broker grants while the group is empty: the
        offsets that others have moved on since would go back.
        """
        coordinator = self._client._coordinator  # noqa: SLF001  # there is no other way to ask
        return coordinator is not None and coordinator.generation >= 0

    def _measure(self) -> None:
        IN_FLIGHT.labels(self._group).set(sum(lane.unfinished_count for lane in self._lanes.values()))

    def _measure_lag(self) -> None:
        assigned = self._client.assignment()
        lags = dict.fromkeys(self._topics, 0)
        for partition, lane in self._lanes.items():
            # The end is known once the partition has been fetched from.
            end = self._client.highwater(partition) if partition in assigned else None
            if end is not None and lane.committable_offset is not None:
                lags[partition.topic] += max(0, end - lane.committable_offset)
        for topic, lag in lags.items():
            CONSUMER_LAG.labels(self._group, topic).set(lag)

    def _forget_lag(self) -> None:
        """Tell nothing from now on: zero would be a lie, and others count these partitions."""
        for topic in self._topics:
            with contextlib.suppress(KeyError):
                CONSUMER_LAG.remove(self._group, topic)
