"""What every request gets besides its answer: an id, a trace, a log line, a measurement.

One plain ASGI layer outside of all others, so that refusals of the router and failures are seen
too. It also refuses, before anything is read, what no handler should meet.
"""

from __future__ import annotations

import asyncio
import os
import re
from time import perf_counter
from typing import Any, Final

from litestar.types import ASGIApp, HTTPScope, Message, Receive, Send
from prometheus_client import Histogram

from autodeal_platform.errors import BodyTooLargeError, UnavailableError
from autodeal_platform.logs import get_logger
from autodeal_platform.probe_routes import PROBE_PATHS
from autodeal_platform.problem_body import MEDIA_TYPE, problem_body
from autodeal_platform.problems import REQUEST_ID_KEY
from autodeal_platform.telemetry import bind_request, child_traceparent

REQUEST_DURATION: Final = Histogram(
    "http_request_duration_seconds",
    "Time from a request's arrival to the start of its answer.",
    ("method", "route", "status"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
UNMATCHED: Final = "unmatched"
NO_ANSWER: Final = 499
"""Recorded when the client left before the answer began."""

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SERVER_ERROR: Final = 500
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_log = get_logger(__name__)


class ObserveRequests:
    """Wraps an application; `body_limit_bytes` is the largest announced body that is let in."""

    def __init__(self, app: ASGIApp, *, body_limit_bytes: int) -> None:
        self._app = app
        self._body_limit_bytes = body_limit_bytes
        self._children: dict[tuple[str, str, int], Any] = {}

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        started_at = perf_counter()
        request_id, traceparent, content_length = _read_headers(scope)
        scope[REQUEST_ID_KEY] = request_id  # type: ignore[typeddict-unknown-key]  # a key of our own
        id_header = (b"x-request-id", request_id.encode())
        status = NO_ANSWER
        answered_at = 0.0

        async def send_observed(message: Message) -> None:
            nonlocal status, answered_at
            if message["type"] == "http.response.start":
                status = message["status"]
                answered_at = perf_counter()
                message["headers"] = [*message["headers"], id_header]
            await send(message)

        with bind_request(request_id, traceparent):
            try:
                if content_length > self._body_limit_bytes:
                    await _refuse(scope, send_observed, 413, "body_too_large", BodyTooLargeError.detail)
                elif b"%00" in scope["query_string"]:
                    await _refuse(scope, send_observed, 400, "bad_request", "A query cannot hold U+0000.")
                else:
                    await self._app(scope, receive, send_observed)
            except asyncio.CancelledError:
                if not answered_at:  # the drain's time is over; whether the work took effect is unknown
                    await _refuse(scope, send_observed, 503, "unavailable", UnavailableError.detail)
                raise
            except Exception:
                status = _SERVER_ERROR
                raise
            finally:
                self._record(scope, status, started_at, answered_at or perf_counter())

    def _record(self, scope: HTTPScope, status: int, started_at: float, answered_at: float) -> None:
        route = scope.get("path_template") or UNMATCHED
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        key = (method, route, status)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = REQUEST_DURATION.labels(method, route, str(status))
        child.observe(answered_at - started_at)
        if route in PROBE_PATHS:
            return
        write = _log.error if status >= _SERVER_ERROR else _log.info
        write(
            "http.request",
            method=method,
            route=route,
            # An unknown path may hold anything, even what somebody meant to keep to himself.
            path=scope["path"] if route is not UNMATCHED else None,
            status=status,
            duration_ms=round((perf_counter() - started_at) * 1000, 2),
        )


def _read_headers(scope: HTTPScope) -> tuple[str, str, int]:
    """Return the request's id, the traceparent of our own span, and the announced length of the body."""
    request_id = b""
    parent = b""
    content_length = 0
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            request_id = value
        elif name == b"traceparent":
            parent = value
        elif name == b"content-length" and value.isdigit():
            content_length = int(value[:18])
    known = request_id.decode() if _REQUEST_ID.fullmatch(request_id) else os.urandom(16).hex()
    return known, child_traceparent(parent.decode("latin-1")), content_length


async def _refuse(scope: HTTPScope, send: Send, status: int, code: str, detail: str) -> None:
    body = problem_body(
        code=code,
        status=status,
        detail=detail,
        instance=scope["path"],
        correlation_id=scope.get(REQUEST_ID_KEY),  # type: ignore[arg-type]  # a key of our own
    )
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
