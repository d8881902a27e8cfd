"""Why a wish of the buyer cannot be granted."""

from __future__ import annotations

from typing import Any


class PaymentDomainError(Exception):
    """A refusal with a stable code; what it concerns is in `context`, which holds nothing personal."""

    code = "payment_error"

    def __init__(self, message: str, **context: Any) -> None:  # noqa: ANN401 - the context is shown as it is
        super().__init__(message)
        self.context = context


class PaymentNotFoundError(PaymentDomainError):
    """There is no such payment, or it is somebody else's: both look alike."""

    code = "not_found"


class OrderNotReadyError(PaymentDomainError):
    """The order is not known here yet; its event may be under way."""

    code = "order_not_ready"


class OrderNotOpenError(PaymentDomainError):
    """The order is over: it was cancelled, ran out of time, or is being refunded."""

    code = "order_not_open"


class OrderAlreadyPaidError(PaymentDomainError):
    """The order has its approved payment."""

    code = "order_already_paid"


class TooManyAttemptsError(PaymentDomainError):
    """The order has had as many payments as one order may have."""

    code = "too_many_attempts"
