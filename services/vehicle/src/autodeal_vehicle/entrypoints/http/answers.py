"""From use cases to HTTP answers, and from requests to what idempotency needs of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

from litestar import Request

from autodeal_platform.http_app import JsonResponse
from autodeal_platform.idempotency import StoredAnswer, fingerprint, validate_key
from autodeal_platform.tokens import Principal
from autodeal_vehicle.app.find_orders import Viewer
from autodeal_vehicle.app.page import Page
from autodeal_vehicle.app.surroundings import new_id
from autodeal_vehicle.app.unit_of_work import UnsafeRequest

AnyRequest = Request[Any, Any, Any]
View = TypeVar("View")


async def unsafe_request(
    request: AnyRequest, principal: Principal, idempotency_key: str | None, success_status: int
) -> UnsafeRequest:
    """Return the request as idempotency sees it; raises InvalidIdempotencyKeyError.

    A client that sends no key gets a fresh one: its repeats are requests of their own.
    """
    return UnsafeRequest(
        caller=principal.subject,
        key=new_id() if idempotency_key is None else validate_key(idempotency_key),
        fingerprint=fingerprint(request.method, request.scope["path"], await request.body()),
        success_status=success_status,
    )


def viewer_of(principal: Principal) -> Viewer:
    """Return who is asking, as the use cases know them."""
    return Viewer(subject=principal.subject, is_admin=principal.is_admin)


def answered(answer: StoredAnswer) -> JsonResponse[bytes]:
    """Return a stored answer, new or repeated, byte for byte."""
    return JsonResponse(answer.body, status_code=answer.status, media_type="application/json")


def paged(request: AnyRequest, page: Page[View]) -> JsonResponse[Sequence[View]]:
    """Return a page of a list, with a link to the next one if there is one."""
    headers = {}
    if page.next_cursor is not None:
        asked = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        query = [(name, value) for name, value in asked if name != "cursor"]
        target = f"{request.scope['path']}?{urlencode([*query, ('cursor', page.next_cursor)])}"
        headers["link"] = f'<{target}>; rel="next"'
    return JsonResponse(page.rows, headers=headers)
