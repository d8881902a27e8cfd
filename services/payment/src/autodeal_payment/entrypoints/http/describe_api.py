"""This service's part of the platform's API document; made without a server or a database."""

from __future__ import annotations

from typing import Any, cast

from litestar import Litestar
from litestar.openapi import OpenAPIConfig

from autodeal_payment.entrypoints.http.payment_routes import payment_routes
from autodeal_payment.entrypoints.http.use_cases import UseCases
from autodeal_platform.authentication import principal_dependencies
from autodeal_platform.describe_answers import SECURITY
from autodeal_platform.describe_money import DescribeMoney


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document of this service's routes."""
    config = OpenAPIConfig(
        title="AutoDeal payments", version="1", use_handler_docstrings=True, components=SECURITY
    )
    app = Litestar(
        payment_routes(cast(UseCases, None)),
        openapi_config=config,
        dependencies=principal_dependencies(),
        plugins=[DescribeMoney()],
    )
    return app.openapi_schema.to_schema()
