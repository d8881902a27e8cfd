"""As much of Kafka's clients as the real relay and consumer use, on the simulated broker.

Groups behave as Kafka's do: members join, give up everything, and get their shares of the new
generation; a silent one is expelled and goes on working until it notices; its commits are refused.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka.errors import CommitFailedError, KafkaConnectionError, KafkaTimeoutError
from aiokafka.structs import ConsumerRecord, TopicPartition
from tests.simulation.broker import PARTITIONS, LogRecord, SimulatedBroker
from tests.simulation.chance import Chance
from tests.simulation.simulated_loop import PROCESS
from tests.simulation.wake_up import WakeUp, wait_for_any

SESSION_SECONDS = 6.0
REBALANCE_SECONDS = 8.0
IDLE_POLL_SECONDS = 30.0
LATE_SECONDS = 20.0


class SimulatedBatch:
    """A record batch that is full after a few records."""

    def __init__(self, room: int) -> None:
        self._room = room
        self.records: list[tuple[str, list[tuple[str, bytes]], bytes]] = []

    def append(self, *, timestamp: None, key: bytes, value: bytes, headers: Any) -> object | None:  # noqa: ARG002
        if len(self.records) == self._room:
            return None
        self.records.append((key.decode(), list(headers), value))
        return self

    def close(self) -> None: ...


@dataclass(eq=False)
class Group:
    """A consumer group: who is in it, and which generation of shares holds."""

    generation: int = 0
    dealt: int = -1
    """The last generation that got its shares."""
    members: list[SimulatedConsumer] = field(default_factory=list)
    ready: set[SimulatedConsumer] = field(default_factory=set)
    changed: WakeUp = field(default_factory=WakeUp)

    def rebalance(self) -> None:
        """Begin a new generation."""
        self.generation += 1
        self.ready.clear()
        self.changed.ring()

    def join(self, member: SimulatedConsumer) -> None:
        if member not in self.members:
            self.members.append(member)
            self.rebalance()

    def leave(self, member: SimulatedConsumer) -> None:
        if member in self.members:
            self.members.remove(member)
            self.rebalance()


class SimulatedKafka:
    """Makes clients."""

    def __init__(self, chance: Chance, broker: SimulatedBroker) -> None:
        self.chance = chance
        self.broker = broker
        self.groups: dict[str, Group] = {}

    def make_producer(self, _settings: object) -> SimulatedProducer:
        return SimulatedProducer(self.chance, self.broker)

    def make_consumer(self, _settings: object, group: str) -> SimulatedConsumer:
        return SimulatedConsumer(self, group, self.groups.setdefault(group, Group()))


class SimulatedProducer:
    """Sends batches whose fate may stay unknown, and which may arrive late all the same."""

    def __init__(self, chance: Chance, broker: SimulatedBroker) -> None:
        self._chance = chance
        self._broker = broker

    async def start(self) -> None:
        await self._chance.reach(KafkaConnectionError)

    async def stop(self) -> None:
        await self._chance.pause()

    async def partitions_for(self, _topic: str) -> set[int]:
        await self._chance.pause()
        return set(range(PARTITIONS))

    def create_batch(self) -> SimulatedBatch:
        return SimulatedBatch(self._chance.draw.randrange(1, 5))

    async def send_batch(self, batch: SimulatedBatch, topic: str, *, partition: int) -> asyncio.Future[None]:
        return asyncio.ensure_future(self._deliver(batch, topic, partition))

    async def _deliver(self, batch: SimulatedBatch, topic: str, partition: int) -> None:
        chance = self._chance
        await chance.pause()
        if not chance.befalls("send_error"):
            self._append(batch, topic, partition)
            await chance.pause()
            return
        if chance.strikes(0.5):
            chance.later(chance.draw.random() * LATE_SECONDS, lambda: self._append(batch, topic, partition))
        raise KafkaTimeoutError

    def _append(self, batch: SimulatedBatch, topic: str, partition: int) -> None:
        for key, headers, value in batch.records:
            self._broker.append(topic, partition, key, headers, value)
            self._chance.note(f"sent {topic} {key} {dict(headers)['ce_sequence'].decode()}")


class SimulatedConsumer:
    """One member of a group."""

    def __init__(self, kafka: SimulatedKafka, name: str, group: Group) -> None:
        self._chance = kafka.chance
        self._broker = kafka.broker
        self._name = name
        self._group = group
        self.generation = -1
        """The generation that this member was last dealt a share in; -1 for one that was expelled."""
        self._coordinator = self  # The membership asks it for the generation.
        self._topics: list[str] = []
        self._listener: Any = None
        self._positions: dict[TopicPartition, int] = {}
        self._reassigning = False
        """While it gives up its shares the client returns no records, which may be another's already."""
        self._coordination: asyncio.Task[None] | None = None
        self._rebalanced = WakeUp()

    async def start(self) -> None:
        await self._chance.reach(KafkaConnectionError)

    def subscribe(self, *, topics: Collection[str], listener: Any) -> None:
        self._topics, self._listener = list(topics), listener
        process = PROCESS.get()
        if process is not None:
            process.transactions[self] = self._fall_silent
        self._coordination = asyncio.get_running_loop().create_task(self._coordinate())

    async def stop(self) -> None:
        process = PROCESS.get()
        if process is not None:
            process.transactions.pop(self, None)
        if self._coordination is not None:
            self._coordination.cancel()
            await asyncio.gather(self._coordination, return_exceptions=True)
        self._group.leave(self)

    def assignment(self) -> set[TopicPartition]:
        return set(self._positions)

    def highwater(self, where: TopicPartition) -> int | None:
        return len(self._broker.log[where.topic, where.partition]) if where in self._positions else None

    async def getmany(
        self,
        *partitions: TopicPartition,
        timeout_ms: int,
        max_records: int,
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        """Return records; a poll that finds nothing may be longer than asked for, which costs nobody."""
        del timeout_ms
        await self._chance.pause()
        found = self._fetch(partitions, max_records)
        if not found:
            await self._wait_for_news()
            found = self._fetch(partitions, max_records)
        return found

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        await self._chance.reach(KafkaTimeoutError)
        # While a new generation forms, the members of the last one may still commit.
        if self not in self._group.members or self.generation != self._group.dealt:
            raise CommitFailedError
        for where, offset in offsets.items():
            self._broker.committed[self._name, where.topic, where.partition] = offset
        await self._chance.pause()

    def _fall_silent(self) -> None:
        """The process died: the group notices when its session times out."""
        self._chance.later(SESSION_SECONDS, lambda: self._group.leave(self))

    async def _wait_for_news(self) -> None:
        await wait_for_any((self._broker.grown, self._rebalanced), IDLE_POLL_SECONDS)

    def _fetch(
        self, partitions: Collection[TopicPartition], limit: int
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        found: dict[TopicPartition, list[ConsumerRecord]] = {}
        if self._reassigning:
            return found
        for where in partitions or list(self._positions):
            position = self._positions.get(where)
            if position is None:
                continue
            records = self._broker.log[where.topic, where.partition][position : position + limit]
            if records:
                self._positions[where] = position + len(records)
                found[where] = [_consumer_record(record) for record in records]
        return found

    async def _coordinate(self) -> None:
        """Take part in every generation, as the client's own background task does."""
        chance, group = self._chance, self._group
        while True:
            if self not in group.members:
                self.generation = -1
                group.join(self)
            generation = group.generation
            await chance.pause()
            self._reassigning = True
            await self._listener.on_partitions_revoked(list(self._positions))
            self._positions.clear()
            group.ready.add(self)
            group.changed.ring()
            await self._wait_for_others(generation)
            if group.generation != generation or self not in group.members:
                continue
            self.generation = group.dealt = generation
            share = self._share()
            await self._listener.on_partitions_assigned(share)
            if group.generation != generation:
                continue
            self._positions = {
                where: self._broker.committed[self._name, where.topic, where.partition] for where in share
            }
            self._reassigning = False
            self._rebalanced.ring()
            chance.note(f"{self._name} reads {[f'{one.topic}/{one.partition}' for one in share]}")
            while group.generation == generation and self in group.members:
                await group.changed.wait(1.0 + chance.draw.random() * 10)
                if chance.befalls("rebalance"):
                    await self._lose_touch()

    async def _wait_for_others(self, generation: int) -> None:
        deadline = self._chance.loop.time() + REBALANCE_SECONDS
        group = self._group
        while group.generation == generation and not group.ready.issuperset(group.members):
            left = deadline - self._chance.loop.time()
            if left <= 0:
                for member in [one for one in group.members if one not in group.ready]:
                    group.members.remove(member)
                return
            await group.changed.wait(left)

    async def _lose_touch(self) -> None:
        """Be expelled, and notice it only later; or just have the shares dealt anew."""
        if self._chance.strikes(0.5):
            self._chance.note(f"{self._name} is dealt anew")
            self._group.rebalance()
            return
        self._chance.note(f"{self._name} is expelled")
        self._group.leave(self)
        with contextlib.suppress(TimeoutError):
            await asyncio.sleep(self._chance.draw.random() * SESSION_SECONDS)

    def _share(self) -> list[TopicPartition]:
        everything = [
            TopicPartition(topic, partition) for topic in self._topics for partition in range(PARTITIONS)
        ]
        members = self._group.members
        return everything[members.index(self) :: len(members)]


def _consumer_record(record: LogRecord) -> ConsumerRecord:
    return ConsumerRecord(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp=record.offset,
        timestamp_type=0,
        key=record.key,
        value=record.value,
        checksum=None,
        serialized_key_size=len(record.key),
        serialized_value_size=len(record.value),
        headers=record.headers,
    )
