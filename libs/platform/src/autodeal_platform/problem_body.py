"""One RFC 9457 problem as bytes; needs no framework, so that every layer can answer with one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from autodeal_platform.json_codec import encode_json

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:autodeal:problem:"

CHALLENGES: Final[Mapping[str, str]] = {
    "unauthenticated": "Bearer",
    "token_expired": 'Bearer error="invalid_token", error_description="The access token expired"',
    "forbidden": 'Bearer error="insufficient_scope"',
}
RETRY_AFTER_SECONDS: Final = "1"


def problem_body(
    *,
    code: str,
    status: int,
    detail: str,
    instance: str,
    correlation_id: str | None,
    errors: Sequence[Mapping[str, str]] = (),
    context: Mapping[str, Any] | None = None,
) -> bytes:
    """Encode a problem. `errors` names the faulty fields; `context` adds members of its own."""
    members: dict[str, Any] = dict(context or {})
    members |= {
        "type": TYPE_PREFIX + code,
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
        "instance": instance,
    }
    if correlation_id is not None:
        members["correlation_id"] = correlation_id
    if errors:
        members["errors"] = list(errors)
    return encode_json(members)


def problem_headers(code: str, status: int) -> dict[str, str]:
    """Return the headers that a problem of this kind brings along."""
    if code in CHALLENGES:
        return {"www-authenticate": CHALLENGES[code]}
    if status in {429, 503}:  # The statuses that ask to come back.
        return {"retry-after": RETRY_AFTER_SECONDS}
    return {}
