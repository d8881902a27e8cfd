from __future__ import annotations

import re
from typing import Any

import pytest
from litestar import Litestar, get
from litestar.testing import AsyncTestClient
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from autodeal_platform.health import Health
from autodeal_platform.http_app import create_app
from autodeal_platform.settings import HttpSettings
from autodeal_platform.telemetry import current_request_id, current_traceparent

Client = AsyncTestClient[Litestar]


@get("/bound")
async def show_bound() -> dict[str, Any]:
    return {"request_id": current_request_id(), "traceparent": current_traceparent()}


@pytest.fixture
def app(health: Health) -> Litestar:
    return create_app(service="e", routes=[show_bound], settings=HttpSettings(http_port=0), health=health)


async def test_request_id_is_kept_when_the_caller_sends_one(client: Client) -> None:
    response = await client.get("/bound", headers={"x-request-id": "caller-1"})
    assert response.headers["x-request-id"] == "caller-1"
    assert response.json()["request_id"] == "caller-1"


@pytest.mark.parametrize("sent", [None, "", "x" * 129, "a b", "a\tb", "<script>"])
async def test_request_id_is_made_when_the_caller_sends_no_usable_one(
    client: Client, sent: str | None
) -> None:
    response = await client.get("/bound", headers={} if sent is None else {"x-request-id": sent})
    assert re.fullmatch("[0-9a-f]{32}", response.headers["x-request-id"])
    assert response.json()["request_id"] == response.headers["x-request-id"]


async def test_trace_goes_on_when_the_caller_began_one(client: Client) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    bound = (await client.get("/bound", headers={"traceparent": parent})).json()["traceparent"]
    assert bound[:36] == parent[:36]
    assert bound != parent


async def test_line_tells_the_route_but_no_query_when_a_request_ends(client: Client) -> None:
    with capture_logs() as lines:
        await client.get("/bound?cpf=12345678901")
        await client.get("/user/12345678901")
        await client.get("/readyz")
    requests = [line for line in lines if line["event"] == "http.request"]
    assert [(line["route"], line["status"], line["path"]) for line in requests] == [
        ("/bound", 200, "/bound"),
        ("unmatched", 404, None),
    ]
    assert "12345678901" not in str(requests)


def counted(**labels: str) -> float:
    return REGISTRY.get_sample_value("http_request_duration_seconds_count", labels) or 0.0


async def test_requests_are_counted_by_route_when_answered(client: Client) -> None:
    known = {"method": "GET", "route": "/bound", "status": "200"}
    strange = {"method": "OTHER", "route": "unmatched", "status": "405"}
    before = counted(**known), counted(**strange)
    await client.get("/bound?x=1")
    await client.get("/bound?x=2")
    await client.request("BREW", "/bound")
    assert (counted(**known), counted(**strange)) == (before[0] + 2, before[1] + 1)
    exposed = (await client.get("/metrics")).text
    assert 'http_request_duration_seconds_count{method="GET",route="/bound",status="200"}' in exposed
