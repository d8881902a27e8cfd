"""The saga, as data: what each service does when something happens.

There is no orchestrator to read it off, so this table is the one place that tells the whole
purchase. Handlers are tested against it in both directions, and the README's diagram is drawn
from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Service(StrEnum):
    """Who reacts."""

    VEHICLE = "vehicle"
    PAYMENT = "payment"


class OrderState(StrEnum):
    """The states of an order (`vehicle_sold`)."""

    DRAFT = "draft"
    SOLD = "sold"
    REFUNDING = "refunding"
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"
    CANCELLED = "cancelled"


class SaleStanding(StrEnum):
    """What the payment service knows of the order that a payment belongs to."""

    OPEN = "open"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    REFUND_REQUESTED = "refund_requested"


class VehicleState(StrEnum):
    """The states of a vehicle."""

    AVAILABLE = "available"
    RESERVED = "reserved"
    SOLD = "sold"


class PaymentState(StrEnum):
    """The states of one payment."""

    REQUESTED = "requested"
    UNKNOWN = "unknown"
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REFUNDING = "refunding"
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"
    CHARGED_BACK = "charged_back"


ORDER_TRANSITIONS: dict[OrderState, frozenset[OrderState]] = {
    OrderState.DRAFT: frozenset({OrderState.SOLD, OrderState.CANCELLED}),
    OrderState.SOLD: frozenset({OrderState.REFUNDING, OrderState.REFUNDED}),
    OrderState.REFUNDING: frozenset({OrderState.REFUNDED, OrderState.REFUND_FAILED}),
    OrderState.REFUND_FAILED: frozenset({OrderState.REFUNDING, OrderState.REFUNDED}),
    OrderState.REFUNDED: frozenset(),
    OrderState.CANCELLED: frozenset(),
}
"""`refund_failed → refunded` is the payment service's own retry that went through, `sold → refunded` a
refund that somebody made at the provider."""

PAYMENT_TRANSITIONS: dict[PaymentState, frozenset[PaymentState]] = {
    PaymentState.REQUESTED: frozenset(
        {
            PaymentState.UNKNOWN,
            PaymentState.PENDING,
            PaymentState.APPROVED,
            PaymentState.REJECTED,
            PaymentState.EXPIRED,
            PaymentState.CANCELLED,
        }
    ),
    PaymentState.UNKNOWN: frozenset(
        {
            PaymentState.PENDING,
            PaymentState.APPROVED,
            PaymentState.REJECTED,
            PaymentState.EXPIRED,
            PaymentState.CANCELLED,
        }
    ),
    PaymentState.PENDING: frozenset(
        {PaymentState.APPROVED, PaymentState.REJECTED, PaymentState.EXPIRED, PaymentState.CANCELLED}
    ),
    PaymentState.APPROVED: frozenset(
        {PaymentState.REFUNDING, PaymentState.REFUNDED, PaymentState.CHARGED_BACK}
    ),
    PaymentState.REFUNDING: frozenset(
        {PaymentState.REFUNDED, PaymentState.REFUND_FAILED, PaymentState.CHARGED_BACK}
    ),
    PaymentState.REFUND_FAILED: frozenset(
        {PaymentState.REFUNDING, PaymentState.REFUNDED, PaymentState.CHARGED_BACK}
    ),
    PaymentState.REJECTED: frozenset({PaymentState.APPROVED}),
    PaymentState.EXPIRED: frozenset({PaymentState.APPROVED}),
    PaymentState.CANCELLED: frozenset({PaymentState.APPROVED}),
    PaymentState.REFUNDED: frozenset(),
    PaymentState.CHARGED_BACK: frozenset(),
}
"""A payment that was over and is yet approved by the provider is money taken: it counts or goes back."""


@dataclass(frozen=True, kw_only=True)
class VehicleReaction:
    """One row of the vehicle service: on this trigger, an order in these states ends in that one."""

    trigger: str
    """An event type, or an act: `buyer.initialize_sale`, `clock.deadline_passed`, …"""
    when: tuple[OrderState, ...]
    """The states in which the row applies; empty when there is no order yet."""
    then: OrderState | None
    """The state afterwards; None when it stays as it is."""
    vehicle: VehicleState | None = None
    """What the vehicle becomes; None when it stays as it is."""
    emits: tuple[str, ...] = ()
    condition: str = ""
    """What else must hold for this row rather than its neighbour, by a name the tests know."""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class PaymentReaction:
    """One row of the payment service: on this trigger, a payment in these states ends in that one."""

    trigger: str
    """An event type, an act, or what the provider was found to say: `provider.approved`, …"""
    when: tuple[PaymentState, ...]
    """The states in which the row applies; empty when there is no payment yet."""
    then: PaymentState | None
    """The state afterwards; None when it stays as it is."""
    sale: tuple[SaleStanding, ...] = tuple(SaleStanding)
    """The standings of the order for which the row applies."""
    calls: str = ""
    """The call to the provider that the reaction brings about."""
    emits: tuple[str, ...] = ()
    condition: str = ""
    """What else must hold for this row rather than its neighbour, by a name the tests know."""
    note: str = ""


_UNSETTLED = (PaymentState.REQUESTED, PaymentState.UNKNOWN, PaymentState.PENDING)
_ENDED = (PaymentState.REJECTED, PaymentState.EXPIRED, PaymentState.CANCELLED)
_CLOSED = (SaleStanding.COMPLETED, SaleStanding.CANCELLED, SaleStanding.REFUND_REQUESTED)

VEHICLE_SAGA: tuple[VehicleReaction, ...] = (
    VehicleReaction(
        trigger="buyer.initialize_sale",
        when=(),
        then=OrderState.DRAFT,
        vehicle=VehicleState.RESERVED,
        emits=("sale.initialized",),
        note="one transaction: the vehicle, the order, its deadline, the event",
    ),
    VehicleReaction(
        trigger="payment.created",
        when=(OrderState.DRAFT,),
        then=None,
        note="the instructions are shown to the buyer",
    ),
    VehicleReaction(
        trigger="payment.approved",
        when=(OrderState.DRAFT,),
        then=OrderState.SOLD,
        vehicle=VehicleState.SOLD,
        emits=("sale.completed",),
        condition="amount_matches",
    ),
    VehicleReaction(
        trigger="payment.approved",
        when=(OrderState.DRAFT,),
        then=OrderState.CANCELLED,
        vehicle=VehicleState.AVAILABLE,
        emits=("sale.cancelled",),
        condition="amount_differs",
        note="a wrong amount never buys a car: the money goes back",
    ),
    VehicleReaction(
        trigger="payment.approved",
        when=(OrderState.CANCELLED,),
        then=None,
        note="nothing: the money goes back",
    ),
    VehicleReaction(
        trigger="payment.rejected",
        when=(OrderState.DRAFT,),
        then=None,
        note="another method may be tried until the deadline",
    ),
    VehicleReaction(
        trigger="clock.deadline_passed",
        when=(OrderState.DRAFT,),
        then=OrderState.CANCELLED,
        vehicle=VehicleState.AVAILABLE,
        emits=("sale.cancelled",),
    ),
    VehicleReaction(
        trigger="buyer.cancel",
        when=(OrderState.DRAFT,),
        then=OrderState.CANCELLED,
        vehicle=VehicleState.AVAILABLE,
        emits=("sale.cancelled",),
    ),
    VehicleReaction(
        trigger="payment.expired",
        when=(OrderState.DRAFT,),
        then=OrderState.CANCELLED,
        vehicle=VehicleState.AVAILABLE,
        emits=("sale.cancelled",),
        condition="not_superseded",
    ),
    VehicleReaction(
        trigger="payment.cancelled",
        when=(OrderState.DRAFT,),
        then=OrderState.CANCELLED,
        vehicle=VehicleState.AVAILABLE,
        emits=("sale.cancelled",),
        condition="not_superseded",
    ),
    VehicleReaction(trigger="payment.expired", when=(OrderState.DRAFT,), then=None, condition="superseded"),
    VehicleReaction(trigger="payment.cancelled", when=(OrderState.DRAFT,), then=None, condition="superseded"),
    VehicleReaction(
        trigger="admin.confirm_pickup",
        when=(OrderState.SOLD,),
        then=None,
        note="the car is handed over",
    ),
    VehicleReaction(
        trigger="admin.refund",
        when=(OrderState.SOLD, OrderState.REFUND_FAILED),
        then=OrderState.REFUNDING,
        emits=("sale.refund_requested",),
    ),
    VehicleReaction(
        trigger="payment.refunded",
        when=(OrderState.REFUNDING, OrderState.REFUND_FAILED, OrderState.SOLD),
        then=OrderState.REFUNDED,
        vehicle=VehicleState.AVAILABLE,
        condition="paid_the_order",
    ),
    VehicleReaction(
        trigger="payment.refund_failed",
        when=(OrderState.REFUNDING,),
        then=OrderState.REFUND_FAILED,
        condition="paid_the_order",
        note="alarm",
    ),
    VehicleReaction(
        trigger="payment.charged_back",
        when=(OrderState.SOLD, OrderState.REFUNDING, OrderState.REFUND_FAILED),
        then=None,
        condition="paid_the_order",
        note="the order is flagged; alarm",
    ),
)
"""What the vehicle service does. What no row names changes nothing but the timeline."""

PAYMENT_SAGA: tuple[PaymentReaction, ...] = (
    PaymentReaction(
        trigger="sale.initialized",
        when=(),
        then=PaymentState.REQUESTED,
        sale=(SaleStanding.OPEN,),
        calls="create",
        note="the intent is stored before the provider is called, with a stable key",
    ),
    PaymentReaction(
        trigger="buyer.choose_payment",
        when=(),
        then=PaymentState.REQUESTED,
        sale=(SaleStanding.OPEN,),
        calls="create",
        note="an earlier payment that still waits is called off first",
    ),
    PaymentReaction(
        trigger="provider.timed_out",
        when=(PaymentState.REQUESTED,),
        then=PaymentState.UNKNOWN,
        calls="find, then create with the same key",
    ),
    PaymentReaction(
        trigger="provider.pending",
        when=(PaymentState.REQUESTED, PaymentState.UNKNOWN),
        then=PaymentState.PENDING,
        emits=("payment.created",),
    ),
    PaymentReaction(
        trigger="provider.approved",
        when=(*_UNSETTLED, *_ENDED),
        then=PaymentState.APPROVED,
        sale=(SaleStanding.OPEN,),
        emits=("payment.approved",),
        condition="it_counts",
        note="the other payments of the order that still wait are called off",
    ),
    PaymentReaction(
        trigger="provider.approved",
        when=(*_UNSETTLED, *_ENDED),
        then=PaymentState.REFUNDING,
        sale=(SaleStanding.OPEN,),
        calls="refund",
        emits=("payment.approved",),
        condition="paid_already",
        note="one payment counts; the money of a second goes back",
    ),
    PaymentReaction(
        trigger="provider.approved",
        when=(*_UNSETTLED, *_ENDED),
        then=PaymentState.REFUNDING,
        sale=(SaleStanding.OPEN,),
        calls="refund",
        emits=("payment.approved",),
        condition="amount_differs",
        note="a wrong amount never buys a car: the money goes back",
    ),
    PaymentReaction(
        trigger="provider.approved",
        when=(*_UNSETTLED, *_ENDED),
        then=PaymentState.REFUNDING,
        sale=_CLOSED,
        calls="refund",
        emits=("payment.approved",),
        note="approved + sale cancelled: the money goes back, whichever came first",
    ),
    PaymentReaction(
        trigger="provider.rejected",
        when=_UNSETTLED,
        then=PaymentState.REJECTED,
        emits=("payment.rejected",),
    ),
    PaymentReaction(
        trigger="provider.expired",
        when=_UNSETTLED,
        then=PaymentState.EXPIRED,
        emits=("payment.expired",),
    ),
    PaymentReaction(
        trigger="provider.cancelled",
        when=_UNSETTLED,
        then=PaymentState.CANCELLED,
        emits=("payment.cancelled",),
    ),
    PaymentReaction(
        trigger="provider.not_found",
        when=(PaymentState.UNKNOWN,),
        then=None,
        sale=(SaleStanding.OPEN,),
        calls="create",
        condition="still_wanted",
        note="with the same key, so that a call that took effect after all is not doubled",
    ),
    PaymentReaction(
        trigger="provider.not_found",
        when=_UNSETTLED,
        then=PaymentState.CANCELLED,
        sale=_CLOSED,
        emits=("payment.cancelled",),
        note="looked up once more later, in case a call took effect late",
    ),
    PaymentReaction(
        trigger="provider.not_found",
        when=_UNSETTLED,
        then=PaymentState.CANCELLED,
        sale=(SaleStanding.OPEN,),
        emits=("payment.cancelled",),
        condition="superseded",
    ),
    PaymentReaction(
        trigger="provider.not_found",
        when=_UNSETTLED,
        then=PaymentState.EXPIRED,
        sale=(SaleStanding.OPEN,),
        emits=("payment.expired",),
        condition="past_deadline",
    ),
    PaymentReaction(
        trigger="provider.not_found",
        when=(PaymentState.REQUESTED, PaymentState.UNKNOWN),
        then=PaymentState.REJECTED,
        sale=(SaleStanding.OPEN,),
        emits=("payment.rejected",),
        condition="card_gone",
        note="a card's token is kept nowhere, so it cannot be submitted again",
    ),
    PaymentReaction(
        trigger="clock.card_gone",
        when=(PaymentState.REQUESTED,),
        then=PaymentState.REJECTED,
        emits=("payment.rejected",),
        note="whoever held the card's token never submitted it",
    ),
    PaymentReaction(
        trigger="sale.cancelled",
        when=(PaymentState.REQUESTED,),
        then=PaymentState.CANCELLED,
        sale=(SaleStanding.OPEN,),
        emits=("payment.cancelled",),
        note="no payment at the provider yet: never create one; looked up once later, all the same",
    ),
    PaymentReaction(
        trigger="sale.cancelled",
        when=(PaymentState.UNKNOWN, PaymentState.PENDING),
        then=None,
        sale=(SaleStanding.OPEN,),
        calls="cancel",
        note="the answer decides: cancelled, or already approved and then refunded",
    ),
    PaymentReaction(
        trigger="sale.cancelled",
        when=(PaymentState.APPROVED,),
        then=PaymentState.REFUNDING,
        sale=(SaleStanding.OPEN,),
        calls="refund",
    ),
    PaymentReaction(
        trigger="sale.completed",
        when=(PaymentState.APPROVED,),
        then=None,
        sale=(SaleStanding.OPEN,),
    ),
    PaymentReaction(
        trigger="sale.refund_requested",
        when=(PaymentState.APPROVED, PaymentState.REFUND_FAILED),
        then=PaymentState.REFUNDING,
        calls="refund",
    ),
    PaymentReaction(
        trigger="provider.refunded",
        when=(PaymentState.APPROVED, PaymentState.REFUNDING, PaymentState.REFUND_FAILED),
        then=PaymentState.REFUNDED,
        emits=("payment.refunded",),
    ),
    PaymentReaction(
        trigger="provider.refunded",
        when=(*_UNSETTLED, *_ENDED),
        then=PaymentState.REFUNDED,
        emits=("payment.approved", "payment.refunded"),
        note="the approval was missed; the ledger has both",
    ),
    PaymentReaction(
        trigger="provider.not_found",
        when=(PaymentState.REFUNDING,),
        then=PaymentState.REFUND_FAILED,
        emits=("payment.refund_failed",),
    ),
    PaymentReaction(
        trigger="provider.refund_refused",
        when=(PaymentState.REFUNDING,),
        then=PaymentState.REFUND_FAILED,
        emits=("payment.refund_failed",),
        note="tried again with the same key, then a person",
    ),
    PaymentReaction(
        trigger="clock.refund_retry_due",
        when=(PaymentState.REFUND_FAILED,),
        then=PaymentState.REFUNDING,
        calls="refund",
    ),
    PaymentReaction(
        trigger="provider.charged_back",
        when=(PaymentState.APPROVED, PaymentState.REFUNDING, PaymentState.REFUND_FAILED),
        then=PaymentState.CHARGED_BACK,
        emits=("payment.charged_back",),
    ),
    PaymentReaction(
        trigger="provider.charged_back",
        when=(*_UNSETTLED, *_ENDED),
        then=PaymentState.CHARGED_BACK,
        emits=("payment.approved", "payment.charged_back"),
        note="the approval was missed; the ledger has both",
    ),
)
"""What the payment service does. `provider.*` is what the provider *was asked and answered*, prompted
by its own reply, a notification, or the janitor; a notification itself is never believed."""
