"""The invariants of the saga's paying half hold in whatever order things happen, and whatever fails.

A model of the vehicle service reads the committed events late, answers late, and its answers are
delivered late and more than once. Buyers, banks, clocks, crashes and lost calls come in between. When
faults stop and time goes on, everything must have come to a good end.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autodeal_contracts.events.notification import NotificationReceived
from autodeal_contracts.events.payment import (
    PaymentApproved,
    PaymentCancelled,
    PaymentEvent,
    PaymentExpired,
    PaymentRefunded,
    PaymentRefundFailed,
)
from autodeal_contracts.events.sale import (
    CancelReason,
    PaymentMethod,
    SaleCancelled,
    SaleCompleted,
    SaleEvent,
    SaleInitialized,
    SaleRefundRequested,
)
from autodeal_contracts.saga import PaymentState
from autodeal_payment.app.choose_payment import ChoosePaymentCommand
from autodeal_payment.app.ports.fake_payment_provider import Fault
from autodeal_payment.app.ports.payment_provider import CardSubmission, ProviderUnansweredError
from autodeal_payment.app.ports.sale_store import StoreUnavailableError, VersionConflictError
from autodeal_payment.domain.errors import PaymentDomainError
from autodeal_payment.domain.ledger import Account
from autodeal_payment.domain.payment import MONEY_HELD
from autodeal_payment.domain.provider_payment import ProviderStatus, RefundStatus
from autodeal_payment.in_memory import BEGINNING, PaymentInMemory

ORDER = 7
PRICE = 8_999_000
MINUTES_TO_PAY = 30
FAILURES = (StoreUnavailableError, ProviderUnansweredError, VersionConflictError)


@dataclass
class VehicleModel:
    """An order as the vehicle service keeps it."""

    state: str = "draft"
    paid_by: str | None = None
    read: int = 0
    to_deliver: deque[tuple[str, SaleEvent]] = field(default_factory=deque)
    counter: int = 0

    def emit(self, event: SaleEvent) -> None:
        self.counter += 1
        self.to_deliver.append((f"sale-{self.counter}", event))

    def cancel(self, reason: CancelReason) -> None:
        if self.state == "draft":
            self.state = "cancelled"
            self.emit(SaleCancelled(order_id=ORDER, vehicle_id=1, reason=reason))

    def request_refund(self) -> None:
        if self.state in {"sold", "refund_failed"} and self.paid_by is not None:
            self.state = "refunding"
            self.emit(
                SaleRefundRequested(order_id=ORDER, vehicle_id=1, payment_id=self.paid_by, amount_cents=PRICE)
            )

    def take_in(self, event: PaymentEvent) -> None:
        if isinstance(event, PaymentApproved) and self.state == "draft":
            if event.amount_cents != PRICE:
                self.cancel(CancelReason.AMOUNT_MISMATCH)
                return
            self.state, self.paid_by = "sold", event.payment_id
            self.emit(
                SaleCompleted(order_id=ORDER, vehicle_id=1, payment_id=event.payment_id, amount_cents=PRICE)
            )
        elif isinstance(event, PaymentExpired | PaymentCancelled) and event.superseded_by is None:
            self.cancel(CancelReason.PAYMENT_EXPIRED)
        elif isinstance(event, PaymentRefunded) and event.payment_id == self.paid_by:
            self.state = "refunded"
        elif isinstance(event, PaymentRefundFailed) and event.payment_id == self.paid_by:
            self.state = "refund_failed" if self.state == "refunding" else self.state


@dataclass
class World:
    """Both services and everybody around them."""

    service: PaymentInMemory = field(default_factory=PaymentInMemory)
    vehicle: VehicleModel = field(default_factory=VehicleModel)
    notifications: int = 0

    def begin(self, method: PaymentMethod) -> None:
        self.vehicle.emit(
            SaleInitialized(
                order_id=ORDER,
                vehicle_id=1,
                buyer_id="buyer",
                amount_cents=PRICE,
                payment_method=method,
                expires_at=BEGINNING + timedelta(minutes=MINUTES_TO_PAY),
            )
        )

    async def deliver(self, *, twice: bool = False) -> None:
        """Deliver the vehicle's next event; a failure leaves it to be delivered again."""
        if not self.vehicle.to_deliver:
            return
        event_id, event = self.vehicle.to_deliver[0]
        await self.service.handle_sale_event(event, event_id)
        if twice:
            await self.service.handle_sale_event(event, event_id)
        if self.vehicle.to_deliver and self.vehicle.to_deliver[0][0] == event_id:
            self.vehicle.to_deliver.popleft()

    def vehicle_reads(self) -> None:
        found = self.service.events(ORDER)
        if self.vehicle.read < len(found):
            self.vehicle.read += 1
            self.vehicle.take_in(found[self.vehicle.read - 1])

    async def choose(self, method: PaymentMethod) -> None:
        card = CardSubmission(attempt=0, token="t0ken", payment_method_id="master", installments=1)
        command = ChoosePaymentCommand(
            order_id=ORDER,
            buyer_id="buyer",
            method=method,
            card=card if method is PaymentMethod.CARD else None,
        )
        with contextlib.suppress(PaymentDomainError):
            await self.service.choose_payment(command)

    async def notify(self, number: int) -> None:
        known = sorted(self.service.provider.payments)
        provider_id = known[number % len(known)] if known else "404"
        self.notifications += 1
        await self.service.handle_notification(
            NotificationReceived(
                provider_payment_id=provider_id,
                received_at=self.service.now,
                request_id=f"request-{self.notifications}",
            ),
            f"notification-{self.notifications}",
        )

    def bank_acts(self, number: int, status: ProviderStatus) -> None:
        legal = {
            # Money may arrive for a payment that was called off just before.
            ProviderStatus.APPROVED: {
                ProviderStatus.PENDING,
                ProviderStatus.CANCELLED,
                ProviderStatus.EXPIRED,
            },
            ProviderStatus.REJECTED: {ProviderStatus.PENDING},
            ProviderStatus.EXPIRED: {ProviderStatus.PENDING},
            ProviderStatus.CHARGED_BACK: {ProviderStatus.APPROVED},
            ProviderStatus.REFUNDED: {ProviderStatus.APPROVED},
        }[status]
        provider = self.service.provider
        able = sorted(each.reference for each in provider.payments.values() if each.status in legal)
        if able:
            provider.become(able[number % len(able)], status)


