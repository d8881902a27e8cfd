"""Every step of a purchase is repeated, then failed: before its commit, after it, and at the provider."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine
from datetime import timedelta

import pytest

from autodeal_contracts.catalog import type_name
from autodeal_contracts.events.notification import NotificationReceived
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
from autodeal_payment.app.ports.fake_payment_provider import Fault
from autodeal_payment.app.ports.sale_store import StoreUnavailableError
from autodeal_payment.domain.provider_payment import ProviderStatus
from autodeal_payment.in_memory import BEGINNING, PaymentInMemory, run_now

ORDER = 7
Act = Callable[[PaymentInMemory], None]
INITIALIZED = SaleInitialized(
    order_id=ORDER,
    vehicle_id=1,
    buyer_id="buyer",
    amount_cents=100,
    payment_method=PaymentMethod.PIX,
    expires_at=BEGINNING + timedelta(minutes=30),
)
COMPLETED = SaleCompleted(order_id=ORDER, vehicle_id=1, payment_id="7-1", amount_cents=100)
CANCELLED = SaleCancelled(order_id=ORDER, vehicle_id=1, reason=CancelReason.DEADLINE_PASSED)
REFUND_REQUESTED = SaleRefundRequested(order_id=ORDER, vehicle_id=1, payment_id="7-1", amount_cents=100)


def deliver(event: SaleEvent, *, times: int = 1) -> Act:
    """Deliver an event until it is handled, as Kafka does; then again, as Kafka may."""

    def act(service: PaymentInMemory) -> None:
        for _ in range(times):
            persist(lambda: service.handle_sale_event(event, type_name(event)))

    return act


def pay(service: PaymentInMemory) -> None:
    if any(each.status is ProviderStatus.PENDING for each in service.provider.payments.values()):
        service.provider.become("7-1", ProviderStatus.APPROVED)


def notify(*, times: int = 1) -> Act:
    def act(service: PaymentInMemory) -> None:
        for provider_id in list(service.provider.payments):
            event = NotificationReceived(
                provider_payment_id=provider_id, received_at=service.now, request_id="r"
            )
            for _ in range(times):
                persist(lambda event=event: service.handle_notification(event, "notification"))  # type: ignore[misc]  # mypy cannot type a lambda's default

    return act


def persist(work: Callable[[], Coroutine[object, object, object]]) -> None:
    """Try again until it succeeds, as the consumer does."""
    for _ in range(5):
        with contextlib.suppress(StoreUnavailableError):
            run_now(work())
            return
    raise AssertionError("it never succeeds")


def settle(service: PaymentInMemory) -> None:
    """Let time pass until the janitor has nothing due before the first regular check."""
    service.now += timedelta(seconds=45)
    for _ in range(20):
        with contextlib.suppress(StoreUnavailableError):
            if run_now(service.run_due()) == 0:
                return


def story(*, times: int = 1) -> dict[str, tuple[list[Act], PaymentState, list[str]]]:
    began = deliver(INITIALIZED, times=times)
    heard = notify(times=times)
    return {
        "paid": (
            [began, settle, pay, heard, settle, deliver(COMPLETED, times=times)],
            PaymentState.APPROVED,
            ["payment.created", "payment.approved"],
        ),
        "refunded": (
            [
                began,
                settle,
                pay,
                heard,
                settle,
                deliver(COMPLETED, times=times),
                deliver(REFUND_REQUESTED, times=times),
            ],
            PaymentState.REFUNDED,
            ["payment.created", "payment.approved", "payment.refunded"],
        ),
        "cancelled": (
            [began, settle, deliver(CANCELLED, times=times)],
            PaymentState.CANCELLED,
            ["payment.created", "payment.cancelled"],
        ),
        "paid too late": (
            [began, settle, pay, deliver(CANCELLED, times=times)],
            PaymentState.REFUNDED,
            ["payment.created", "payment.approved", "payment.refunded"],
        ),
    }


def play(service: PaymentInMemory, name: str, *, times: int = 1) -> None:
    acts, state, events = story(times=times)[name]
    for act in acts:
        act(service)
    for _ in range(8):
        settle(service)
    assert service.store.sales[ORDER].payment(1).state is state
    assert [type_name(event) for event in service.events(ORDER)] == events
    assert [envelope.sequence for envelope in service.store.outbox] == list(range(1, len(events) + 1))
    assert len(service.provider.payments) == 1
    assert sum(entry.amount_cents for entry in service.store.ledger) == 0


def measured(name: str) -> tuple[int, int]:
    """Return how many commits and calls an undisturbed purchase takes."""
    service = PaymentInMemory()
    play(service, name)
    return service.store.saves, sum(service.provider.calls.values())


STORIES = list(story())


@pytest.mark.parametrize("name", STORIES)
def test_purchase_ends_the_same_when_every_message_comes_three_times(name: str) -> None:
    play(PaymentInMemory(), name, times=3)


@pytest.mark.parametrize("name", STORIES)
def test_purchase_ends_the_same_when_any_commit_fails(name: str) -> None:
    for number in range(measured(name)[0]):
        service = PaymentInMemory()
        service.store.fail_next = [*[None] * number, StoreUnavailableError()]
        play(service, name)
        assert not service.store.fail_next


@pytest.mark.parametrize("name", STORIES)
def test_purchase_ends_the_same_when_the_answer_of_any_commit_is_lost(name: str) -> None:
    for number in range(measured(name)[0]):
        service = PaymentInMemory()
        service.store.lose_next = [*[None] * number, StoreUnavailableError()]
        play(service, name)
        assert not service.store.lose_next


@pytest.mark.parametrize("fault", [Fault.LOST_REQUEST, Fault.LOST_ANSWER, Fault.BUSY])
@pytest.mark.parametrize("name", STORIES)
def test_purchase_ends_the_same_when_any_call_is_not_answered(name: str, fault: Fault) -> None:
    for number in range(measured(name)[1]):
        service = PaymentInMemory()
        service.provider.faults.extend([*[Fault.NONE] * number, fault])
        play(service, name)
        assert not service.provider.faults


@pytest.mark.parametrize("name", STORIES)
def test_every_step_is_repeatable_when_done_again_at_once(name: str) -> None:
    service = PaymentInMemory()
    for act in story()[name][0]:
        act(service)
        version = service.store.sales[ORDER].version
        run_now(service.advance(ORDER))
        run_now(service.advance(ORDER))
        assert service.store.sales[ORDER].version == version
