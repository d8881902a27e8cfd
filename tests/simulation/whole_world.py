"""A schedule with the real relay, consumer, parking, replays and deadline worker, two of each by chance.

Time is squeezed: an order has less than a minute to be paid, so that loops that look around every second
or so do not look around for half an hour.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from itertools import count

from tests.simulation.kafka import SimulatedKafka
from tests.simulation.message_stores import SimulatedDeadlines, SimulatedOutboxStore, SimulatedParkingStore
from tests.simulation.services import PaymentService, VehicleService
from tests.simulation.simulated_loop import PROCESS, SimulatedLoop
from tests.simulation.stage import Replacement
from tests.simulation.vehicle_store import SimulatedOutbox
from tests.simulation.workers import Handler
from tests.simulation.world import World

from autodeal_contracts import topics
from autodeal_contracts.catalog import UndecodableEventError
from autodeal_contracts.envelope import Envelope
from autodeal_contracts.events.sale import PaymentMethod
from autodeal_messaging import consumer_membership, deadlines, relay
from autodeal_messaging.consumer import Consumer
from autodeal_messaging.deadlines import DeadlineWorker
from autodeal_messaging.failure_kind import FailureKinds
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.nudge import Nudge
from autodeal_messaging.parking import replay
from autodeal_messaging.parking.limits import ParkingLimits
from autodeal_messaging.parking.park_records import RecordParking
from autodeal_messaging.parking.port import AuditEntry, ParkedFilter, ParkedState
from autodeal_messaging.parking.replay import ReplayWorker
from autodeal_messaging.relay import Relay
from autodeal_messaging.relay_round import RelayLimits
from autodeal_payment.app.ports.sale_store import StoreUnavailableError as SalesUnavailableError
from autodeal_payment.domain.schedule import Schedule
from autodeal_vehicle.app.errors import StoreUnavailableError as VehiclesUnavailableError
from autodeal_vehicle.domain.sale_deadline import SaleDeadlines

KAFKA = KafkaSettings(
    kafka_bootstrap_servers="nowhere:9092",
    kafka_commit_interval_ms=5_000,
    kafka_drain_timeout_seconds=4.0,
    kafka_consumer_concurrency=4,
    kafka_consumer_window=6,
)
RELAY_LIMITS = RelayLimits(
    read_limit=4,
    window=12,
    poll_first_seconds=0.2,
    poll_maximum_seconds=12.0,
    acknowledge_timeout_seconds=5.0,
)
PARKING_LIMITS = ParkingLimits(
    attempts_in_place=2, attempt_limit=4, retry_maximum_seconds=8.0, claim_seconds=10.0, poll_seconds=6.0
)
SCHEDULE = Schedule(
    first_check=timedelta(seconds=8),
    max_interval=timedelta(seconds=30),
    deadline_margin=timedelta(seconds=5),
    unknown_retry=timedelta(seconds=1),
    refund_retry=timedelta(seconds=3),
    resume_after=timedelta(seconds=2),
    in_flight=timedelta(seconds=7),
    late_effect=timedelta(seconds=15),
)
TIME_TO_PAY = timedelta(seconds=25)
SURROUNDINGS = (VehiclesUnavailableError, SalesUnavailableError)
KINDS = FailureKinds(surroundings=SURROUNDINGS, permanent=(UndecodableEventError,))
LOOK_AGAIN_SECONDS = 3.0
LOOK_AHEAD_SECONDS = 8.0
"""A deadline worker looks around every second for what other processes have set. Workers that look around
and find nothing are most of the work of a schedule, so each of them does so less often here."""
BALANCE_SECONDS = 6.0
MEASURE_SECONDS = 60.0
"""Nobody reads the gauges."""
NUDGED_SHARE = 0.5
"""The other processes hear of no commit, and find everything by looking."""
CRASH_SHARE = 0.3
"""There are many more awaits in the real workers."""
FAULTS_END_SECONDS = (5.0, 20.0, 50.0)


class SqueezedDeadlines(SaleDeadlines):
    """The same for every method."""

    def expiry(self, method: PaymentMethod, now: datetime) -> datetime:  # noqa: ARG002
        return now + TIME_TO_PAY


class WholeWorld(World):
    """Both services with all of `libs/messaging` between them."""

    squeeze = 1 / 100
    faults_end_seconds = FAULTS_END_SECONDS
    crowds = ((1, 1), (1, 2), (2, 2), (2, 4))

    def __init__(self, loop: SimulatedLoop, seed: int, *, traced: bool) -> None:
        super().__init__(loop, seed, traced=traced)
        self.kafka = SimulatedKafka(self.chance, self.broker)
        self.parked = {
            group: SimulatedParkingStore(self.chance, group)
            for group in ("autodeal-vehicle", "autodeal-payment")
        }
        self.chance.faults.crash *= CRASH_SHARE
        self.chance.faults.rebalance *= 2
        self._relay_names = count(1)
        self._poisoned: dict[str, Exception | None] = {}

    def begin(self) -> None:
        """Begin as ever; end when nothing is left to do."""
        super().begin()
        self.loop.create_task(self._operate())
        self.loop.create_task(self._end())

    def replacements(self) -> list[Replacement]:
        """Return what makes the workers talk to the simulated broker."""
        return [
            (relay, "make_producer", self.kafka.make_producer),
            (consumer_membership, "make_consumer", self.kafka.make_consumer),
            (deadlines, "LOOK_AHEAD_SECONDS", LOOK_AHEAD_SECONDS),
            (replay, "MEASURE_INTERVAL_SECONDS", MEASURE_SECONDS),
            (relay, "MEASURE_INTERVAL_SECONDS", MEASURE_SECONDS),
            (SimulatedOutboxStore, "balance_interval_seconds", BALANCE_SECONDS),
        ]

    def waiting(self) -> int:
        """Count what is still to be done."""
        parked = sum(len(store.records) for store in self.parked.values())
        return super().waiting() + parked + self._unread() + self.webhooks_under_way

    def _unread(self) -> int:
        groups = {topics.PAYMENT: "autodeal-vehicle"}
        return sum(
            len(log) - self.broker.committed[groups.get(topic, "autodeal-payment"), topic, partition]
            for (topic, partition), log in self.broker.log.items()
        )

    def _mains(self) -> dict[str, Callable[[], Awaitable[object]]]:
        mains: dict[str, Callable[[], Awaitable[object]]] = dict(super()._mains())
        if self.chance.draw.random() < 0.5:
            mains["vehicle-work-2"] = self._work_vehicle
            mains["payment-work-2"] = self._work_payment
        return mains

    async def _work_vehicle(self) -> None:
        service = self._vehicle_service()
        state = self.vehicle_store.state
        due = SimulatedDeadlines(
            self.chance, lambda: [("sale", str(order), due_at) for order, due_at in state.deadlines.items()]
        )
        await self._run_loops("autodeal-vehicle", [topics.PAYMENT], self.vehicle_events, service, due)

    async def _work_payment(self) -> None:
        service = self._payment_service()
        due = SimulatedDeadlines(self.chance, lambda: self.sale_store.deadlines)
        await self._run_loops(
            "autodeal-payment", [topics.SALE, topics.NOTIFICATION], self.sale_events, service, due
        )

    async def _run_loops(
        self,
        group: str,
        read: Sequence[str],
        outbox: SimulatedOutbox,
        service: VehicleService | PaymentService,
        due: SimulatedDeadlines,
    ) -> None:
        never = asyncio.Event()
        name = f"{group}-{next(self._relay_names)}"
        written, deadline_set = Nudge(), Nudge()
        if self.chance.draw.random() < NUDGED_SHARE:
            self._nudge(service, outbox, written, deadline_set)
        store = self.parked[group]
        handler = self._poisonous(service.handle)
        sender = Relay(
            SimulatedOutboxStore(self.chance, outbox, name),
            KAFKA,
            written,
            name,
            limits=RELAY_LIMITS,
        )
        consumer = Consumer(
            KAFKA,
            group,
            read,
            handler,
            together=self._poisonous_together(service),
            failures=RecordParking(store, KINDS, limits=PARKING_LIMITS, now=self.clock),
        )
        replays = ReplayWorker(store, handler, KINDS, limits=PARKING_LIMITS, now=self.clock)
        worker = DeadlineWorker(due, service.handle_deadline, deadline_set, now=self.clock)
        await asyncio.gather(*(each.run(never) for each in (sender, consumer, replays, worker)))

    def _nudge(
        self,
        service: VehicleService | PaymentService,
        outbox: SimulatedOutbox,
        written: Nudge,
        deadline_set: Nudge,
    ) -> None:
        """Tell the process that runs now of every commit, for as long as it lives."""
        process = PROCESS.get()
        is_vehicle = isinstance(service, VehicleService)
        bell = self.vehicle_store.deadline_set if is_vehicle else self.sale_deadline_set
        outbox.nudges[process] = written
        bell.listeners[process] = deadline_set.ring

        def forget() -> None:
            del outbox.nudges[process]
            del bell.listeners[process]

        if process is not None:
            process.transactions[written] = forget

    def _vehicle_service(self) -> VehicleService:
        return VehicleService(self.vehicle_store, self.clock, SqueezedDeadlines())

    def _payment_service(self) -> PaymentService:
        return PaymentService(self.sale_store, self.provider, self.clock, self.loop.time, SCHEDULE)

    def _poisonous(self, handle: Handler) -> Handler:
        async def handle_poison(envelope: Envelope) -> None:
            self._taste(envelope)
            await handle(envelope)
            self.chance.note(f"handled {envelope.type} {envelope.key} {envelope.id}")

        return handle_poison

    def _poisonous_together(
        self, service: VehicleService | PaymentService
    ) -> Callable[[Sequence[Envelope]], Awaitable[None]] | None:
        if not isinstance(service, VehicleService):
            return None
        handle_together = service.handle_together

        async def handle_poisons(envelopes: Sequence[Envelope]) -> None:
            for envelope in envelopes:
                self._taste(envelope)
            await handle_together(envelopes)
            self.chance.note(f"handled together {[envelope.id for envelope in envelopes]}")

        return handle_poisons

    def _taste(self, envelope: Envelope) -> None:
        """Fail for some events for as long as faults last: this one cannot be handled, the others can."""
        if envelope.id not in self._poisoned:
            poison: Exception | None = None
            if self.chance.befalls("poison"):
                is_permanent = self.chance.strikes(0.3)
                poison = UndecodableEventError("poison") if is_permanent else RuntimeError("poison")
            self._poisoned[envelope.id] = poison
        found = self._poisoned[envelope.id]
        if found is not None and self.chance.faults.poison > 0.0:
            raise found

    async def _operate(self) -> None:
        """Redrive what is dead, once its cause is gone."""
        while True:
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
            if self.chance.faults.poison > 0.0:
                continue
            for store in self.parked.values():
                for key in await store.keys(ParkedFilter(state=ParkedState.DEAD)):
                    entry = AuditEntry(
                        at=self.clock(),
                        operator="operator",
                        act="redrive",
                        topic=key.topic,
                        key=key.key,
                        record_id=key.first.id,
                    )
                    await store.revive(entry)

    async def _end(self) -> None:
        """End the schedule when faults and people have come to rest and nothing waits."""
        await self.at_peace.wait()
        while self.waiting():  # noqa: ASYNC110  # looked at, not told
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
        if self.waiting():
            await self._end()
        self.loop.end()
