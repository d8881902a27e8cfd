"""Why a use case of the edge could not do what was asked."""

from __future__ import annotations

from typing import Any, ClassVar


class GatewayError(Exception):
    """A refusal with a stable code. It never carries personal data."""

    code: ClassVar[str]
    detail: ClassVar[str]

    def __init__(self, detail: str | None = None, **context: str) -> None:
        super().__init__(detail or self.detail)
        self.context: dict[str, Any] = dict(context)


class EmailTakenError(GatewayError):
    """Somebody is registered with this e-mail address."""

    code = "email_taken"
    detail = "This e-mail address is registered already."


class RegistrationInProgressError(GatewayError):
    """This e-mail address is being registered right now, or was moments ago and never finished."""

    code = "registration_in_progress"
    detail = "This e-mail address is being registered; try again in a minute."


class InvalidCredentialsError(GatewayError):
    """Unknown e-mail address or wrong password; which of them is not told."""

    code = "invalid_credentials"
    detail = "The e-mail address or the password is wrong."


class TooManyAttemptsError(GatewayError):
    """The identity provider throttles this caller or all of us."""

    code = "too_many_requests"
    detail = "Too many attempts; wait before trying again."


class PasswordChangeRequiredError(GatewayError):
    """The credentials are right, but the account must be set up further before it can be used."""

    code = "password_change_required"
    detail = "This account needs a new password or a second factor first."


class PersonNotFoundError(GatewayError):
    """The token's subject is not registered any more."""

    code = "not_found"
    detail = "This person is not registered."


class SaleOpenError(GatewayError):
    """A person with an open sale cannot be erased: the sale may yet owe them money."""

    code = "sale_open"
    detail = "The person cannot be deleted while a sale is open."


class IdentityUnavailableError(GatewayError):
    """The identity provider cannot be reached or does not answer; nothing is known to have changed."""

    code = "identity_unavailable"
    detail = "People cannot be looked up at the moment."


class OrdersUnavailableError(GatewayError):
    """The vehicle service could not tell whether a sale is open."""

    code = "upstream_unavailable"
    detail = "Orders cannot be looked up at the moment."


class NotificationsUnavailableError(GatewayError):
    """A notification could not be stored durably; the provider sends it again."""

    code = "notifications_unavailable"
    detail = "The notification could not be stored; send it again."


class UpstreamUnavailableError(GatewayError):
    """No connection to the service came about, so the request certainly did not reach it."""

    code = "upstream_unavailable"
    detail = "The service cannot be reached at the moment; try again."


class UpstreamFailedError(GatewayError):
    """The service broke the connection off; what it did with the request is not known."""

    code = "upstream_failed"
    detail = "The service broke off before it answered."


class UpstreamTimedOutError(GatewayError):
    """The service did not answer within the route's deadline; what it did is not known."""

    code = "upstream_timed_out"
    detail = "The service did not answer in time."


class RequestTimedOutError(GatewayError):
    """The caller did not finish sending the body within the route's deadline."""

    code = "request_timed_out"
    detail = "The body did not arrive in time."


class TooManyStreamsError(GatewayError):
    """As many event streams are open as this process carries."""

    code = "too_many_streams"
    detail = "Too many event streams are open; try again."
