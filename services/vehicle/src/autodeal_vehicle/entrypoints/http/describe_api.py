"""This service's part of the platform's API document; made without a server or a database."""

from __future__ import annotations

from typing import Any, cast

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig

from autodeal_platform.authentication import principal_dependencies
from autodeal_platform.describe_answers import SECURITY
from autodeal_platform.describe_money import DescribeMoney
from autodeal_vehicle.entrypoints.http.order_event_routes import order_event_routes
from autodeal_vehicle.entrypoints.http.order_routes import order_routes
from autodeal_vehicle.entrypoints.http.sale_routes import sale_routes
from autodeal_vehicle.entrypoints.http.use_cases import UseCases
from autodeal_vehicle.entrypoints.http.vehicle_routes import vehicle_routes

FIRST_REFUSAL = 400


def all_routes(use_cases: UseCases) -> list[HTTPRouteHandler]:
    """Return every route of this service."""
    return [
        *vehicle_routes(use_cases),
        *sale_routes(use_cases),
        *order_routes(use_cases),
        *order_event_routes(use_cases),
    ]


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document of this service's routes."""
    config = OpenAPIConfig(
        title="AutoDeal vehicles and orders", version="1", use_handler_docstrings=True, components=SECURITY
    )
    app = Litestar(
        all_routes(cast(UseCases, None)),
        openapi_config=config,
        dependencies=principal_dependencies(),
        plugins=[DescribeMoney()],
    )
    document = app.openapi_schema.to_schema()
    _drop_foreign_refusals(document)
    # Litestar calls every declared body required; this one may be left out.
    document["paths"]["/vehicle/{vehicle_id}/initialize-sale"]["post"]["requestBody"]["required"] = False
    return document


def _drop_foreign_refusals(document: dict[str, Any]) -> None:
    """Remove the refusals that Litestar adds by itself: ours are problems and are all declared."""
    for methods in document["paths"].values():
        for operation in methods.values():
            responses = operation["responses"]
            for status in [status for status in responses if int(status) >= FIRST_REFUSAL]:
                if "application/problem+json" not in responses[status].get("content", {}):
                    del responses[status]
