"""Errors in the provider's shape: `{message, error, status, cause: [{code, description, data}]}`."""

from collections.abc import Mapping

from autodeal_platform.json_codec import encode_json


class ProviderError(Exception):
    """A refusal that the caller gets as an answer; `code` is the provider's number for the cause."""

    def __init__(
        self,
        status: int,
        error: str,
        message: str,
        *,
        code: int | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.message = message
        self.code = code
        self.headers = dict(headers or {})

    def body(self) -> bytes:
        """Return the JSON of the error."""
        cause = [] if self.code is None else [{"code": self.code, "description": self.message, "data": None}]
        return encode_json(
            {"message": self.message, "error": self.error, "status": self.status, "cause": cause}
        )


def bad_request(code: int | str, message: str) -> ProviderError:
    """Return a 400 for something wrong in the request."""
    return ProviderError(400, "bad_request", message, code=code)


def missing_idempotency_key() -> ProviderError:
    """Return the 400 of a request that needs `X-Idempotency-Key` and has none, or one that is too long."""
    message = "Header X-Idempotency-Key can't be null and has 1 to 64 characters"
    return ProviderError(400, "empty_required_header", message, code=4292)


def payment_not_found() -> ProviderError:
    """Return the 404 of an unknown payment."""
    return ProviderError(404, "not_found", "Payment not found", code=2000)


def injected_error(status: int, retry_after_seconds: int) -> ProviderError:
    """Return the error of a switched fault."""
    names = {
        423: ("resource_locked", "The resource is locked by another request"),
        424: ("failed_dependency", "A service that this request needs failed"),
        429: ("too_many_requests", "Too many requests"),
    }
    error, message = names.get(
        status,
        ("internal_error", "Internal error") if status >= 500 else ("bad_request", "Refused"),  # noqa: PLR2004
    )
    headers = {"Retry-After": str(retry_after_seconds)} if status == 429 else {}  # noqa: PLR2004
    return ProviderError(status, error, message, headers=headers)
