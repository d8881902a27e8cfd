from __future__ import annotations

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from autodeal_platform.errors import PlatformError
from autodeal_platform.problems import COMMON_STATUSES

Client = AsyncTestClient[Litestar]


async def test_domain_error_becomes_a_problem_when_its_status_is_known(client: Client) -> None:
    response = await client.get("/reserved", headers={"x-request-id": "abc-1"})
    assert response.status_code == 409
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {
        "type": "urn:autodeal:problem:vehicle_reserved",
        "title": "Vehicle reserved",
        "status": 409,
        "detail": "The vehicle is reserved.",
        "code": "vehicle_reserved",
        "instance": "/reserved",
        "correlation_id": "abc-1",
        "vehicle_id": 7,
    }


async def test_cause_stays_inside_when_an_error_is_unexpected(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    response = await client.get("/broken")
    assert response.status_code == 500
    assert response.json()["code"] == "internal_error"
    assert response.json()["correlation_id"] == response.headers["x-request-id"]
    assert "hunter2" not in response.text
    assert "RuntimeError" not in response.text
    assert "http.unhandled_error" in capsys.readouterr().out


async def test_caller_is_not_blamed_when_our_own_data_is_invalid(client: Client) -> None:
    response = await client.get("/corrupt")
    assert (response.status_code, response.json()["code"]) == (500, "internal_error")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/vehicle/abc", 404, "not_found"),
        ("GET", "/vehicle/" + "9" * 5000, 404, "not_found"),
        ("DELETE", "/vehicles", 405, "method_not_allowed"),
        ("BREW", "/vehicles", 405, "method_not_allowed"),
    ],
)
async def test_router_refuses_with_a_problem_when_no_route_fits(
    client: Client, method: str, path: str, status: int, code: str
) -> None:
    response = await client.request(method, path)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"
    assert status != 405 or "GET" in response.headers["allow"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=many", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("price_min=-1", "price_min"),
        ("price_min=NaN", "price_min"),
        ("price_min=1e400", "price_min"),
        ("price_min=cheap", "price_min"),
    ],
)
async def test_parameter_is_named_when_it_does_not_fit(client: Client, query: str, field: str) -> None:
    response = await client.get(f"/vehicles?{query}")
    assert (response.status_code, response.json()["code"]) == (422, "validation_failed")
    assert [error["field"] for error in response.json()["errors"]] == [field]


@pytest.mark.parametrize("vehicle_id", ["0", "-5", "9223372036854775808"])
async def test_id_is_refused_when_no_column_could_hold_it(client: Client, vehicle_id: str) -> None:
    response = await client.get(f"/vehicle/{vehicle_id}")
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "vehicle_id"


@pytest.mark.parametrize(
    "query", ["brand=%00", "brand=a%00b", "brand=%ff", "brand=%", "=&=&&", "limit", "brand=%ed%a0%bd"]
)
async def test_query_never_breaks_the_service_when_it_is_odd(client: Client, query: str) -> None:
    response = await client.get(f"/vehicles?{query}")
    assert response.status_code < 500


async def test_exact_money_is_read_when_it_stands_in_a_query(client: Client) -> None:
    response = await client.get("/vehicles?price_min=89990.10")
    assert '"price_min":89990.10' in response.text


async def test_headers_and_exact_money_are_kept_when_a_response_is_returned(client: Client) -> None:
    response = await client.get("/vehicle/5")
    assert response.text == '{"price":89990.00,"year":5}'
    assert response.headers["x-extra"] == "kept"


def test_every_platform_error_has_a_status_when_raised() -> None:
    def leaves(kind: type[PlatformError]) -> set[type[PlatformError]]:
        return {kind} | {leaf for child in kind.__subclasses__() for leaf in leaves(child)}

    for kind in leaves(PlatformError) - {PlatformError}:
        assert any(base in COMMON_STATUSES for base in kind.__mro__), kind
        assert kind.detail.endswith(".")
