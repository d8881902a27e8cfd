"""One schedule: two services, their stores, a broker, a provider, people; and all that goes wrong."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from tests.simulation.broker import SimulatedBroker
from tests.simulation.chance import Chance
from tests.simulation.judge import judge
from tests.simulation.people import Buyer, face_bank, face_payment
from tests.simulation.provider import SimulatedProvider
from tests.simulation.sale_store import SimulatedSaleStore
from tests.simulation.services import PaymentService, VehicleService
from tests.simulation.simulated_loop import PROCESS, Process, SimulatedLoop
from tests.simulation.stage import Replacement
from tests.simulation.vehicle_store import SimulatedOutbox, SimulatedVehicleStore
from tests.simulation.wake_up import WakeUp
from tests.simulation.workers import PlainConsumer, PlainDeadlineWorker, PlainRelay

from autodeal_contracts import topics
from autodeal_contracts.catalog import seal
from autodeal_contracts.events.notification import NotificationReceived
from autodeal_contracts.events.sale import PaymentMethod
from autodeal_contracts.saga import VehicleState
from autodeal_payment.domain.schedule import Schedule
from autodeal_vehicle.domain.sale_deadline import SaleDeadlines
from autodeal_vehicle.domain.vehicle import Vehicle, VehicleDetails

BEGINNING = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
CLOCK_ERRORS_SECONDS = (0.0, 0.5, 3.0)
HASTY_BOLETO = timedelta(hours=1)
FAULTS_END_SECONDS = (10.0, 300.0, 2400.0)


class HastyBoletos(SaleDeadlines):
    """A boleto is paid within hours: three days of the janitor's questions show nothing new."""

    def expiry(self, method: PaymentMethod, now: datetime) -> datetime:
        return now + HASTY_BOLETO if method is PaymentMethod.BOLETO else super().expiry(method, now)


