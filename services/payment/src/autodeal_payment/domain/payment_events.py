"""The facts this service tells about a payment."""

from __future__ import annotations

from autodeal_contracts.events.payment import (
    PaymentApproved,
    PaymentCancelled,
    PaymentChargedBack,
    PaymentCreated,
    PaymentExpired,
    PaymentRefunded,
    PaymentRefundFailed,
    PaymentRejected,
)
from autodeal_payment.domain.payment import Payment

UNSPECIFIED = "unspecified"


def created(payment: Payment) -> PaymentCreated:
    """Tell that the buyer can pay."""
    return PaymentCreated(
        order_id=payment.order_id,
        payment_id=payment.payment_id,
        attempt=payment.attempt,
        amount_cents=payment.amount_cents,
        payment_method=payment.method,
        instructions=payment.instructions,
        expires_at=payment.expires_at,
    )


def approved(payment: Payment) -> PaymentApproved:
    """Tell that the money was taken: as much as the provider says."""
    return PaymentApproved(
        order_id=payment.order_id,
        payment_id=payment.payment_id,
        attempt=payment.attempt,
        amount_cents=payment.money_cents,
    )


def rejected(payment: Payment) -> PaymentRejected:
    """Tell that the payment was declined."""
    return PaymentRejected(
        order_id=payment.order_id,
        payment_id=payment.payment_id,
        attempt=payment.attempt,
        amount_cents=payment.amount_cents,
        reason=payment.reason or UNSPECIFIED,
    )


def expired(payment: Payment) -> PaymentExpired:
    """Tell that nobody paid in time."""
    return PaymentExpired(
        order_id=payment.order_id,
        payment_id=payment.payment_id,
        attempt=payment.attempt,
        amount_cents=payment.amount_cents,
        superseded_by=payment.superseded_by,
    )


def cancelled(payment: Payment) -> PaymentCancelled:
    """Tell that the payment was called off unpaid."""
    return PaymentCancelled(
        order_id=payment.order_id,
        payment_id=payment.payment_id,
        attempt=payment.attempt,
        amount_cents=payment.amount_cents,
        superseded_by=payment.superseded_by,
    )


def refunded(payment: Payment) -> PaymentRefunded:
    """Tell that the money went back."""
    return PaymentRefunded(
        order_id=payment.order_id,
        payment_id=payment.payment_id,
        attempt=payment.attempt,
        amount_cents=payment.money_cents,
    )


def refund_failed(payment: Payment) -> PaymentRefundFailed:
    """Tell that the provider would not return the money."""
    return PaymentRefundFailed(
        order_id=payment.order_id,
        payment_id=payment.payment_id,
        attempt=payment.attempt,
        amount_cents=payment.money_cents,
        reason=payment.reason or UNSPECIFIED,
    )


def charged_back(payment: Payment) -> PaymentChargedBack:
    """Tell that the buyer's bank took the money back."""
    return PaymentChargedBack(
        order_id=payment.order_id,
        payment_id=payment.payment_id,
        attempt=payment.attempt,
        amount_cents=payment.money_cents,
    )
