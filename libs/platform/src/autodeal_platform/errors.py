"""The errors that any service may raise, each with a stable code; `problems` knows their HTTP status."""

from __future__ import annotations

from typing import ClassVar

WHOLE_BODY = "$"
"""Names the body itself where no field of it is at fault."""


class PlatformError(Exception):
    """A refusal with a stable `code`; `context` joins the problem's members."""

    code: ClassVar[str]
    detail: ClassVar[str]

    def __init__(self, detail: str | None = None, **context: object) -> None:
        super().__init__(detail or self.detail)
        self.context = context


class MalformedJsonError(PlatformError):
    """The body is not JSON."""

    code = "malformed_json"
    detail = "The body is not valid JSON."


class InvalidFieldError(ValueError):
    """One field of the input breaks a rule; `field` is its path, such as `address.state`.

    It is a ValueError, so that raising it in a struct's `__post_init__` is seen as a failed
    validation, with the struct's own place put before the field.
    """

    code: ClassVar[str] = "validation_failed"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class UnauthenticatedError(PlatformError):
    """There is no token, or it is not one of ours."""

    code = "unauthenticated"
    detail = "A valid access token is needed."


class TokenExpiredError(UnauthenticatedError):
    """The token was good once."""

    code = "token_expired"
    detail = "The access token has expired."


class ForbiddenError(PlatformError):
    """The caller is known and may not do this."""

    code = "forbidden"
    detail = "You may not do this."


class NotFoundError(PlatformError):
    """There is no such thing, or none that the caller may know of."""

    code = "not_found"
    detail = "There is no such resource."


class BodyTooLargeError(PlatformError):
    """The body is longer than the limit."""

    code = "body_too_large"
    detail = "The body is too large."


class UnsupportedMediaTypeError(PlatformError):
    """The body is declared to be something else than JSON."""

    code = "unsupported_media_type"
    detail = "The body must be application/json."


class UnavailableError(PlatformError):
    """Something that the answer depends on is away; the same request may succeed later."""

    code = "unavailable"
    detail = "The service cannot answer right now; try again."
