"""An order's timeline, live, as server-sent events.

Source: HTML Living Standard, "Server-sent events": 204 tells a client not to connect again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream

from autodeal_platform import describe_answers as doc
from autodeal_platform.authentication import CurrentPrincipal, require_any
from autodeal_platform.http_app import PathId
from autodeal_platform.json_codec import encode_json
from autodeal_vehicle.app.views import TimelineEntryView
from autodeal_vehicle.entrypoints.http.answers import viewer_of
from autodeal_vehicle.entrypoints.http.bodies import LastEventId
from autodeal_vehicle.entrypoints.http.use_cases import UseCases

HEARTBEAT = b": still here\n\n"
HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}
"""No cache and no buffer on the way may hold an event back."""


def order_event_routes(use_cases: UseCases) -> list[HTTPRouteHandler]:
    """Return the route of the live timeline, bound to the use cases."""

    @get(
        "/orders/{order_id:int}/events",
        guards=[require_any],
        security=doc.BEARER,
        tags=["Orders"],
        operation_id="followOrder",
        summary="Follow an order live",
        media_type="text/event-stream",
        responses={
            **doc.succeeds(200, str, "Server-sent events; `id` is the entry's sequence."),
            **doc.refuses(order_not_found=404, validation_failed=422, **doc.NEEDS_TOKEN, **doc.UNAVAILABLE),
        },
    )
    async def follow_order(
        order_id: PathId, principal: CurrentPrincipal, last_event_id: LastEventId = None
    ) -> Response[Any]:
        """Stream the timeline from its beginning, or after `Last-Event-ID`, until the order is final.

        204 when the order is final and everything was seen.
        """
        entries = await use_cases.follow_order.open(order_id, viewer_of(principal), last_event_id or 0)
        if entries is None:
            return Response(None, status_code=204)
        return Stream(write_frames(entries), media_type="text/event-stream", headers=HEADERS)

    return [follow_order]


async def write_frames(entries: AsyncIterator[TimelineEntryView | None]) -> AsyncIterator[bytes]:
    """Write timeline entries as server-sent events; None becomes a comment that keeps the line open."""
    async for entry in entries:
        if entry is None:
            yield HEARTBEAT
        else:
            head = f"id: {entry.sequence}\nevent: {entry.event}\ndata: ".encode()
            yield head + encode_json(entry) + b"\n\n"
