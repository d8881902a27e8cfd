"""Relay, consumer and deadline worker in their simplest form: what the real ones promise, and no more.

They deliver at least once, in order for each key, and can be interrupted anywhere. Being simple they let
a simulation try far more schedules of the sagas than the real ones do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta

from tests.simulation.broker import PARTITIONS, LogRecord, SimulatedBroker
from tests.simulation.chance import Chance
from tests.simulation.vehicle_store import SimulatedOutbox
from tests.simulation.wake_up import WakeUp

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.outbox.port import OutboxRecord

Handler = Callable[[Envelope], Awaitable[None]]
Deadlines = Callable[[], Iterable[tuple[str, str, datetime]]]
RETRY_SECONDS = 1.0
BUSY_SECONDS = 20.0
"""A slow relay finds several events of an order when it comes to look."""
BATCH = 4


class PlainRelay:
    """Sends the oldest rows first, and deletes what was acknowledged."""

    def __init__(self, chance: Chance, outbox: SimulatedOutbox, broker: SimulatedBroker) -> None:
        self.chance = chance
        self.outbox = outbox
        self.broker = broker

    async def run(self) -> None:
        while True:
            await self.chance.pause()
            if self.chance.befalls("slow"):
                await asyncio.sleep(self.chance.draw.random() * BUSY_SECONDS)
            batch = self.read()
            if not batch:
                await self.outbox.wake_up.wait()
                continue
            await self.chance.pause()
            if not await self._send_all(batch):
                await asyncio.sleep(self.chance.draw.random() * RETRY_SECONDS)

    def read(self) -> Sequence[OutboxRecord]:
        """Return the oldest rows."""
        return [record for _, record in sorted(self.outbox.records.items())][:BATCH]

    async def _send_all(self, batch: Sequence[OutboxRecord]) -> bool:
        for record in batch:
            if not await self.send(record):
                return False
        return True

    async def send(self, record: OutboxRecord) -> bool:
        """Send one; False when there was no acknowledgement, whatever became of it."""
        trouble = self.chance.befalls("send_error")
        if not trouble or self.chance.strikes(0.5):
            self.broker.append_record(record)
            self.chance.note(f"relayed {record.topic} {record.position}")
        await self.chance.pause()
        if not trouble:
            self.outbox.records.pop(record.position, None)
        return not trouble


class PlainConsumer:
    """Reads partitions in order; a failing record is tried again until it takes effect."""

    def __init__(
        self,
        chance: Chance,
        broker: SimulatedBroker,
        group: str,
        topics: Sequence[str],
        handler: Handler,
    ) -> None:
        self.chance = chance
        self.broker = broker
        self.group = group
        self.topics = topics
        self.handler = handler

    async def run(self) -> None:
        """Take over every partition of the group and read on from the committed offsets."""
        await asyncio.gather(
            *(self.read(topic, partition) for topic in self.topics for partition in range(PARTITIONS))
        )

    async def read(self, topic: str, partition: int) -> None:
        """Read one partition until another member has taken it over."""
        where = (self.group, topic, partition)
        me = self.broker.owner[where] = object()
        log = self.broker.log[topic, partition]
        offset = self.broker.committed[where]
        while self.broker.owner[where] is me:
            if offset >= len(log):
                await self.broker.partition_grown[topic, partition].wait()
                continue
            await self.chance.pause()
            offset = await self.take(log[offset], where)
            if self.chance.befalls("rebalance"):
                # Its next owner begins at the committed offset, while this one may still be busy.
                self.chance.note(f"rebalance of {where}")
                await self.chance.pause()
                asyncio.get_running_loop().create_task(self.read(topic, partition))

    async def take(self, record: LogRecord, where: tuple[str, str, int]) -> int:
        """Bring a record into effect, then commit; return the next offset."""
        await self.handle(record)
        if self.chance.draw.random() < 0.7:
            self.commit(where, record.offset + 1)
        return record.offset + 1

    def commit(self, where: tuple[str, str, int], offset: int) -> None:
        """Note how far this group has come."""
        self.broker.committed[where] = max(self.broker.committed[where], offset)

    async def handle(self, record: LogRecord) -> None:
        """Try until it takes effect."""
        envelope = record.envelope()
        pause_seconds = 0.05
        while True:
            try:
                await self.handler(envelope)
            except Exception as error:  # noqa: BLE001  # whatever it is, the record must not be skipped
                self.chance.note(f"failed {envelope.type} {envelope.id}: {error!r}")
                await asyncio.sleep(pause_seconds)
                pause_seconds = min(5.0, pause_seconds * 2)
            else:
                self.chance.note(f"handled {envelope.type} {envelope.key} {envelope.id}")
                return


class PlainDeadlineWorker:
    """Hands over what is due, each again after a while for as long as it is there."""

    def __init__(
        self,
        chance: Chance,
        deadlines: Deadlines,
        deadline_set: WakeUp,
        handler: Callable[[str, str, datetime], Awaitable[None]],
        clock: Callable[[], datetime],
    ) -> None:
        self.chance = chance
        self.deadlines = deadlines
        self.deadline_set = deadline_set
        self.handler = handler
        self.clock = clock
        self._resting: dict[tuple[str, str, datetime], datetime] = {}
        self._failures: dict[tuple[str, str, datetime], int] = {}

    async def run(self) -> None:
        while True:
            now = self.clock()
            open_deadlines = set(self.deadlines())
            self._resting = {one: until for one, until in self._resting.items() if one in open_deadlines}
            waiting = sorted((max(one[2], self._resting.get(one, one[2])), one) for one in open_deadlines)
            if not waiting:
                await self.deadline_set.wait()
                continue
            act_at, deadline = waiting[0]
            if act_at > now:
                await self.deadline_set.wait((act_at - now) / timedelta(seconds=1))
                continue
            self._failures[deadline] = self._failures.get(deadline, 0) + 1
            rest = timedelta(seconds=min(60, 2 ** self._failures[deadline]))
            self._resting[deadline] = now + rest
            asyncio.get_running_loop().create_task(self._handle(deadline))

    async def _handle(self, deadline: tuple[str, str, datetime]) -> None:
        await self.chance.pause()
        self.chance.note(f"due: {deadline[0]} {deadline[1]}")
        try:
            await self.handler(*deadline)
        except Exception as error:  # noqa: BLE001  # it is tried again
            self.chance.note(f"failed deadline {deadline[:2]}: {error!r}")
