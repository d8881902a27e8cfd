"""The vehicle half of the saga: what each payment event does to its order.

The truth is `autodeal_contracts.saga.VEHICLE_SAGA`; a test drives every row of it, and every pair of
event and state that no row names, through `react_to_payment`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from autodeal_contracts.catalog import type_name
from autodeal_contracts.events.payment import (
    PaymentApproved,
    PaymentCancelled,
    PaymentChargedBack,
    PaymentCreated,
    PaymentEvent,
    PaymentExpired,
    PaymentRefunded,
    PaymentRefundFailed,
    PaymentRejected,
)
from autodeal_contracts.events.sale import CancelReason, SaleCompleted
from autodeal_contracts.saga import OrderState, PaymentState
from autodeal_vehicle.domain.change_order import cancelled, followed_by, noted, published, refunded
from autodeal_vehicle.domain.order import PAID_STATES, Alarm, Change, Order, OrderPayment, VehicleMove

_STATUS_AFTER: dict[type[PaymentEvent], PaymentState] = {
    PaymentCreated: PaymentState.PENDING,
    PaymentApproved: PaymentState.APPROVED,
    PaymentRejected: PaymentState.REJECTED,
    PaymentExpired: PaymentState.EXPIRED,
    PaymentCancelled: PaymentState.CANCELLED,
    PaymentRefunded: PaymentState.REFUNDED,
    PaymentRefundFailed: PaymentState.REFUND_FAILED,
    PaymentChargedBack: PaymentState.CHARGED_BACK,
}


def react_to_payment(order: Order, event: PaymentEvent, now: datetime) -> Change:
    """Return what a payment event does to its order; at the least it is noted in the timeline."""
    change = _noted_event(order, event, now)
    match event:
        case PaymentApproved():
            return _approved(change, event, now)
        case PaymentExpired() | PaymentCancelled():
            return _called_off(change, event, now)
        case PaymentRefunded():
            return _refunded(change, event)
        case PaymentRefundFailed():
            return _refund_failed(change, event)
        case PaymentChargedBack():
            return _charged_back(change, event)
        case PaymentCreated() | PaymentRejected():
            # Instructions and a refusal are shown to the buyer; the draft waits for its deadline.
            return change


def _approved(change: Change, event: PaymentApproved, now: datetime) -> Change:
    order = change.order
    if order.status is not OrderState.DRAFT:
        # Too late, or a second payment of a sold order: the payment service gives the money back.
        return change
    if event.amount_cents != order.price_cents:
        # A wrong amount never buys a car; the cancelled sale makes the money go back.
        return followed_by(change, cancelled(order, CancelReason.AMOUNT_MISMATCH, now))
    sold = replace(order, status=OrderState.SOLD, paid_by=event.payment_id, sold_at=now)
    completed = SaleCompleted(
        order_id=order.id,
        vehicle_id=order.vehicle_id,
        payment_id=event.payment_id,
        amount_cents=event.amount_cents,
    )
    sale = published(noted(sold, now, type_name(completed), {"payment_id": event.payment_id}), completed)
    return replace(followed_by(change, sale), vehicle=VehicleMove.SOLD, ends_deadline=True)


def _called_off(change: Change, event: PaymentExpired | PaymentCancelled, now: datetime) -> Change:
    if change.order.status is not OrderState.DRAFT or event.superseded_by is not None:
        return change
    reason = (
        CancelReason.PAYMENT_EXPIRED if isinstance(event, PaymentExpired) else CancelReason.PAYMENT_CANCELLED
    )
    return followed_by(change, cancelled(change.order, reason, now))


def _refunded(change: Change, event: PaymentRefunded) -> Change:
    if not _paid_with(change.order, event):
        return change
    return refunded(change)


def _refund_failed(change: Change, event: PaymentRefundFailed) -> Change:
    if not _paid_with(change.order, event) or change.order.status is not OrderState.REFUNDING:
        return change
    order = replace(change.order, status=OrderState.REFUND_FAILED)
    return replace(change, order=order, alarm=Alarm.REFUND_FAILED)


def _charged_back(change: Change, event: PaymentChargedBack) -> Change:
    if not _paid_with(change.order, event):
        return change
    flagged = replace(change, order=replace(change.order, charged_back=True), alarm=Alarm.CHARGED_BACK)
    # Of a sold order a person decides; where the money was to go back anyway, it has.
    return flagged if change.order.status is OrderState.SOLD else refunded(flagged)


def _paid_with(order: Order, event: PaymentEvent) -> bool:
    """Tell whether the event is about the very payment whose money bought the vehicle."""
    return order.status in PAID_STATES and order.paid_by == event.payment_id


def _noted_event(order: Order, event: PaymentEvent, now: datetime) -> Change:
    detail: dict[str, str | int | bool | None] = {"payment_id": event.payment_id}
    if isinstance(event, PaymentCreated):
        detail["payment_method"] = event.payment_method.value
    if isinstance(event, PaymentRejected | PaymentRefundFailed):
        detail["reason"] = event.reason
    if isinstance(event, PaymentExpired | PaymentCancelled) and event.superseded_by is not None:
        detail["superseded_by"] = event.superseded_by
    return noted(replace(order, payment=_latest_payment(order, event)), now, type_name(event), detail)


def _latest_payment(order: Order, event: PaymentEvent) -> OrderPayment | None:
    """Return the payment to show: the newest attempt of a draft, or the one that paid.

    An order that went on shows no payment that began later: its code must not be paid any more.
    """
    shown = order.payment
    if shown is not None and shown.payment_id == event.payment_id and not isinstance(event, PaymentCreated):
        return replace(shown, status=_STATUS_AFTER[type(event)])
    if order.status is not OrderState.DRAFT:
        return shown
    if shown is not None and event.attempt < shown.attempt and not isinstance(event, PaymentApproved):
        return shown
    started = OrderPayment(
        payment_id=event.payment_id, attempt=event.attempt, status=_STATUS_AFTER[type(event)]
    )
    if isinstance(event, PaymentCreated):
        return replace(
            started,
            payment_method=event.payment_method,
            pix_code=event.instructions.pix_code,
            boleto_line=event.instructions.boleto_line,
            url=event.instructions.url,
            expires_at=event.expires_at,
        )
    # The payment ended at once, without ever waiting for the buyer: only a first attempt's method is known.
    return replace(started, payment_method=order.payment_method if event.attempt == 1 else None)
