"""What the payment service says about the payments of an order."""

from __future__ import annotations

import msgspec

from autodeal_contracts.events.base import Event, Instant
from autodeal_contracts.events.sale import PaymentMethod


class PaymentInstructions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the buyer needs in order to pay; which fields are set depends on the method."""

    pix_code: str | None = None
    """The Pix "copia e cola" text, which is also what the QR code shows."""
    boleto_line: str | None = None
    url: str | None = None
    """A page of the provider where the buyer pays."""


class PaymentFact(Event, frozen=True, kw_only=True):
    """What every payment event tells."""

    payment_id: str
    attempt: int
    """The how-manieth payment of its order, from 1."""
    amount_cents: int


class PaymentCreated(PaymentFact, frozen=True, kw_only=True, tag="payment.created"):
    """The provider accepted the payment and waits for the buyer."""

    payment_method: PaymentMethod
    instructions: PaymentInstructions
    expires_at: Instant | None = None


class PaymentApproved(PaymentFact, frozen=True, kw_only=True, tag="payment.approved"):
    """The money was taken."""


class PaymentRejected(PaymentFact, frozen=True, kw_only=True, tag="payment.rejected"):
    """The payment was declined; the buyer may try again until the order's deadline."""

    reason: str
    """The provider's machine-readable detail, such as `cc_rejected_high_risk`."""


class PaymentExpired(PaymentFact, frozen=True, kw_only=True, tag="payment.expired"):
    """Nobody paid in time."""

    superseded_by: str | None = None
    """The payment that took this one's place, if one did; then the order goes on."""


class PaymentCancelled(PaymentFact, frozen=True, kw_only=True, tag="payment.cancelled"):
    """The payment was called off before it was paid."""

    superseded_by: str | None = None
    """The payment that took this one's place, if one did; then the order goes on."""


class PaymentRefunded(PaymentFact, frozen=True, kw_only=True, tag="payment.refunded"):
    """The money went back to the buyer."""


class PaymentRefundFailed(PaymentFact, frozen=True, kw_only=True, tag="payment.refund_failed"):
    """The provider would not return the money; it is tried again, then a person must look."""

    reason: str


class PaymentChargedBack(PaymentFact, frozen=True, kw_only=True, tag="payment.charged_back"):
    """The buyer's bank took the money back."""


PaymentEvent = (
    PaymentCreated
    | PaymentApproved
    | PaymentRejected
    | PaymentExpired
    | PaymentCancelled
    | PaymentRefunded
    | PaymentRefundFailed
    | PaymentChargedBack
)
