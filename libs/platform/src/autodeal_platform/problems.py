"""From an exception to an RFC 9457 problem: the one place that knows HTTP statuses.

Domain errors are plain exceptions with a class attribute `code` and, if they like, a `context`
dict whose members join the problem. What is not known here is answered with 500 and nothing of
its cause; the log has the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from litestar import Request, Response
from litestar.exceptions import HTTPException, InternalServerException, ValidationException

from autodeal_platform import errors, idempotency
from autodeal_platform.errors import WHOLE_BODY, InvalidFieldError
from autodeal_platform.locate_fault import AT_PATH
from autodeal_platform.logs import get_logger
from autodeal_platform.problem_body import MEDIA_TYPE, problem_body, problem_headers

REQUEST_ID_KEY: Final = "autodeal_request_id"
"""Where the outermost layer leaves the request's id in the ASGI scope."""

COMMON_STATUSES: Final[Mapping[type[Exception], int]] = {
    errors.MalformedJsonError: 400,
    errors.UnauthenticatedError: 401,
    errors.ForbiddenError: 403,
    errors.NotFoundError: 404,
    errors.BodyTooLargeError: 413,
    errors.UnsupportedMediaTypeError: 415,
    errors.UnavailableError: 503,
    idempotency.InvalidIdempotencyKeyError: 400,
    idempotency.IdempotencyInProgressError: 409,
    idempotency.IdempotencyKeyReusedError: 422,
}

_HTTP_CODES: Final[Mapping[int, tuple[str, str]]] = {
    400: ("bad_request", "The request cannot be understood."),
    401: ("unauthenticated", errors.UnauthenticatedError.detail),
    403: ("forbidden", errors.ForbiddenError.detail),
    404: ("not_found", errors.NotFoundError.detail),
    405: ("method_not_allowed", "This resource does not answer that method."),
    413: ("body_too_large", errors.BodyTooLargeError.detail),
    415: ("unsupported_media_type", errors.UnsupportedMediaTypeError.detail),
    429: ("too_many_requests", "Too many requests; try again later."),
    500: ("internal_error", "Something went wrong on our side."),
    503: ("unavailable", errors.UnavailableError.detail),
}
_SERVER_ERROR: Final = 500
_UNPROCESSABLE: Final = 422
_DISCONNECTED: Final = "client disconnected prematurely"

_log = get_logger(__name__)

AnyRequest = Request[Any, Any, Any]
Handler = Callable[[AnyRequest, Exception], Response[bytes]]


def problem_handlers(statuses: Mapping[type[Exception], int]) -> dict[int | type[Exception], Handler]:
    """Return Litestar exception handlers: a service's own errors by status, and everything else.

    Subclasses follow their base unless they are named themselves.
    """
    handlers: dict[int | type[Exception], Handler] = {
        Exception: _answer_unexpected,
        HTTPException: _answer_http,
        ValidationException: _answer_invalid_parameters,
        InvalidFieldError: _answer_invalid_field,
    }
    for kind, status in {**COMMON_STATUSES, **statuses}.items():
        handlers[kind] = _handler_with(status)
    return handlers


def _handler_with(status: int) -> Handler:
    def answer(request: AnyRequest, error: Exception) -> Response[bytes]:
        code = getattr(error, "code", None)
        if not isinstance(code, str):
            return _answer_unexpected(request, error)
        if status >= _SERVER_ERROR:
            _log.warning("http.dependency_failed", code=code, detail=str(error))
        return _problem(request, code, status, str(error), context=getattr(error, "context", None))

    return answer


def _answer_unexpected(request: AnyRequest, error: Exception) -> Response[bytes]:
    _log.error("http.unhandled_error", error=type(error).__name__, exc_info=error)
    code, detail = _HTTP_CODES[_SERVER_ERROR]
    return _problem(request, code, _SERVER_ERROR, detail)


def _answer_http(request: AnyRequest, error: Exception) -> Response[bytes]:
    assert isinstance(error, HTTPException)
    if isinstance(error, InternalServerException) and error.detail == _DISCONNECTED:
        # Nobody is there to read it; what matters is that it does not count as our failure.
        return _problem(request, "client_disconnected", 400, "The client went away.")
    if error.status_code == _SERVER_ERROR:
        return _answer_unexpected(request, error)
    fallback = ("bad_request" if error.status_code < _SERVER_ERROR else "internal_error", error.detail)
    code, detail = _HTTP_CODES.get(error.status_code, fallback)
    return _problem(request, code, error.status_code, detail, headers=error.headers)


def _answer_invalid_parameters(request: AnyRequest, error: Exception) -> Response[bytes]:
    """Answer for query, header and path parameters, which Litestar validates itself."""
    assert isinstance(error, ValidationException)
    found = list(_parameter_errors(error.extra)) or [{"field": WHOLE_BODY, "message": "is invalid"}]
    return _invalid(request, found)


def _parameter_errors(extra: object) -> Iterator[dict[str, str]]:
    for entry in extra if isinstance(extra, list) else []:
        message = str(entry.get("message", "is invalid"))
        if entry.get("key") == "data":
            yield {"field": WHOLE_BODY, "message": "a body is required"}
        else:
            yield {"field": str(entry.get("key", WHOLE_BODY)), "message": AT_PATH.sub("", message)}


def _answer_invalid_field(request: AnyRequest, error: Exception) -> Response[bytes]:
    assert isinstance(error, InvalidFieldError)
    return _invalid(request, [{"field": error.field, "message": error.message}])


def _invalid(request: AnyRequest, found: list[dict[str, str]]) -> Response[bytes]:
    named = ", ".join(entry["field"] for entry in found)
    return _problem(request, "validation_failed", _UNPROCESSABLE, f"Not acceptable: {named}.", faults=found)


def _problem(
    request: AnyRequest,
    code: str,
    status: int,
    detail: str,
    *,
    faults: list[dict[str, str]] | None = None,
    context: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response[bytes]:
    body = problem_body(
        code=code,
        status=status,
        detail=detail,
        instance=request.scope["path"],
        correlation_id=request.scope.get(REQUEST_ID_KEY),  # type: ignore[arg-type]  # a key of our own
        errors=faults or (),
        context=context,
    )
    return Response(
        body,
        status_code=status,
        media_type=MEDIA_TYPE,
        headers={**problem_headers(code, status), **(headers or {})},
    )
