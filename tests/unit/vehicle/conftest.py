"""A dealer in memory: the fake store with every use case around it, a clock to turn, a bell that listens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from autodeal_contracts.events.payment import (
    PaymentApproved,
    PaymentCancelled,
    PaymentChargedBack,
    PaymentCreated,
    PaymentEvent,
    PaymentExpired,
    PaymentInstructions,
    PaymentRefunded,
    PaymentRefundFailed,
    PaymentRejected,
)
from autodeal_contracts.events.sale import CancelReason, PaymentMethod
from autodeal_contracts.saga import OrderState, PaymentState, VehicleState
from autodeal_messaging.postgres.connect import connector
from autodeal_platform.fake_user_pool import FakeUserPool
from autodeal_platform.health import Health
from autodeal_platform.http_app import create_app
from autodeal_platform.idempotency import StoredAnswer
from autodeal_platform.settings import HttpSettings
from autodeal_vehicle.adapters.postgres.order_news import PostgresOrderNews
from autodeal_vehicle.app.cancel_order import CancelOrder
from autodeal_vehicle.app.confirm_pickup import ConfirmPickup
from autodeal_vehicle.app.edit_vehicle import EditVehicle
from autodeal_vehicle.app.expire_order import ExpireOrder
from autodeal_vehicle.app.find_orders import FindOrders, Viewer
from autodeal_vehicle.app.find_vehicles import FindVehicles
from autodeal_vehicle.app.follow_order import FollowOrder
from autodeal_vehicle.app.handle_payment_event import HandlePaymentEvent
from autodeal_vehicle.app.initialize_sale import InitializeSale, InitializeSaleCommand
from autodeal_vehicle.app.memory_store import MemoryStore
from autodeal_vehicle.app.refund_order import RefundOrder
from autodeal_vehicle.app.register_vehicle import RegisterVehicle
from autodeal_vehicle.app.surroundings import Surroundings
from autodeal_vehicle.app.unit_of_work import UnsafeRequest
from autodeal_vehicle.domain.order import CLAIMING_STATES, Alarm, Order, OrderPayment, TimelineEntry
from autodeal_vehicle.domain.sale_deadline import SaleDeadlines
from autodeal_vehicle.domain.vehicle import Vehicle, VehicleDetails
from autodeal_vehicle.entrypoints.http.describe_api import all_routes
from autodeal_vehicle.entrypoints.http.problem_statuses import STATUSES
from autodeal_vehicle.entrypoints.http.use_cases import UseCases

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
PRICE_CENTS = 8_999_000
BUYER = "buyer-1"
VEHICLE_ID = 7
ORDER_ID = 41
PAYMENT_ID = f"{ORDER_ID}-1"
PAID = (OrderState.SOLD, OrderState.REFUNDING, OrderState.REFUND_FAILED, OrderState.REFUNDED)
VEHICLE_OF = {
    OrderState.DRAFT: VehicleState.RESERVED,
    OrderState.CANCELLED: VehicleState.AVAILABLE,
    OrderState.REFUNDED: VehicleState.AVAILABLE,
}


@dataclass
class Listening:
    """The bell and the alarms, written down."""

    sales: list[int] = field(default_factory=list)
    orders: list[int] = field(default_factory=list)
    alarms: list[tuple[Alarm, int]] = field(default_factory=list)

    def sale_begun(self, order_id: int) -> None:
        self.sales.append(order_id)

    def order_changed(self, order_id: int) -> None:
        self.orders.append(order_id)

    def raise_alarm(self, alarm: Alarm, order_id: int) -> None:
        self.alarms.append((alarm, order_id))


class Dealer:
    def __init__(self) -> None:
        self.now = NOW
        self.store = MemoryStore()
        self.heard = Listening()
        self._ids = 0
        surroundings = Surroundings(
            bell=self.heard, alarms=self.heard, clock=lambda: self.now, new_id=self._next_id
        )
        self.surroundings = surroundings
        self.initialize_sale = InitializeSale(self.store, SaleDeadlines(), surroundings)
        self.cancel_order = CancelOrder(self.store, surroundings)
        self.refund_order = RefundOrder(self.store, surroundings)
        self.confirm_pickup = ConfirmPickup(self.store, surroundings)
        self.expire_order = ExpireOrder(self.store, surroundings)
        self.handle_payment_event = HandlePaymentEvent(self.store, surroundings)

    def _next_id(self) -> str:
        self._ids += 1
        return f"id-{self._ids}"

    def offer(self, vehicle_id: int = VEHICLE_ID, state: VehicleState = VehicleState.AVAILABLE) -> Vehicle:
        vehicle = Vehicle(
            id=vehicle_id,
            details=VehicleDetails(
                brand_name="Fiat", model="Uno", year=2020, color="Prata", price_cents=PRICE_CENTS
            ),
            status=state,
            version=1,
            created_at=NOW,
            updated_at=NOW,
        )
        self.store.state.vehicles[vehicle_id] = vehicle
        return vehicle

    def place_order(self, state: OrderState, **changes: object) -> Order:
        """Seed an order in a state, with its vehicle, timeline and deadline as history would leave them."""
        order = Order(
            id=ORDER_ID,
            vehicle_id=VEHICLE_ID,
            buyer_id=BUYER,
            status=state,
            price_cents=PRICE_CENTS,
            payment_method=PaymentMethod.PIX,
            created_at=NOW - timedelta(hours=1),
            expires_at=NOW,
            payment=OrderPayment(payment_id=PAYMENT_ID, attempt=1, status=PaymentState.PENDING),
            paid_by=PAYMENT_ID if state in PAID else None,
            sold_at=NOW if state in PAID else None,
            cancel_reason=CancelReason.DEADLINE_PASSED if state is OrderState.CANCELLED else None,
            event_sequence=1,
            version=1,
        )
        order = replace(order, **changes)  # type: ignore[arg-type]  # fields by name
        self.offer(state=VEHICLE_OF.get(state, VehicleState.SOLD))
        self.store.state.orders[ORDER_ID] = order
        entry = TimelineEntry(sequence=1, at=NOW, event="sale.initialized")
        self.store.state.timelines[ORDER_ID] = [entry]
        if state is OrderState.DRAFT:
            self.store.state.deadlines[ORDER_ID] = order.expires_at
        assert (state in CLAIMING_STATES) == (self.vehicle.status is not VehicleState.AVAILABLE)
        return order

    @property
    def order(self) -> Order:
        return self.store.state.orders[ORDER_ID]

    @property
    def vehicle(self) -> Vehicle:
        return self.store.state.vehicles[VEHICLE_ID]

    @property
    def timeline(self) -> list[str]:
        return [entry.event for entry in self.store.state.timelines[ORDER_ID]]

    @property
    def published(self) -> list[str]:
        return [envelope.type for envelope in self.store.state.outbox]

    async def reserve(
        self, *, buyer: str = BUYER, key: str = "key-1", fingerprint: str = "same", vehicle: int = VEHICLE_ID
    ) -> StoredAnswer:
        request = UnsafeRequest(caller=buyer, key=key, fingerprint=fingerprint, success_status=201)
        command = InitializeSaleCommand(vehicle_id=vehicle, payment_method=PaymentMethod.PIX, request=request)
        return await self.initialize_sale(command)

    async def cancel(
        self, *, who: str = BUYER, is_admin: bool = False, key: str = "cancel-1"
    ) -> StoredAnswer:
        viewer = Viewer(subject=who, is_admin=is_admin)
        return await self.cancel_order(ORDER_ID, viewer, a_request(key=key, caller=who))


def a_request(*, key: str = "key", caller: str = "admin", fingerprint: str = "same") -> UnsafeRequest:
    return UnsafeRequest(caller=caller, key=key, fingerprint=fingerprint)


@pytest.fixture
def dealer() -> Dealer:
    return Dealer()


@pytest.fixture(scope="session")
def user_pool() -> FakeUserPool:
    return FakeUserPool()


@pytest.fixture
async def client(dealer: Dealer, user_pool: FakeUserPool) -> AsyncIterator[AsyncTestClient[Litestar]]:
    """Call the service's routes, on the store in memory."""
    health = Health()
    use_cases = UseCases(
        find_vehicles=FindVehicles(dealer.store),
        register_vehicle=RegisterVehicle(dealer.store, dealer.surroundings),
        edit_vehicle=EditVehicle(dealer.store, dealer.surroundings),
        initialize_sale=dealer.initialize_sale,
        confirm_pickup=dealer.confirm_pickup,
        find_orders=FindOrders(dealer.store),
        follow_order=FollowOrder(
            dealer.store, PostgresOrderNews(connector("unused")), 0.01, 60.0, lambda: False
        ),
        cancel_order=dealer.cancel_order,
        refund_order=dealer.refund_order,
    )
    app = create_app(
        service="vehicle",
        routes=all_routes(use_cases),
        settings=HttpSettings(http_port=0),
        health=health,
        statuses=STATUSES,
        verifier=user_pool.verifier(),
    )
    async with AsyncTestClient(app) as client:
        yield client


