"""Both services as their processes run them: the real use cases and handlers on the simulated stores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from tests.simulation.provider import SimulatedProvider
from tests.simulation.sale_store import SimulatedSaleStore
from tests.simulation.vehicle_store import SimulatedVehicleStore
from tests.simulation.workers import Handler

from autodeal_messaging.deadlines import DeadlineHandler
from autodeal_payment.adapters.guarded_provider import GuardedProvider
from autodeal_payment.app.advance_sale import AdvanceSale
from autodeal_payment.app.call_provider import ProviderCaller
from autodeal_payment.app.change_sale import SaleChanger
from autodeal_payment.app.check_deadline import CheckDeadline
from autodeal_payment.app.choose_payment import ChoosePayment
from autodeal_payment.app.handle_notification import HandleNotification
from autodeal_payment.app.handle_sale_event import HandleSaleEvent
from autodeal_payment.app.ports.fake_payer_directory import FakePayerDirectory
from autodeal_payment.domain.schedule import Schedule
from autodeal_payment.entrypoints.consume_events import event_handler
from autodeal_vehicle.app.cancel_order import CancelOrder
from autodeal_vehicle.app.confirm_pickup import ConfirmPickup
from autodeal_vehicle.app.expire_order import ExpireOrder
from autodeal_vehicle.app.handle_payment_event import HandlePaymentEvent
from autodeal_vehicle.app.initialize_sale import InitializeSale
from autodeal_vehicle.app.refund_order import RefundOrder
from autodeal_vehicle.app.surroundings import Surroundings
from autodeal_vehicle.domain.order import Alarm
from autodeal_vehicle.domain.sale_deadline import SaleDeadlines
from autodeal_vehicle.entrypoints.consume_payment_events import payment_event_handler, payment_events_handler
from autodeal_vehicle.entrypoints.handle_deadlines import sale_deadline_handler


@dataclass
class Silence:
    """A bell and alarms that nobody hears: every worker must also find its work by itself."""

    alarms: list[tuple[Alarm, int]] = field(default_factory=list)

    def sale_begun(self, order_id: int) -> None: ...

    def order_changed(self, order_id: int) -> None: ...

    def raise_alarm(self, alarm: Alarm, order_id: int) -> None:
        self.alarms.append((alarm, order_id))


class VehicleService:
    """What one process of the vehicle service is made of."""

    def __init__(
        self, store: SimulatedVehicleStore, clock: Callable[[], datetime], deadlines: SaleDeadlines
    ) -> None:
        silence = Silence()
        surroundings = Surroundings(bell=silence, alarms=silence, clock=clock, new_id=store.next_event_id)
        self.initialize_sale = InitializeSale(store, deadlines, surroundings)
        self.cancel_order = CancelOrder(store, surroundings)
        self.refund_order = RefundOrder(store, surroundings)
        self.confirm_pickup = ConfirmPickup(store, surroundings)
        handle = HandlePaymentEvent(store, surroundings)
        self.handle: Handler = payment_event_handler(handle)
        self.handle_together = payment_events_handler(handle)
        self.handle_deadline: DeadlineHandler = sale_deadline_handler(ExpireOrder(store, surroundings))


class PaymentService:
    """What one process of the payment service is made of."""

    def __init__(
        self,
        store: SimulatedSaleStore,
        provider: SimulatedProvider,
        clock: Callable[[], datetime],
        seconds: Callable[[], float],
        schedule: Schedule,
    ) -> None:
        guarded = GuardedProvider(provider, clock=seconds)
        changer = SaleChanger(store, schedule, clock=clock, new_id=store.next_event_id)
        advance = AdvanceSale(store, changer, ProviderCaller(guarded, FakePayerDirectory(), clock=clock))
        notify = HandleNotification(store, guarded, changer, advance)
        self.choose_payment = ChoosePayment(store, changer, advance, budget_seconds=8.0)
        self.handle: Handler = event_handler(HandleSaleEvent(changer, advance), notify)
        self.handle_deadline: DeadlineHandler = CheckDeadline(store, advance, notify)
