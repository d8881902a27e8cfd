"""What the vehicle service, the buyer and the provider's notifications bring about."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from autodeal_contracts.events.sale import PaymentMethod, SaleCancelled, SaleInitialized, SaleRefundRequested
from autodeal_contracts.saga import PaymentState, SaleStanding
from autodeal_payment.domain import payment_events
from autodeal_payment.domain.errors import OrderAlreadyPaidError, OrderNotOpenError, TooManyAttemptsError
from autodeal_payment.domain.outcome import Outcome
from autodeal_payment.domain.payment import OVER, Payment
from autodeal_payment.domain.provider_expiry import provider_expiry
from autodeal_payment.domain.return_money import ORDER_CLOSED, give_back
from autodeal_payment.domain.sale import Sale
from autodeal_payment.domain.schedule import Moment

REFUND_REQUESTED = "refund_requested"


@dataclass(frozen=True)
class RequestKey:
    """The idempotency key of a buyer's request, and what was requested with it; both as digests."""

    digest: str
    fingerprint: str


def begin_sale(event: SaleInitialized, now: datetime) -> Outcome:
    """Begin an order; Pix and boleto get their payment at once, a card waits for its token."""
    sale = Sale(
        order_id=event.order_id,
        buyer_id=event.buyer_id,
        amount_cents=event.amount_cents,
        standing=SaleStanding.OPEN,
        created_at=now,
        expires_at=event.expires_at,
        idempotency_digest=event.idempotency_key_digest,
    )
    if event.payment_method is not PaymentMethod.CARD:
        sale = sale.with_payment(_request(sale, event.payment_method, now))
    return Outcome(sale=sale, trigger="sale.initialized")


def fill_in_sale(sale: Sale, event: SaleInitialized) -> Outcome:
    """Complete an order whose end was heard of first; a known order stays as it is."""
    if sale.buyer_id is None:
        sale = replace(
            sale,
            buyer_id=event.buyer_id,
            amount_cents=event.amount_cents,
            expires_at=event.expires_at,
            idempotency_digest=event.idempotency_key_digest,
        )
    return Outcome(sale=sale, trigger="sale.initialized")


def begin_cancelled(event: SaleCancelled, now: datetime) -> Outcome:
    """Remember that an unknown order is over, so that no payment is ever made for it."""
    sale = Sale(
        order_id=event.order_id,
        buyer_id=None,
        amount_cents=0,
        standing=SaleStanding.CANCELLED,
        created_at=now,
        expires_at=now,
    )
    return Outcome(sale=sale, trigger="sale.cancelled")


def choose_payment(
    sale: Sale, method: PaymentMethod, key: RequestKey | None, moment: Moment
) -> tuple[Outcome, Payment]:
    """Ask for another payment of an open order; one that still waits is called off first.

    Raises OrderAlreadyPaidError, OrderNotOpenError or TooManyAttemptsError.
    """
    if sale.approved_payment_id is not None or sale.standing is SaleStanding.COMPLETED:
        raise OrderAlreadyPaidError("the order is paid", order_id=sale.order_id)
    if sale.standing is not SaleStanding.OPEN or moment.now >= sale.expires_at:
        raise OrderNotOpenError("the order takes no payment any more", order_id=sale.order_id)
    if len(sale.payments) >= moment.schedule.attempt_limit:
        raise TooManyAttemptsError("the order has had too many payments", order_id=sale.order_id)
    chosen = _request(sale, method, moment.now, key)
    for older in sale.payments:
        if older.is_unsettled:
            sale = sale.with_payment(
                replace(older, superseded_by=chosen.payment_id, not_before=None, tries=0)
            )
    return Outcome(sale=sale.with_payment(chosen), trigger="buyer.choose_payment"), chosen


def complete_sale(sale: Sale) -> Outcome:
    """Take in that the vehicle is sold."""
    if sale.standing is SaleStanding.OPEN:
        sale = replace(sale, standing=SaleStanding.COMPLETED)
    return Outcome(sale=sale, trigger="sale.completed")


def cancel_sale(sale: Sale, moment: Moment) -> Outcome:
    """Take in that the order ended unsold: what waits is called off, money goes back."""
    outcome = Outcome(sale=sale, trigger="sale.cancelled")
    if sale.standing is not SaleStanding.OPEN:
        return outcome
    outcome = replace(outcome, sale=replace(sale, standing=SaleStanding.CANCELLED))
    for payment in sale.payments:
        outcome = outcome.then(partial(_call_off, payment, moment))
    return outcome


def request_refund(sale: Sale, event: SaleRefundRequested, now: datetime) -> Outcome:
    """Take in that the money is to go back; a refund that waits for a person is taken up again."""
    outcome = Outcome(sale=sale, trigger="sale.refund_requested")
    if sale.standing is not SaleStanding.CANCELLED:
        sale = replace(sale, standing=SaleStanding.REFUND_REQUESTED)
    payment = sale.payment_by_id(event.payment_id)
    if payment is not None and payment.state is PaymentState.APPROVED:
        sale = sale.with_payment(give_back(payment, now, REFUND_REQUESTED))
    elif payment is not None and payment.state is PaymentState.REFUND_FAILED:
        resumed = replace(give_back(payment, now, REFUND_REQUESTED), refund_failures=0, doubtful=True)
        sale = sale.with_payment(resumed)
    return replace(outcome, sale=sale)


def note_notification(sale: Sale, attempt: int) -> Outcome:
    """Take in that the provider has news: it is asked, nothing is believed."""
    payment = sale.payment(attempt)
    if payment.state not in OVER:
        sale = sale.with_payment(replace(payment, doubtful=True, not_before=None))
    return Outcome(sale=sale, trigger="notification.received")


def _request(sale: Sale, method: PaymentMethod, now: datetime, key: RequestKey | None = None) -> Payment:
    return Payment(
        order_id=sale.order_id,
        attempt=len(sale.payments) + 1,
        method=method,
        amount_cents=sale.amount_cents,
        state=PaymentState.REQUESTED,
        created_at=now,
        changed_at=now,
        expires_at=sale.expires_at,
        provider_expires_at=provider_expiry(method, sale.expires_at, now),
        idempotency_digest=key.digest if key else None,
        request_fingerprint=key.fingerprint if key else None,
    )


def _call_off(payment: Payment, moment: Moment, sale: Sale) -> Outcome:
    trigger = "sale.cancelled"
    if payment.state is PaymentState.REQUESTED:
        # A call may be under way all the same: whoever makes it will find the payment called off,
        # and if that one dies, the later look does.
        cancelled = payment.become(
            PaymentState.CANCELLED, moment.now, recheck_at=moment.now + moment.schedule.late_effect
        )
        event = payment_events.cancelled(cancelled)
        return Outcome(sale=sale.with_payment(cancelled), trigger=trigger, events=(event,))
    if payment.state is PaymentState.APPROVED:
        return Outcome(sale=sale.with_payment(give_back(payment, moment.now, ORDER_CLOSED)), trigger=trigger)
    if payment.is_unsettled:
        payment = replace(payment, not_before=None, tries=0)
    return Outcome(sale=sale.with_payment(payment), trigger=trigger)
