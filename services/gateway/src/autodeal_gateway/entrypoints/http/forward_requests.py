"""Forward a request to its service and stream the answer back.

This is the hot path of the platform, so it is a bare ASGI handler: no request object, no copy of a
body, no client a request. What it refuses, it refuses by raising; problems are made elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from litestar import asgi
from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.exceptions import MethodNotAllowedException
from litestar.handlers import ASGIRouteHandler
from litestar.types import HTTPScope, Receive, Scope, Send
from prometheus_client import Counter

from autodeal_gateway.app.errors import (
    GatewayError,
    RequestTimedOutError,
    UpstreamFailedError,
    UpstreamTimedOutError,
    UpstreamUnavailableError,
)
from autodeal_gateway.app.forward_request import UpstreamReply, UpstreamRequest, Upstreams
from autodeal_gateway.domain.route_table import Access, ForwardedRoute, Pace, RouteTable
from autodeal_gateway.entrypoints.http.keep_deadline import Deadline, Reason
from autodeal_gateway.entrypoints.http.open_streams import OpenStreams
from autodeal_gateway.entrypoints.http.read_request import RequestContent, read_head
from autodeal_platform.authentication import authenticate
from autodeal_platform.errors import BodyTooLargeError, ForbiddenError, NotFoundError
from autodeal_platform.logs import get_logger
from autodeal_platform.observe_requests import UNMATCHED

UPSTREAM_FAILURES = Counter(
    "gateway_upstream_failures_total",
    "Forwarded requests that a service did not answer.",
    ("upstream", "code"),
)

_log = get_logger(__name__)


@dataclass(frozen=True)
class ForwardLimits:
    """How much and how long."""

    body_limit_bytes: int
    timeout_seconds: Mapping[Pace, float]
    """How long the whole exchange may take; for streams, until the answer begins."""
    stream_idle_seconds: float
    """How long a stream may be silent."""


class Forwarder:
    """Forwards what the route table names, and nothing else."""

    def __init__(self, upstreams: Upstreams, streams: OpenStreams, limits: ForwardLimits) -> None:
        self._upstreams = upstreams
        self._streams = streams
        self._limits = limits
        self._table = RouteTable()

    def route(self) -> ASGIRouteHandler:
        """Return the handler of every path that no other route takes.

        It is mounted at the root because Litestar knows no ASGI handlers with path parameters. The
        scope is ours to change, and copying it for each request costs more than it saves.
        """
        return asgi("/", is_mount=True, copy_scope=False)(self._handle)

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            raise NotFoundError
        # Mounting took the first slash away and added one at the end.
        path = scope["path"] = "/" + scope["path"].strip("/")
        methods = self._table.find(path)
        if methods is None:
            scope["path_template"] = UNMATCHED
            raise NotFoundError
        route = methods.get(scope["method"])
        if route is None:
            scope["path_template"] = next(iter(methods.values())).template
            raise MethodNotAllowedException(headers={"allow": ", ".join(methods)})
        scope["path_template"] = route.template
        await _let_in(route.access, scope)
        try:
            await self._forward(route, scope, receive, send)
        except GatewayError as error:
            UPSTREAM_FAILURES.labels(route.upstream.value, error.code).inc()
            raise

    async def _forward(self, route: ForwardedRoute, scope: HTTPScope, receive: Receive, send: Send) -> None:
        deadline = Deadline(self._limits.timeout_seconds[route.pace])
        if route.pace is not Pace.STREAM:
            await self._exchange(route, scope, receive, send, deadline)
            return
        with self._streams.counted(deadline):
            await self._exchange(route, scope, receive, send, deadline)

    async def _exchange(
        self, route: ForwardedRoute, scope: HTTPScope, receive: Receive, send: Send, deadline: Deadline
    ) -> None:
        head = read_head(scope)
        content = RequestContent(head, receive, limit_bytes=self._limits.body_limit_bytes)
        reply: UpstreamReply | None = None
        started = False
        try:
            async with deadline:
                body = await content.open()
                if content.client_gone:
                    return
                if content.complete:
                    deadline.watch_client(receive)
                elif head.content_length is not None:
                    head.headers.append(("content-length", head.content_length))
                query = scope["query_string"]
                reply = await self._upstreams.send(
                    UpstreamRequest(
                        upstream=route.upstream,
                        method=route.method,
                        target=scope["path"] + (f"?{query.decode('latin-1')}" if query else ""),
                        headers=head.headers,
                        body=body,
                        repeatable=content.complete and (head.has_idempotency_key or route.method == "GET"),
                    )
                )
                await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
                started = True
                idle_seconds = self._limits.stream_idle_seconds if route.pace is Pace.STREAM else None
                await _pass_body(reply, send, deadline, idle_seconds)
        except TimeoutError:
            await _answer_for(deadline.reason, content, send, started=started)
        except (UpstreamFailedError, UpstreamUnavailableError):
            if content.client_gone:
                return
            if content.too_large and not started:
                raise BodyTooLargeError from None
            if not started:
                raise
            # Too late for a status: the server breaks the connection off, so that the client sees
            # that the answer is not whole.
            _log.warning("forward.broken_off", upstream=route.upstream.value)
        finally:
            if reply is not None:
                reply.close()


async def _let_in(access: Access, scope: HTTPScope) -> None:
    if access is Access.ANYONE:
        return
    principal = await authenticate(ASGIConnection(scope))
    if (access is Access.ADMIN and not principal.is_admin) or (
        access is Access.BUYER and not principal.is_buyer
    ):
        raise ForbiddenError


async def _pass_body(
    reply: UpstreamReply, send: Send, deadline: Deadline, idle_seconds: float | None
) -> None:
    """Send each piece on as it comes; with `idle_seconds` the deadline begins anew at each."""
    at_end = False
    while not at_end:
        if idle_seconds is not None:
            deadline.extend(idle_seconds)
        piece = await reply.read_chunk()
        at_end = reply.at_end()
        await send({"type": "http.response.body", "body": piece, "more_body": not at_end})


async def _answer_for(reason: Reason, content: RequestContent, send: Send, *, started: bool) -> None:
    """Answer an exchange whose deadline came."""
    if reason is Reason.CLIENT_GONE:
        return
    if started and reason is Reason.STOPPED:
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return
    if started:
        _log.warning("forward.timed_out_midway")
        return
    if reason is Reason.STOPPED:
        raise UpstreamUnavailableError("The gateway is being replaced; try again.")
    raise UpstreamTimedOutError if content.complete else RequestTimedOutError