class MakeRequest(Protocol):
    def __call__(self, *, key: str = ..., caller: str = ..., fingerprint: str = ...) -> UnsafeRequest: ...


@pytest.fixture
def make_request() -> MakeRequest:
    return a_request


class MakeEvent(Protocol):
    def __call__(self, kind: str, variant: str = "") -> PaymentEvent: ...


@pytest.fixture
def make_event() -> MakeEvent:
    """Make a payment event of a kind; the variant names what tells neighbouring rows of the saga apart."""
    return payment_event


def payment_event(kind: str, variant: str = "") -> PaymentEvent:
    payment_id, attempt = (f"{ORDER_ID}-2", 2) if variant == "another_payment" else (PAYMENT_ID, 1)
    amount_cents = 1 if variant == "amount_differs" else PRICE_CENTS
    superseded_by = f"{ORDER_ID}-2" if variant == "superseded" else None
    fact = {
        "order_id": ORDER_ID,
        "payment_id": payment_id,
        "attempt": attempt,
        "amount_cents": amount_cents,
    }
    events: dict[str, PaymentEvent] = {
        "payment.created": PaymentCreated(
            **fact,  # type: ignore[arg-type]  # the fields of every payment event
            payment_method=PaymentMethod.PIX,
            instructions=PaymentInstructions(pix_code="000201", url="https://pay.example/1"),
            expires_at=NOW + timedelta(minutes=30),
        ),
        "payment.approved": PaymentApproved(**fact),  # type: ignore[arg-type]
        "payment.rejected": PaymentRejected(**fact, reason="cc_rejected_high_risk"),  # type: ignore[arg-type]
        "payment.expired": PaymentExpired(**fact, superseded_by=superseded_by),  # type: ignore[arg-type]
        "payment.cancelled": PaymentCancelled(**fact, superseded_by=superseded_by),  # type: ignore[arg-type]
        "payment.refunded": PaymentRefunded(**fact),  # type: ignore[arg-type]
        "payment.refund_failed": PaymentRefundFailed(**fact, reason="balance"),  # type: ignore[arg-type]
        "payment.charged_back": PaymentChargedBack(**fact),  # type: ignore[arg-type]
    }
    return events[kind]
