"""What was learned from a call to the provider, or from its failing to answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from autodeal_payment.domain.provider_payment import ProviderPayment, ProviderRefund


class Operation(StrEnum):
    """A call to the provider."""

    FIND = "find"
    CREATE = "create"
    FETCH = "fetch"
    CANCEL = "cancel"
    REFUND = "refund"


@dataclass(frozen=True)
class Seen:
    """The provider said what the payment is."""

    attempt: int
    payment: ProviderPayment
    operation: Operation


@dataclass(frozen=True)
class NotFound:
    """The provider knows of no such payment, for now."""

    attempt: int


@dataclass(frozen=True)
class Refused:
    """The payment was not made, for certain, and will not be."""

    attempt: int
    reason: str


@dataclass(frozen=True)
class Unanswered:
    """The call may have taken effect or not."""

    attempt: int
    operation: Operation
    retry_after: timedelta | None = None


@dataclass(frozen=True)
class NotCalled:
    """The provider was not called, because something else that is needed did not answer."""

    attempt: int


@dataclass(frozen=True)
class CardGone:
    """Whoever held the card's token gives up, and never submitted it."""

    attempt: int


@dataclass(frozen=True)
class RefundAnswered:
    """The provider took the refund on."""

    attempt: int
    refund: ProviderRefund


@dataclass(frozen=True)
class RefundRefused:
    """The provider will not return the money; `payment` is what it said the payment is."""

    attempt: int
    reason: str
    payment: ProviderPayment | None


@dataclass(frozen=True)
class RefundDue:
    """The pause after a refused refund is over."""

    attempt: int


Observation = (
    Seen | NotFound | Refused | Unanswered | NotCalled | CardGone | RefundAnswered | RefundRefused | RefundDue
)
