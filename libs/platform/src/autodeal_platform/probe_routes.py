"""The routes for machines: /healthz, /readyz and /metrics."""

from __future__ import annotations

from typing import Final

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from autodeal_platform.health import Health
from autodeal_platform.json_codec import encode_json

PROBE_PATHS: Final = frozenset({"/healthz", "/readyz", "/metrics"})


def probe_routes(health: Health) -> list[HTTPRouteHandler]:
    """Return the three routes, bound to one process's health."""

    @get("/healthz", include_in_schema=False)
    async def show_liveness() -> Response[bytes]:
        """Answer 200 for as long as the event loop turns."""
        return Response(b'{"status":"alive"}', media_type="application/json")

    @get("/readyz", include_in_schema=False)
    async def show_readiness() -> Response[bytes]:
        """Answer 200 when work may be sent here, 503 while draining or while a check fails."""
        found = await health.readiness()
        return Response(
            encode_json({"status": found.status, "checks": found.checks}),
            status_code=200 if found.is_ready else 503,
            media_type="application/json",
        )

    @get("/metrics", include_in_schema=False)
    async def show_metrics() -> Response[bytes]:
        """Write the process's metrics in Prometheus's text format."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return [show_liveness, show_readiness, show_metrics]
