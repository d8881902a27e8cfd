"""The aggregate: what the payment service knows of one order, and all payments of it.

All payments of an order change under the one version of its sale, so its events have one order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from autodeal_contracts.saga import SaleStanding
from autodeal_payment.domain.payment import Payment

CLOSED = frozenset({SaleStanding.COMPLETED, SaleStanding.CANCELLED, SaleStanding.REFUND_REQUESTED})
"""The order takes no further money."""


@dataclass(frozen=True, kw_only=True)
class Sale:
    """One order as this service sees it."""

    order_id: int
    buyer_id: str | None
    """The buyer's subject id; None for an order whose end was heard of before its beginning."""
    amount_cents: int
    standing: SaleStanding
    created_at: datetime
    expires_at: datetime
    """The order's deadline."""
    idempotency_digest: str | None = None
    """SHA-256 of the key with which the buyer began the sale."""
    approved_payment_id: str | None = None
    """The one payment that counts."""
    version: int = 0
    """How many transactions changed it; 0 before the first."""
    event_sequence: int = 0
    """How many events were committed."""
    due_at: datetime | None = None
    """When its deadline item wakes the janitor."""
    payments: tuple[Payment, ...] = ()
    """By attempt, ascending."""

    def payment(self, attempt: int) -> Payment:
        """Return the payment of that attempt; raises KeyError when there is none."""
        for payment in self.payments:
            if payment.attempt == attempt:
                return payment
        raise KeyError(attempt)

    def payment_by_id(self, payment_id: str) -> Payment | None:
        """Return the payment with that id, if the order has it."""
        return next((payment for payment in self.payments if payment.payment_id == payment_id), None)

    def with_payment(self, changed: Payment) -> Sale:
        """Return the sale with one payment replaced or added."""
        others = [payment for payment in self.payments if payment.attempt != changed.attempt]
        return replace(self, payments=tuple(sorted([*others, changed], key=lambda each: each.attempt)))

    def calls_off(self, payment: Payment) -> bool:
        """Tell whether that payment, while unsettled, is not wanted any more."""
        return payment.superseded_by is not None or self.standing in CLOSED
