"""The gateway's own errors as HTTP statuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from autodeal_gateway.app import errors
from autodeal_gateway.domain.notification import NotificationMalformedError
from autodeal_gateway.domain.registration import RegistrationInvalidError
from autodeal_gateway.domain.webhook_signature import WebhookForgedError

STATUSES: Final[Mapping[type[Exception], int]] = {
    NotificationMalformedError: 400,
    WebhookForgedError: 401,
    errors.InvalidCredentialsError: 401,
    errors.PasswordChangeRequiredError: 403,
    errors.PersonNotFoundError: 404,
    errors.RequestTimedOutError: 408,
    errors.EmailTakenError: 409,
    errors.RegistrationInProgressError: 409,
    errors.SaleOpenError: 409,
    RegistrationInvalidError: 422,
    errors.TooManyAttemptsError: 429,
    errors.UpstreamFailedError: 502,
    errors.IdentityUnavailableError: 503,
    errors.NotificationsUnavailableError: 503,
    errors.OrdersUnavailableError: 503,
    errors.TooManyStreamsError: 503,
    errors.UpstreamUnavailableError: 503,
    errors.UpstreamTimedOutError: 504,
}
