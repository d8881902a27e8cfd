"""An order: one buyer's purchase of one vehicle, from draft to its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum

from autodeal_contracts.events.sale import CancelReason, PaymentMethod, SaleEvent
from autodeal_contracts.saga import ORDER_TRANSITIONS, OrderState, PaymentState, VehicleState

CLAIMING_STATES = (OrderState.DRAFT, OrderState.SOLD, OrderState.REFUNDING, OrderState.REFUND_FAILED)
"""The states in which an order keeps its vehicle from others: at most one such order a vehicle."""

PAID_STATES = (OrderState.SOLD, OrderState.REFUNDING, OrderState.REFUND_FAILED)
"""The states in which the buyer's money is here and the vehicle is sold."""


class Alarm(StrEnum):
    """What a person must look at."""

    REFUND_FAILED = "refund_failed"
    CHARGED_BACK = "charged_back"


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderPayment:
    """The latest payment of an order, as far as its buyer needs to know it."""

    payment_id: str
    attempt: int
    status: PaymentState
    payment_method: PaymentMethod | None = None
    """None when the payment ended before its method was told."""
    pix_code: str | None = None
    boleto_line: str | None = None
    url: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """The state of an order."""

    id: int
    vehicle_id: int
    buyer_id: str
    """The buyer's subject id at the identity provider."""
    status: OrderState
    price_cents: int
    """What the vehicle cost when it was reserved; the payment must match it."""
    payment_method: PaymentMethod
    """The method first chosen; a later attempt may use another."""
    created_at: datetime
    expires_at: datetime
    """The deadline while the order is a draft."""
    payment: OrderPayment | None = None
    paid_by: str | None = None
    """The payment that paid the order: only this one's refund or charge-back touches the order."""
    charged_back: bool = False
    """Whether the buyer's bank took the money back."""
    sold_at: datetime | None = None
    picked_up_at: datetime | None = None
    cancel_reason: CancelReason | None = None
    event_sequence: int = 0
    """How many events of this order were published."""
    version: int = 0
    """How many entries the timeline has; every change writes at least one."""

    @property
    def is_final(self) -> bool:
        """Tell whether nothing can follow this state."""
        return not ORDER_TRANSITIONS[self.status]


@dataclass(frozen=True, kw_only=True, slots=True)
class TimelineEntry:
    """One thing that happened to an order, in words its buyer may read."""

    sequence: int
    at: datetime
    event: str
    detail: dict[str, str | int | bool | None] = field(default_factory=dict)


class VehicleMove(Enum):
    """What an order does to its vehicle. The value is the state before and the state after."""

    RESERVED = (VehicleState.AVAILABLE, VehicleState.RESERVED)
    SOLD = (VehicleState.RESERVED, VehicleState.SOLD)
    RELEASED = (VehicleState.RESERVED, VehicleState.AVAILABLE)
    RETURNED = (VehicleState.SOLD, VehicleState.AVAILABLE)

    @property
    def before(self) -> VehicleState:
        """Return the state that the vehicle must be in, or an invariant is broken."""
        return self.value[0]

    @property
    def after(self) -> VehicleState:
        """Return the state that the vehicle gets."""
        return self.value[1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What one act or event does to an order: all of it is stored in one commit, or none."""

    order: Order
    entries: tuple[TimelineEntry, ...] = ()
    events: tuple[SaleEvent, ...] = ()
    """Published in this order; the last carries the order's `event_sequence`."""
    vehicle: VehicleMove | None = None
    """None when the vehicle stays as it is."""
    ends_deadline: bool = False
    alarm: Alarm | None = None
