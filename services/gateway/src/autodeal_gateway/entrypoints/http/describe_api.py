"""The gateway's own part of the platform's API document; made without a server or any connection."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from litestar import Litestar
from litestar.openapi import OpenAPIConfig

from autodeal_gateway.app.accept_notification import NotificationLog
from autodeal_gateway.app.delete_person import OrderBook
from autodeal_gateway.entrypoints.http.people_routes import People, people_routes
from autodeal_gateway.entrypoints.http.webhook_route import WebhookLimits, webhook_route
from autodeal_platform.authentication import principal_dependencies
from autodeal_platform.describe_answers import SECURITY


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document of the routes that the gateway answers itself."""
    nobody = cast(People, None)
    routes = [
        *people_routes(nobody, cast(OrderBook, None), lambda: datetime.now(UTC)),
        webhook_route(cast(NotificationLog, None), WebhookLimits(tuple, 0), lambda: datetime.now(UTC)),
    ]
    config = OpenAPIConfig(
        title="AutoDeal gateway", version="1", use_handler_docstrings=True, components=SECURITY
    )
    app = Litestar(routes, openapi_config=config, dependencies=principal_dependencies())
    return app.openapi_schema.to_schema()
