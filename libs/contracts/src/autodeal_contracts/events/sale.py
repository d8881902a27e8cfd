"""What the vehicle service says about a sale."""

from __future__ import annotations

from enum import StrEnum

from autodeal_contracts.events.base import Event, Instant


class PaymentMethod(StrEnum):
    """How a buyer pays."""

    PIX = "pix"
    BOLETO = "boleto"
    CARD = "card"


class CancelReason(StrEnum):
    """Why a draft order ended without a sale."""

    DEADLINE_PASSED = "deadline_passed"
    BUYER_CANCELLED = "buyer_cancelled"
    PAYMENT_EXPIRED = "payment_expired"
    PAYMENT_CANCELLED = "payment_cancelled"
    AMOUNT_MISMATCH = "amount_mismatch"


class SaleInitialized(Event, frozen=True, kw_only=True, tag="sale.initialized"):
    """A vehicle was reserved for a buyer, who must pay before the deadline."""

    vehicle_id: int
    buyer_id: str
    """The buyer's subject id at the identity provider; who that is, the wire does not say."""
    amount_cents: int
    payment_method: PaymentMethod
    expires_at: Instant
    idempotency_key_digest: str | None = None
    """SHA-256 (hex) of the buyer's idempotency key, so that a payment is found by it later."""


class SaleCompleted(Event, frozen=True, kw_only=True, tag="sale.completed"):
    """The order is paid and the vehicle sold."""

    vehicle_id: int
    payment_id: str
    amount_cents: int


class SaleCancelled(Event, frozen=True, kw_only=True, tag="sale.cancelled"):
    """The order ended unpaid: money that still arrives goes back."""

    vehicle_id: int
    reason: CancelReason


class SaleRefundRequested(Event, frozen=True, kw_only=True, tag="sale.refund_requested"):
    """An administrator wants the buyer's money returned."""

    vehicle_id: int
    payment_id: str
    amount_cents: int


SaleEvent = SaleInitialized | SaleCompleted | SaleCancelled | SaleRefundRequested
