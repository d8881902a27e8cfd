"""A schedule of messaging alone: one outbox, the real relay, consumer, parking and replays, a few keys.

Handlers only note what they were handed, so that many more schedules fit into a minute than with whole
purchases, and nothing is left to a saga that would heal what messaging did wrong.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from aiokafka.structs import TopicPartition
from tests.simulation.broker import SimulatedBroker
from tests.simulation.chance import Chance
from tests.simulation.kafka import SimulatedKafka
from tests.simulation.message_stores import SimulatedOutboxStore, SimulatedParkingStore, StoreAwayError
from tests.simulation.simulated_loop import PROCESS, Process, SimulatedLoop
from tests.simulation.stage import Replacement
from tests.simulation.vehicle_store import SimulatedOutbox
from tests.simulation.wake_up import WakeUp

from autodeal_contracts.envelope import Envelope
from autodeal_messaging import consumer_membership, relay
from autodeal_messaging.consumer import Consumer
from autodeal_messaging.failure_kind import FailureKinds
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.nudge import Nudge
from autodeal_messaging.parking.limits import ParkingLimits
from autodeal_messaging.parking.park_records import RecordParking
from autodeal_messaging.parking.port import AuditEntry, ParkedFilter, ParkedState
from autodeal_messaging.parking.replay import ReplayWorker
from autodeal_messaging.relay import Relay
from autodeal_messaging.relay_round import RelayLimits

BEGINNING = datetime.fromisoformat("2026-03-03T15:00:00+00:00")
TOPIC, GROUP = "things.v1", "readers"
KAFKA = KafkaSettings(
    kafka_bootstrap_servers="nowhere:9092",
    kafka_commit_interval_ms=2_000,
    kafka_drain_timeout_seconds=4.0,
    kafka_consumer_concurrency=4,
    kafka_consumer_window=6,
)
RELAY_LIMITS = RelayLimits(
    read_limit=4, window=12, poll_first_seconds=0.2, poll_maximum_seconds=6.0, acknowledge_timeout_seconds=5.0
)
PARKING_LIMITS = ParkingLimits(
    attempts_in_place=2, attempt_limit=4, retry_maximum_seconds=4.0, claim_seconds=10.0, poll_seconds=2.0
)


class PoisonError(Exception):
    """This event cannot be handled now, and others can."""


class LastingPoisonError(Exception):
    """This event cannot be handled until its cause is gone."""


KINDS = FailureKinds(surroundings=(StoreAwayError,), permanent=(LastingPoisonError,))
CRASH_SHARE = 0.5
NUDGED_SHARE = 0.7
ROLLED_BACK_SHARE = 0.15
FAULTS_END_SECONDS = (0.5, 4.0, 12.0)
SPANS_SECONDS = (0.02, 0.5, 3.0)
"""Within which a key's next event is committed."""
LOOK_AGAIN_SECONDS = 1.0


