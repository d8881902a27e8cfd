"""The API document: every route, its refusals, its types."""

from __future__ import annotations

from typing import Any

import pytest

from autodeal_vehicle.entrypoints.http import openapi_document

ROUTES = {
    ("post", "/vehicle"),
    ("put", "/vehicle/{vehicle_id}"),
    ("get", "/vehicle/{vehicle_id}"),
    ("get", "/vehicles"),
    ("get", "/vehicles/sold"),
    ("post", "/vehicle/{vehicle_id}/initialize-sale"),
    ("put", "/vehicle/{vehicle_id}/confirm-pickup"),
    ("get", "/orders"),
    ("get", "/orders/{order_id}"),
    ("get", "/orders/{order_id}/events"),
    ("post", "/orders/{order_id}/cancel"),
    ("post", "/orders/{order_id}/refund"),
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi_document()


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method, path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_every_route_is_described_when_the_document_is_made(document: dict[str, Any]) -> None:
    assert set(operations(document)) == ROUTES


def test_operation_ids_are_plain_and_unique_when_listed(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for operation in operations(document).values()]
    assert len(set(ids)) == len(ids)
    assert all(name.isalpha() for name in ids)


def test_unsafe_routes_take_a_key_when_described(document: dict[str, Any]) -> None:
    for (method, _), operation in operations(document).items():
        names = {parameter["name"] for parameter in operation.get("parameters", [])}
        assert ("Idempotency-Key" in names) == (method != "get")


def test_refusals_are_problems_when_described(document: dict[str, Any]) -> None:
    for operation in operations(document).values():
        assert operation["summary"]
        assert operation["tags"]
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"], operation["operationId"]


def test_money_is_a_number_when_described(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["VehicleView"]["properties"]["price"]["type"] == "number"
    assert schemas["VehicleBody"]["properties"]["price"]["minimum"] == 0.01


def test_body_may_be_left_out_when_a_sale_begins(document: dict[str, Any]) -> None:
    body = operations(document)["post", "/vehicle/{vehicle_id}/initialize-sale"]["requestBody"]
    assert body["required"] is False
