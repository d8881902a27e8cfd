"""The platform's API document tells exactly what is reachable."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

import pytest

from autodeal_gateway.domain.route_table import FORWARDED_ROUTES, Access, ForwardedRoute

OWN = {
    ("post", "/user"), ("get", "/user"), ("delete", "/user"), ("post", "/login"), ("post", "/webhook"),
}  # fmt: skip


def shape(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files("autodeal_gateway").joinpath("openapi.json").read_bytes())
    return found


def test_document_tells_every_route_and_no_other_when_compared(document: dict[str, Any]) -> None:
    told = {(method, shape(path)) for path, methods in document["paths"].items() for method in methods}
    forwarded = {(route.method.lower(), shape(route.template)) for route in FORWARDED_ROUTES}
    assert told == forwarded | OWN


@pytest.mark.parametrize("route", FORWARDED_ROUTES, ids=lambda route: f"{route.method} {route.template}")
def test_operation_asks_for_a_token_when_the_edge_does(
    document: dict[str, Any], route: ForwardedRoute
) -> None:
    (operation,) = (
        methods[route.method.lower()]
        for path, methods in document["paths"].items()
        if shape(path) == shape(route.template)
    )
    assert bool(operation.get("security")) == (route.access is not Access.ANYONE)
    assert {"502", "503", "504"} <= set(operation["responses"])


def test_references_lead_somewhere_when_followed(document: dict[str, Any]) -> None:
    referred = set(re.findall(r"#/components/schemas/([A-Za-z0-9_.]+)", json.dumps(document)))
    assert referred <= set(document["components"]["schemas"])


def test_operations_have_names_of_their_own_when_listed(document: dict[str, Any]) -> None:
    names = [op["operationId"] for methods in document["paths"].values() for op in methods.values()]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z][A-Za-z]+", name) for name in names)