class MessagesWorld:
    """Everything there is in one schedule."""

    def __init__(self, loop: SimulatedLoop, seed: int, *, traced: bool) -> None:
        self.loop = loop
        self.chance = Chance(seed, loop, trace=[] if traced else None)
        self.chance.faults.crash *= CRASH_SHARE
        self.chance.faults.rebalance *= 2
        self.broker = SimulatedBroker()
        self.kafka = SimulatedKafka(self.chance, self.broker)
        self.outbox = SimulatedOutbox(WakeUp())
        self.parked = SimulatedParkingStore(self.chance, GROUP)
        self.committed: defaultdict[str, list[str]] = defaultdict(list)
        """By key, the ids of events in the order of their commits."""
        self.effects: defaultdict[str, list[str]] = defaultdict(list)
        """By key, what took effect."""
        self._poisoned: dict[str, Exception | None] = {}
        self._workers = 0
        self._drawn = 0

    def replacements(self) -> list[Replacement]:
        """Return what makes the workers talk to the simulated broker."""
        return [
            (relay, "make_producer", self.kafka.make_producer),
            (consumer_membership, "make_consumer", self.kafka.make_consumer),
        ]

    def endings(self) -> Counter[str]:
        """Count what took effect, and what was parked on its way."""
        return Counter(handled=sum(map(len, self.effects.values())))

    def begin(self) -> None:
        """Start writers and workers; end the faults some time, and the schedule when nothing is left."""
        draw = self.chance.draw
        writers = [
            self.loop.create_task(self._write(f"key-{number}", draw.choice((1, 2, 4))))
            for number in range(draw.choice((1, 2, 4)))
        ]
        for number in range(draw.choice((1, 1, 2))):
            self.loop.create_task(self._keep_alive(f"work-{number}"))
        self.loop.create_task(self._come_to_an_end(writers))

    def clock(self) -> datetime:
        return BEGINNING + timedelta(seconds=self.loop.time())

    async def _write(self, key: str, events: int) -> None:
        """Commit events of one key one after the other, as its row's lock has it; some are rolled back."""
        chance = self.chance
        span_seconds = chance.draw.choice(SPANS_SECONDS)
        while len(self.committed[key]) < events:
            await self.loop.sleep(chance.draw.random() * span_seconds)
            envelope = self._next_event(key)
            rows = self.outbox.reserve([envelope])
            await self.loop.sleep(chance.draw.random() * span_seconds)
            if chance.strikes(ROLLED_BACK_SHARE):
                chance.note(f"rolled back {envelope.id}")
                continue
            self.committed[key].append(envelope.id)
            self.outbox.put(rows)
            chance.note(f"committed {envelope.id}")

    def _next_event(self, key: str) -> Envelope:
        self._drawn += 1
        return Envelope(
            topic=TOPIC,
            key=key,
            id=f"{key}/{self._drawn}",
            type="thing.happened",
            source="/writers",
            subject=f"thing/{key}",
            time=self.clock(),
            sequence=len(self.committed[key]) + 1,
            correlation_id=key,
        )

    async def _keep_alive(self, name: str) -> None:
        """Start a process, and another one when it died."""
        chance = self.chance
        while True:
            process, died = Process(name), WakeUp()
            process.transactions[died] = died.ring
            process.start(self._work())
            await died.wait()
            await self.loop.sleep(chance.draw.random() * chance.draw.choice((0.1, 8.0)))

    async def _work(self) -> None:
        """Run a relay, a consumer and a replay worker, as a service's process does."""
        never = asyncio.Event()
        self._workers += 1
        name, written = f"relay-{self._workers}", Nudge()
        if self.chance.strikes(NUDGED_SHARE):
            self._nudge(written)
        sender = Relay(
            SimulatedOutboxStore(self.chance, self.outbox, name), KAFKA, written, name, limits=RELAY_LIMITS
        )
        consumer = Consumer(
            KAFKA,
            GROUP,
            [TOPIC],
            self._handle,
            together=self._handle_together if self.chance.strikes(0.5) else None,
            failures=RecordParking(self.parked, KINDS, limits=PARKING_LIMITS, now=self.clock),
        )
        replay = ReplayWorker(self.parked, self._handle, KINDS, limits=PARKING_LIMITS, now=self.clock)
        await asyncio.gather(*(each.run(never) for each in (sender, consumer, replay)))

    def _nudge(self, written: Nudge) -> None:
        """Tell the relay of the process that runs now of every commit, for as long as it lives."""
        process = PROCESS.get()
        if process is None:
            return
        self.outbox.nudges[process] = written

        def forget() -> None:
            del self.outbox.nudges[process]

        process.transactions[written] = forget

    async def _handle(self, envelope: Envelope) -> None:
        await self._handle_together([envelope])

    async def _handle_together(self, envelopes: Sequence[Envelope]) -> None:
        """Bring events into effect in one transaction, each with its inbox row."""
        await self.chance.reach(StoreAwayError)
        for envelope in envelopes:
            self._taste(envelope)
        for envelope in envelopes:
            if self.parked.inbox.claim(GROUP, envelope.id):
                self.effects[envelope.key].append(envelope.id)
                self.chance.note(f"handled {envelope.id}")
        await self.chance.reach(StoreAwayError)

    def _taste(self, envelope: Envelope) -> None:
        """Fail for some events for as long as faults last."""
        if envelope.id not in self._poisoned:
            lasting = self.chance.strikes(0.3)
            poison = LastingPoisonError("poison") if lasting else PoisonError("poison")
            self._poisoned[envelope.id] = poison if self.chance.befalls("poison") else None
        found = self._poisoned[envelope.id]
        if found is not None and self.chance.faults.poison > 0.0:
            raise found

    async def _come_to_an_end(self, writers: Sequence[asyncio.Task[None]]) -> None:
        draw = self.chance.draw
        await self.loop.sleep(draw.random() * draw.choice(FAULTS_END_SECONDS))
        self.chance.faults.stop()
        await asyncio.gather(*writers)
        while self.waiting():
            await self._redrive()
            await self.loop.sleep(LOOK_AGAIN_SECONDS)
        self.loop.end()

    def waiting(self) -> int:
        """Count what is still to be done."""
        unread = sum(
            len(log) - self.broker.committed[GROUP, topic, partition]
            for (topic, partition), log in self.broker.log.items()
        )
        return len(self.outbox.records) + len(self.parked.records) + unread

    async def _redrive(self) -> None:
        """Let an operator bring back what is dead, now that its cause is gone."""
        if not self.parked.records:
            return
        for key in await self.parked.keys(ParkedFilter(state=ParkedState.DEAD)):
            entry = AuditEntry(
                at=self.clock(),
                operator="operator",
                act="redrive",
                topic=key.topic,
                key=key.key,
                record_id=key.first.id,
            )
            await self.parked.revive(entry)

    def judge(self) -> Iterator[str]:
        """Yield every broken promise: each event once in effect and in order, and none from nowhere."""
        for key, committed in self.committed.items():
            if self.effects[key] != committed:
                yield f"{key} committed {committed} and {self.effects[key]} took effect"
        sent: defaultdict[str, list[str]] = defaultdict(list)
        for where, log in self.broker.log.items():
            for record in log:
                key, event_id = record.key.decode(), dict(record.headers)["ce_id"].decode()
                if event_id not in sent[key]:
                    sent[key].append(event_id)
            offset = self.broker.committed[GROUP, *where]
            if offset != len(log):
                yield f"offset {offset} is committed of {TopicPartition(*where)}, which has {len(log)}"
        for key in self.committed.keys() | sent.keys():
            if sent[key] != self.committed[key]:
                yield f"{key} committed {self.committed[key]}, and the log has first {sent[key]}"
        if self.waiting():
            yield f"{self.waiting()} rows still wait"
