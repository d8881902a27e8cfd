"""What a call did after everybody stopped waiting for it is found and undone, without any webhook."""

from __future__ import annotations

from datetime import timedelta

import pytest

from autodeal_contracts.events.sale import CancelReason, PaymentMethod, SaleCancelled, SaleInitialized
from autodeal_contracts.saga import PaymentState
from autodeal_payment.app.choose_payment import ChoosePaymentCommand
from autodeal_payment.app.ports.fake_payment_provider import Fault
from autodeal_payment.app.ports.payment_provider import CardSubmission
from autodeal_payment.app.ports.sale_store import StoreUnavailableError
from autodeal_payment.domain.provider_payment import ProviderStatus
from autodeal_payment.in_memory import BEGINNING, PaymentInMemory

INITIALIZED = SaleInitialized(
    order_id=7,
    vehicle_id=1,
    buyer_id="buyer",
    amount_cents=100,
    payment_method=PaymentMethod.PIX,
    expires_at=BEGINNING + timedelta(minutes=30),
)
CANCELLED = SaleCancelled(order_id=7, vehicle_id=1, reason=CancelReason.BUYER_CANCELLED)


async def cancelled_while_created(service: PaymentInMemory) -> None:
    """Let the order be cancelled while its payment is being made, and the maker die with the answer."""

    async def cancel_then_die() -> None:
        await service.handle_sale_event(CANCELLED, "cancelled")
        service.store.fail_next = [StoreUnavailableError()]

    service.provider.meanwhile.append(cancel_then_die)
    with pytest.raises(StoreUnavailableError):
        await service.handle_sale_event(INITIALIZED, "initialized")
    assert service.store.sales[7].payment(1).state is PaymentState.CANCELLED


async def test_waiting_payment_is_cancelled_when_its_maker_died_after_the_cancellation() -> None:
    service = PaymentInMemory()
    await cancelled_while_created(service)
    assert [each.status for each in service.provider.payments.values()] == [ProviderStatus.PENDING]
    await service.run_until_quiet()
    assert [each.status for each in service.provider.payments.values()] == [ProviderStatus.CANCELLED]


async def test_money_goes_back_when_it_was_taken_after_the_cancellation() -> None:
    service = PaymentInMemory()
    await cancelled_while_created(service)
    service.provider.become("7-1", ProviderStatus.APPROVED)
    await service.run_until_quiet()
    assert service.store.sales[7].payment(1).state is PaymentState.REFUNDED
    assert [each.status for each in service.provider.payments.values()] == [ProviderStatus.REFUNDED]


async def test_waiting_payment_is_cancelled_when_the_answer_came_after_the_cancellation() -> None:
    service = PaymentInMemory()

    async def cancel() -> None:
        await service.handle_sale_event(CANCELLED, "cancelled")

    service.provider.meanwhile.append(cancel)
    await service.handle_sale_event(INITIALIZED, "initialized")
    assert [each.status for each in service.provider.payments.values()] == [ProviderStatus.CANCELLED]
    assert service.store.sales[7].payment(1).state is PaymentState.CANCELLED


async def test_second_approved_payment_goes_back_when_both_took_money() -> None:
    service = PaymentInMemory()
    await service.handle_sale_event(INITIALIZED, "initialized")
    await service.choose_payment(ChoosePaymentCommand(order_id=7, buyer_id="buyer", method=PaymentMethod.PIX))
    service.provider.become("7-2", ProviderStatus.APPROVED)
    service.now += service.schedule.first_check
    await service.run_due()
    late = service.provider.become("7-1", ProviderStatus.APPROVED)
    sale = service.store.sales[7]
    assert (sale.approved_payment_id, sale.payment(1).state) == ("7-2", PaymentState.CANCELLED)
    told = await service.provider.fetch(late)
    assert told is not None
    await service.handle_notification._ask_about(7, 1, "late")
    states = [payment.state for payment in service.store.sales[7].payments]
    assert states == [PaymentState.REFUNDED, PaymentState.APPROVED]


async def test_card_counts_when_its_answer_was_lost_and_it_was_given_up() -> None:
    service = PaymentInMemory()
    card_sale = SaleInitialized(
        order_id=7,
        vehicle_id=1,
        buyer_id="buyer",
        amount_cents=100,
        payment_method=PaymentMethod.CARD,
        expires_at=BEGINNING + timedelta(minutes=30),
    )
    await service.handle_sale_event(card_sale, "initialized")
    service.provider.faults.extend([Fault.LOST_ANSWER, Fault.LOST_REQUEST])
    card = CardSubmission(attempt=0, token="t0ken", payment_method_id="master", installments=1)
    shown = await service.choose_payment(
        ChoosePaymentCommand(order_id=7, buyer_id="buyer", method=PaymentMethod.CARD, card=card)
    )
    assert shown.status is PaymentState.UNKNOWN
    await service.run_until_quiet()
    assert service.store.sales[7].payment(1).state is PaymentState.APPROVED
    assert service.provider.calls["create"] == 1
