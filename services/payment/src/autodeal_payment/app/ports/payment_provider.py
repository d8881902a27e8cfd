"""The payment provider, by what it can do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from autodeal_contracts.events.sale import PaymentMethod
from autodeal_payment.app.ports.payer_directory import Payer
from autodeal_payment.domain.provider_payment import ProviderPayment, ProviderRefund


class ProviderUnansweredError(Exception):
    """The provider did not answer, or answered that it could not: the call may have taken effect."""

    def __init__(self, what: str, retry_after: timedelta | None = None) -> None:
        super().__init__(what)
        self.retry_after = retry_after


class ProviderRefusedError(Exception):
    """The provider will not do it, for certain; `reason` is a machine-readable word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class CardSubmission:
    """A card as the provider's own page made a token of it; held in memory for one call."""

    attempt: int
    token: str = field(repr=False)
    payment_method_id: str
    """The brand, such as `master`."""
    installments: int
    issuer_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class NewPayment:
    """What the provider is asked to make; the same whenever it is asked again."""

    reference: str
    description: str
    amount_cents: int
    method: PaymentMethod
    expires_at: datetime
    payer: Payer = field(repr=False)
    card: CardSubmission | None = None


class PaymentProvider(Protocol):
    """Calls carry a stable key, so that one repeated takes effect once.

    Every method may raise ProviderUnansweredError, after bounded retries with the same key.
    """

    async def create(self, new: NewPayment, *, key: str) -> ProviderPayment:
        """Make a payment; raises ProviderRefusedError when it was not made and will not be."""
        ...

    async def fetch(self, provider_id: str) -> ProviderPayment | None:
        """Return the payment as it is; None when the provider does not know it."""
        ...

    async def find(self, reference: str) -> ProviderPayment | None:
        """Return the payment made with that reference; None when there is none.

        Of several the one that matters most: where money was taken, then where it may be.
        """
        ...

    async def cancel(self, provider_id: str, *, key: str) -> ProviderPayment:
        """Call a waiting payment off; raises ProviderRefusedError when it cannot be any more."""
        ...

    async def refund(self, provider_id: str, *, key: str) -> ProviderRefund:
        """Give all the money back; raises ProviderRefusedError when that is not possible."""
        ...
