"""A payment as the provider tells it, in the words of this service."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from autodeal_contracts.events.payment import PaymentInstructions


class ProviderStatus(StrEnum):
    """What a payment is at the provider."""

    PENDING = "pending"
    """Waiting for the buyer, a review or a capture: no money has been taken."""
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    CHARGED_BACK = "charged_back"


class RefundStatus(StrEnum):
    """What became of a refund at the provider."""

    APPROVED = "approved"
    IN_PROCESS = "in_process"
    REJECTED = "rejected"


@dataclass(frozen=True, kw_only=True)
class ProviderPayment:
    """One answer of the provider about one payment."""

    provider_id: str
    reference: str
    """The `external_reference` given at creation: our payment id."""
    status: ProviderStatus
    detail: str = ""
    """The provider's machine-readable detail, such as `cc_rejected_high_risk`."""
    amount_cents: int
    instructions: PaymentInstructions = field(default_factory=PaymentInstructions)
    expires_at: datetime | None = None
    refund: RefundStatus | None = None
    """The latest refund of it, if one was asked for."""


@dataclass(frozen=True, kw_only=True)
class ProviderRefund:
    """The provider's answer to a refund."""

    status: RefundStatus
    reason: str = ""