class World:
    """Everything there is in one schedule."""

    squeeze = 1.0
    """By how much people hurry."""
    faults_end_seconds = FAULTS_END_SECONDS
    crowds: tuple[tuple[int, int], ...] = ((1, 1), (1, 1), (1, 1), (1, 2), (1, 2), (2, 2))
    """Vehicles and buyers."""

    def __init__(self, loop: SimulatedLoop, seed: int, *, traced: bool) -> None:
        self.loop = loop
        self.chance = Chance(seed, loop, trace=[] if traced else None)
        self.broker = SimulatedBroker()
        vehicle_deadline_set, self.sale_deadline_set = WakeUp(), WakeUp()
        self.vehicle_events = SimulatedOutbox(WakeUp())
        self.sale_events = SimulatedOutbox(WakeUp())
        self.vehicle_store = SimulatedVehicleStore(self.chance, self.vehicle_events, vehicle_deadline_set)
        self.sale_store = SimulatedSaleStore(self.chance, self.sale_events, self.sale_deadline_set)
        self.provider = SimulatedProvider(self.chance, self.clock)
        self.provider.on_made = lambda payment: face_payment(self, payment)
        self.provider.on_paid = lambda payment: face_bank(self, payment)
        self.provider.on_news = self._call_back
        self.processes: dict[str, Process] = {}
        self.services: dict[str, VehicleService | PaymentService] = {}
        self.provider.squeeze = self.squeeze
        self.at_peace = asyncio.Event()
        """No more faults, and everybody has done what they wanted."""
        self._clock_error_seconds = self.chance.draw.choice(CLOCK_ERRORS_SECONDS)
        self._notifications = 0
        self.webhooks_under_way = 0

    def clock(self) -> datetime:
        """Return the time as the process that asks has it: no two clocks agree."""
        process = PROCESS.get()
        error_seconds = process.clock_error_seconds if process is not None else 0.0
        return BEGINNING + timedelta(seconds=self.loop.time() + error_seconds)

    def vehicle(self) -> VehicleService:
        """Return the vehicle service as its HTTP process runs it."""
        service = self.services["vehicle-serve"]
        assert isinstance(service, VehicleService)
        return service

    def payment(self) -> PaymentService:
        """Return the payment service as its HTTP process runs it."""
        service = self.services["payment-serve"]
        assert isinstance(service, PaymentService)
        return service

    def begin(self) -> None:
        """Offer vehicles, start every process, let people in, and end the faults some time."""
        draw = self.chance.draw
        vehicles, buyers = draw.choice(self.crowds)
        for number in range(1, vehicles + 1):
            self.vehicle_store.state.vehicles[number] = _vehicle(number)
        for name, main in self._mains().items():
            self.loop.create_task(self._keep_alive(name, main))
        living = [
            self.loop.create_task(Buyer(self, f"buyer-{number}", 1 + number % vehicles).live())
            for number in range(buyers)
        ]
        self.loop.create_task(self._come_to_peace(living))

    async def _come_to_peace(self, living: list[asyncio.Task[None]]) -> None:
        draw = self.chance.draw
        await asyncio.sleep(draw.random() * draw.choice(self.faults_end_seconds))
        self.chance.faults.stop()
        await asyncio.gather(*living)
        self.at_peace.set()

    def replacements(self) -> list[Replacement]:
        """Return what else has to be replaced while it plays."""
        return []

    def judge(self) -> list[str]:
        """Return every violation of every invariant, one sentence each."""
        return judge(self)

    def endings(self) -> Counter[str]:
        """Count the orders by the state they ended in."""
        return Counter(order.status.value for order in self.vehicle_store.state.orders.values())

    def waiting(self) -> int:
        """Count rows in outboxes and deadlines."""
        return (
            len(self.vehicle_events.records)
            + len(self.sale_events.records)
            + len(self.vehicle_store.state.deadlines)
            + len(self.sale_store.deadlines)
        )

    def _mains(self) -> dict[str, Callable[[], Awaitable[object]]]:
        return {
            "vehicle-serve": self._serve_vehicle,
            "vehicle-work": self._work_vehicle,
            "payment-serve": self._serve_payment,
            "payment-work": self._work_payment,
        }

    async def _keep_alive(self, name: str, main: Callable[[], Awaitable[object]]) -> None:
        """Start a process, and another one when it died."""
        while True:
            process = Process(name, (self.chance.draw.random() - 0.5) * 2 * self._clock_error_seconds)
            died = WakeUp()
            process.transactions[died] = died.ring
            self.processes[name] = process
            process.start(_run(main))
            await died.wait()
            del self.processes[name]
            await asyncio.sleep(self.chance.draw.random() * self.chance.draw.choice((0.5, 20.0)))

    async def _serve_vehicle(self) -> None:
        self.services["vehicle-serve"] = self._vehicle_service()

    async def _serve_payment(self) -> None:
        self.services["payment-serve"] = self._payment_service()

    async def _work_vehicle(self) -> None:
        service = self._vehicle_service()
        relay = PlainRelay(self.chance, self.vehicle_events, self.broker)
        consumer = PlainConsumer(
            self.chance, self.broker, "autodeal-vehicle", [topics.PAYMENT], service.handle
        )
        state = self.vehicle_store.state
        deadlines = PlainDeadlineWorker(
            self.chance,
            lambda: [("sale", str(order_id), due_at) for order_id, due_at in state.deadlines.items()],
            self.vehicle_store.deadline_set,
            service.handle_deadline,
            self.clock,
        )
        await asyncio.gather(relay.run(), consumer.run(), deadlines.run())

    async def _work_payment(self) -> None:
        service = self._payment_service()
        relay = PlainRelay(self.chance, self.sale_events, self.broker)
        consumer = PlainConsumer(
            self.chance,
            self.broker,
            "autodeal-payment",
            [topics.SALE, topics.NOTIFICATION],
            service.handle,
        )
        deadlines = PlainDeadlineWorker(
            self.chance,
            lambda: self.sale_store.deadlines,
            self.sale_deadline_set,
            service.handle_deadline,
            self.clock,
        )
        await asyncio.gather(relay.run(), consumer.run(), deadlines.run())

    def _vehicle_service(self) -> VehicleService:
        return VehicleService(self.vehicle_store, self.clock, HastyBoletos())

    def _payment_service(self) -> PaymentService:
        return PaymentService(self.sale_store, self.provider, self.clock, self.loop.time, Schedule())

    def _call_back(self, provider_id: str, is_certain: bool) -> None:  # noqa: FBT001
        """Let the provider send a webhook, which the gateway writes to the log; or not, or twice."""
        chance = self.chance
        if not is_certain and chance.befalls("lost_webhook"):
            return
        for _ in range(2 if chance.befalls("duplicate") else 1):
            self._notifications += 1
            self.webhooks_under_way += 1
            delay_seconds = chance.draw.random() * chance.draw.choice((0.1, 3.0, 120.0 * self.squeeze))
            chance.later(delay_seconds, partial(self._notify, provider_id, self._notifications))

    def _notify(self, provider_id: str, number: int) -> None:
        self.webhooks_under_way -= 1
        now = self.clock()
        event = NotificationReceived(
            provider_payment_id=provider_id, received_at=now, request_id=f"request-{number}"
        )
        envelope = seal(event, event_id=f"n{number}", source="gateway", time=now, sequence=number)
        self.broker.append_envelope(envelope)


async def _run(main: Callable[[], Awaitable[object]]) -> None:
    await main()


def _vehicle(number: int) -> Vehicle:
    return Vehicle(
        id=number,
        details=VehicleDetails(
            brand_name="Fiat", model="Uno", year=2020, color="Prata", price_cents=8_999_000 + number
        ),
        status=VehicleState.AVAILABLE,
        version=1,
        created_at=BEGINNING,
        updated_at=BEGINNING,
    )
