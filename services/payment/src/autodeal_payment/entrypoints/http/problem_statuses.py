"""This service's errors as HTTP statuses; nothing else here knows both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from litestar import Request, Response

from autodeal_payment.app.ports.payment_queries import BadCursorError
from autodeal_payment.app.ports.sale_store import StoreUnavailableError, VersionConflictError
from autodeal_payment.domain import errors
from autodeal_platform.problems import problem_handlers

STATUSES: Final[Mapping[type[Exception], int]] = {
    BadCursorError: 400,
    errors.PaymentNotFoundError: 404,
    errors.OrderNotReadyError: 409,
    errors.OrderNotOpenError: 409,
    errors.OrderAlreadyPaidError: 409,
    errors.TooManyAttemptsError: 409,
    StoreUnavailableError: 503,
    VersionConflictError: 503,
}
RETRY_AFTER_SECONDS = "1"
"""An order's event takes less than this from one service to the other."""

_answer = problem_handlers({errors.OrderNotReadyError: 409})[errors.OrderNotReadyError]


def answer_not_ready(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer that the order is not known yet, and when to ask again."""
    response = _answer(request, error)
    response.headers["retry-after"] = RETRY_AFTER_SECONDS
    return response