BANK = (ProviderStatus.APPROVED,) * 4 + (
    ProviderStatus.REJECTED,
    ProviderStatus.EXPIRED,
    ProviderStatus.CHARGED_BACK,
    ProviderStatus.REFUNDED,
)
METHODS = tuple(PaymentMethod)
FAULTS = tuple(Fault)
TICKS = (1, 6, 6, 21, 61, 130, 700)


def tick(world: World, number: int) -> Awaitable[object]:
    world.service.now += timedelta(seconds=TICKS[number % len(TICKS)])
    return world.service.run_due()


def crash(world: World, number: int) -> None:
    """Let the process die before or after its next commit."""
    store = world.service.store
    (store.fail_next if number % 2 == 0 else store.lose_next).append(StoreUnavailableError())


def be_away(world: World, number: int) -> None:
    world.service.provider.away = number % 2 == 0


def lose_payers(world: World, number: int) -> None:
    world.service.payers.away = number % 2 == 0


def refuse_refunds(world: World, number: int) -> None:
    world.service.provider.refuse_refund = "no_balance" if number % 2 == 0 else None


def refund_slowly(world: World, number: int) -> None:
    world.service.provider.refund_status = tuple(RefundStatus)[number % 3]


def take_too_little(world: World, number: int) -> None:
    world.service.provider.amount_off_by_cents = 100 - PRICE if number % 2 == 0 else 0


def refuse_cards(world: World, number: int) -> None:
    declined, approved = ProviderStatus.REJECTED, ProviderStatus.APPROVED
    world.service.provider.card_status = declined if number % 2 == 0 else approved


