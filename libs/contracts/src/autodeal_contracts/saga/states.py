"""The states of orders, vehicles, sales and payments."""

from __future__ import annotations

from enum import StrEnum


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
