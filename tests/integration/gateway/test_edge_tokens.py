from __future__ import annotations

import base64
import json

import pytest
from tests.integration.gateway.conftest import CLIENT_ID, ISSUER, RunningGateway, TokenMint
from tests.integration.gateway.conftest import Upstream as ScriptedUpstream

from autodeal_gateway.domain.route_table import FORWARDED_ROUTES, Access, ForwardedRoute, Upstream

pytestmark = pytest.mark.integration

GUARDED = [route for route in FORWARDED_ROUTES if route.access is not Access.ANYONE]
FOR_ADMINS = [route for route in FORWARDED_ROUTES if route.access is Access.ADMIN]


def path_of(route: ForwardedRoute) -> str:
    return (
        route.template.replace("{vehicle_id}", "1").replace("{order_id}", "1").replace("{payment_id}", "1-1")
    )


def unsigned(algorithm: str) -> str:
    header = {"alg": algorithm, "typ": "JWT", "kid": "key-1"}
    claims = {"sub": "x", "iss": ISSUER, "client_id": CLIENT_ID, "token_use": "access", "exp": 2**33}
    parts = [header, {**claims, "cognito:groups": ["Admin", "Buyer"]}]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, ""])


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: f"{route.method} {route.template}")
async def test_request_stops_at_the_edge_when_it_carries_no_token(
    gateway: RunningGateway, vehicle: ScriptedUpstream, route: ForwardedRoute
) -> None:
    status, problem, headers = await gateway.call(route.method, path_of(route))
    assert (status, problem["code"]) == (401, "unauthenticated")
    assert headers["www-authenticate"] == "Bearer"
    assert not vehicle.seen


async def test_request_stops_at_the_edge_when_the_token_is_not_good(
    gateway: RunningGateway, vehicle: ScriptedUpstream, mint: TokenMint
) -> None:
    genuine = mint.token("Buyer")
    head, claims, signature = genuine.split(".")
    bad = {
        "expired": mint.token("Buyer", seconds=-60),
        "of another pool": mint.token("Buyer", iss="https://elsewhere"),
        "of another app": mint.token("Buyer", client_id="other"),
        "of another use": mint.token("Buyer", token_use="refresh"),
        "alg none": unsigned("none"),
        "alg HS256": unsigned("HS256") + signature,
        "of another key": TokenMint().token("Buyer"),
        "tampered": f"{head}.{claims[:-2]}AA.{signature}",
        "rubbish": "rubbish",
        "empty": "",
    }
    for name, token in bad.items():
        status, problem, _ = await gateway.call("GET", "/orders", token=token)
        wanted = "token_expired" if name == "expired" else "unauthenticated"
        assert (status, problem["code"]) == (401, wanted), name
    assert not vehicle.seen
    assert (await gateway.call("GET", "/orders", token=genuine))[0] == 200


@pytest.mark.parametrize("route", FOR_ADMINS, ids=lambda route: f"{route.method} {route.template}")
async def test_buyer_stops_at_the_edge_when_a_route_is_for_admins(
    gateway: RunningGateway, vehicle: ScriptedUpstream, mint: TokenMint, route: ForwardedRoute
) -> None:
    status, problem, _ = await gateway.call(route.method, path_of(route), token=mint.token("Buyer"))
    assert (status, problem["code"]) == (403, "forbidden")
    assert not vehicle.seen


async def test_admin_stops_at_the_edge_when_a_route_is_for_buyers(
    gateway: RunningGateway, mint: TokenMint
) -> None:
    status, *_ = await gateway.call("POST", "/vehicle/1/initialize-sale", token=mint.token("Admin"))
    assert status == 403


@pytest.mark.parametrize(
    "route",
    [route for route in FORWARDED_ROUTES if route.upstream is Upstream.VEHICLE],
    ids=lambda route: f"{route.method} {route.template}",
)
async def test_request_reaches_the_service_with_its_token_when_it_may(
    gateway: RunningGateway, vehicle: ScriptedUpstream, mint: TokenMint, route: ForwardedRoute
) -> None:
    token = mint.token("Admin", "Buyer")
    status, *_ = await gateway.call(route.method, path_of(route), token=token)
    assert status == 200
    assert (vehicle.seen[0].method, vehicle.seen[0].path) == (route.method, path_of(route))
    assert vehicle.seen[0].headers["authorization"] == f"Bearer {token}"


async def test_public_route_is_forwarded_when_the_token_is_the_services_to_judge(
    gateway: RunningGateway, vehicle: ScriptedUpstream
) -> None:
    status, *_ = await gateway.call("GET", "/vehicles/sold", token="whatever")
    assert status == 200
    assert vehicle.seen[0].headers["authorization"] == "Bearer whatever"