def meanwhile(world: World, number: int) -> None:
    """Let something else happen while the next call to the provider is under way."""
    name = WEIGHTED[number % len(WEIGHTED)]
    world.service.provider.meanwhile.append(lambda: act(world, name, number // 7))


Act = Callable[[World, int], Awaitable[object] | None]
ACTS: dict[str, tuple[int, Act]] = {
    "deliver": (6, lambda world, number: world.deliver(twice=number % 3 == 0)),
    "vehicle_reads": (6, lambda world, _: world.vehicle_reads()),
    "vehicle_cancels": (1, lambda world, _: world.vehicle.cancel(CancelReason.DEADLINE_PASSED)),
    "admin_refunds": (2, lambda world, _: world.vehicle.request_refund()),
    "buyer_chooses": (4, lambda world, number: world.choose(METHODS[number % len(METHODS)])),
    "notification": (5, lambda world, number: world.notify(number)),
    "bank": (8, lambda world, number: world.bank_acts(number, BANK[number % len(BANK)])),
    "tick": (5, tick),
    "fault": (4, lambda world, number: world.service.provider.faults.append(FAULTS[number % len(FAULTS)])),
    "meanwhile": (14, meanwhile),
    "crash": (3, crash),
    "away": (2, be_away),
    "payers": (1, lose_payers),
    "refuse_refunds": (1, refuse_refunds),
    "refund_slowly": (1, refund_slowly),
    "take_too_little": (1, take_too_little),
    "refuse_cards": (1, refuse_cards),
}
"""By name: how often, and what."""
WEIGHTED = [name for name, (weight, _) in ACTS.items() for _ in range(weight)]


async def act(world: World, name: str, number: int) -> None:
    with contextlib.suppress(*FAILURES):
        done = ACTS[name][1](world, number)
        if done is not None:
            await done


async def come_to_rest(world: World) -> None:
    """Stop the faults; deliver everything; let time go on until nothing is left to do."""
    provider = world.service.provider
    provider.faults.clear()
    provider.meanwhile.clear()
    provider.away = world.service.payers.away = False
    provider.refuse_refund = None
    provider.refund_status = RefundStatus.APPROVED
    world.service.store.fail_next.clear()
    world.service.store.lose_next.clear()
    await deliver_everything(world)
    await world.service.run_due()
    world.service.now = max(world.service.now, BEGINNING + timedelta(minutes=MINUTES_TO_PAY))
    world.vehicle.cancel(CancelReason.DEADLINE_PASSED)
    for _ in range(4):
        await deliver_everything(world)
        for payment in list(provider.payments.values()):
            if payment.refund is RefundStatus.IN_PROCESS and payment.status is ProviderStatus.APPROVED:
                provider.become(payment.reference, ProviderStatus.REFUNDED)
        await world.service.run_until_quiet()
        # What a call left behind whose answer was lost for good is found without any webhook.
        assert ProviderStatus.PENDING not in {each.status for each in provider.payments.values()}
        for number in range(len(provider.payments)):
            await world.notify(number)


async def deliver_everything(world: World) -> None:
    while world.vehicle.to_deliver or world.vehicle.read < len(world.service.events(ORDER)):
        await world.deliver()
        world.vehicle_reads()


def check_invariants(world: World) -> None:
    service, vehicle = world.service, world.vehicle
    sale = service.store.sales[ORDER]
    at_provider = service.provider.payments.values()
    held = [each for each in at_provider if each.status is ProviderStatus.APPROVED]

    assert [envelope.sequence for envelope in service.store.outbox] == list(
        range(1, len(service.store.outbox) + 1)
    )
    assert sum(entry.amount_cents for entry in service.store.ledger) == 0
    assert sum(
        entry.amount_cents for entry in service.store.ledger if entry.account is Account.PROVIDER
    ) == sum(each.amount_cents for each in held)
    references = [each.reference for each in at_provider]
    assert len(references) == len(set(references))
    assert not [each for each in at_provider if each.status is ProviderStatus.PENDING]
    assert not [payment for payment in sale.payments if payment.is_unsettled]
    for each in held:
        payment = sale.payment_by_id(each.reference)
        assert payment is not None
        assert payment.state in MONEY_HELD - {PaymentState.REFUNDING}
        if payment.state is PaymentState.APPROVED:
            assert sale.approved_payment_id == payment.payment_id == vehicle.paid_by
            assert vehicle.state == "sold"
            assert each.amount_cents == PRICE
        else:
            assert payment.refund_failures >= service.schedule.refund_limit
    if vehicle.state == "sold" and vehicle.paid_by is not None:
        paying = sale.payment_by_id(vehicle.paid_by)
        assert paying is not None
        assert paying.state in {PaymentState.APPROVED, PaymentState.CHARGED_BACK}
    assert vehicle.state != "draft"
    assert not service.store.deadlines


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    method=st.sampled_from([PaymentMethod.PIX, PaymentMethod.PIX, PaymentMethod.BOLETO, PaymentMethod.CARD]),
    acts=st.lists(st.tuples(st.sampled_from(WEIGHTED), st.integers(0, 999)), min_size=12, max_size=60),
)
def test_money_and_events_agree_at_rest_when_anything_happens_in_any_order(
    method: PaymentMethod, acts: list[tuple[str, int]]
) -> None:
    async def play() -> None:
        world = World()
        world.begin(method)
        await world.deliver()
        for name, number in acts:
            await act(world, name, number)
        await come_to_rest(world)
        check_invariants(world)

    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(play())
    finally:
        loop.close()
