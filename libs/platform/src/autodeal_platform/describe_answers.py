"""What a service's API document says about answers: the good ones, and the refusals by their codes."""

from __future__ import annotations

from typing import Any, Final

from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Components, SecurityScheme

from autodeal_platform.json_codec import ResponseBody

BEARER: Final[list[dict[str, list[str]]]] = [{"bearer": []}]
"""The security requirement of a route that wants a token."""
SECURITY: Final = Components(
    security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")}
)


class FieldFault(ResponseBody, frozen=True, kw_only=True):
    """One field that was refused."""

    field: str
    message: str


class Problem(ResponseBody, frozen=True, kw_only=True):
    """Why a request was refused (RFC 9457); further members tell which things it was about."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    """Stable: what a client decides by."""
    instance: str
    correlation_id: str | None = None
    errors: list[FieldFault] | None = None


def succeeds(status: int, shape: type[Any], description: str) -> dict[int, ResponseSpec]:
    """Describe a good answer."""
    return {status: ResponseSpec(shape, description=description, generate_examples=False)}


def refuses(**codes: int) -> dict[int, ResponseSpec]:
    """Describe refusals, given as `code=status`; codes of one status share an entry."""
    by_status: dict[int, list[str]] = {}
    for code, status in codes.items():
        by_status.setdefault(status, []).append(f"`{code}`")
    return {
        status: ResponseSpec(
            Problem,
            description=", ".join(names),
            media_type="application/problem+json",
            generate_examples=False,
        )
        for status, names in sorted(by_status.items())
    }


UNAVAILABLE: Final = {"unavailable": 503}
NEEDS_TOKEN: Final = {"unauthenticated": 401, "token_expired": 401}
NEEDS_GROUP: Final = {**NEEDS_TOKEN, "forbidden": 403}
TAKES_KEY: Final = {
    "idempotency_key_invalid": 400,
    "idempotency_key_reused": 422,
    "idempotency_in_progress": 409,
}
TAKES_BODY: Final = {"malformed_json": 400, "validation_failed": 422, "body_too_large": 413}
IS_LIST: Final = {"cursor_invalid": 400, "validation_failed": 422}
