"""A payment as its buyer sees it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from autodeal_contracts.events.sale import PaymentMethod
from autodeal_contracts.saga import PaymentState
from autodeal_payment.domain.payment import Payment


class PaymentView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One payment of an order: its state, and what the buyer needs in order to pay."""

    id: str
    """`<order id>-<attempt>`; the provider knows it as the external reference."""
    order_id: int
    attempt: int
    """The how-manieth payment of its order, from 1."""
    payment_method: PaymentMethod
    status: PaymentState
    amount: Decimal
    """In the currency's unit, with two decimals."""
    pix_code: str | None
    """The Pix "copia e cola" text, which is also what the QR code shows."""
    boleto_line: str | None
    """The boleto's typeable line (linha digitável)."""
    url: str | None
    """A page of the provider where the buyer pays."""
    created_at: datetime
    expires_at: datetime
    """Until when the buyer may pay."""
    reason: str | None = None
    """Why it was rejected or is given back; a machine-readable word. Absent otherwise."""


def view(payment: Payment) -> PaymentView:
    """Return the payment as its buyer may see it."""
    return PaymentView(
        id=payment.payment_id,
        order_id=payment.order_id,
        attempt=payment.attempt,
        payment_method=payment.method,
        status=payment.state,
        amount=Decimal(payment.amount_cents).scaleb(-2),
        pix_code=payment.instructions.pix_code,
        boleto_line=payment.instructions.boleto_line,
        url=payment.instructions.url,
        created_at=payment.created_at,
        expires_at=payment.expires_at,
        reason=payment.reason,
    )
