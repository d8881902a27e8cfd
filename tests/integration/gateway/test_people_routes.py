from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from tests.integration.gateway.conftest import (
    RunningGateway,
    SettingsMaker,
    TokenMint,
    Upstream,
    running_gateway,
)

if TYPE_CHECKING:
    from autodeal_devstack.stack.user_pool import UserPool

pytestmark = pytest.mark.integration
PASSWORD = "Str0ng-enough!"


@pytest.fixture(scope="session")
async def people_gateway(make_settings: SettingsMaker, cognito: UserPool) -> AsyncIterator[RunningGateway]:
    settings = make_settings(
        cognito_issuer=cognito.issuer,
        cognito_client_id=cognito.client_id,
        cognito_jwks_url=cognito.jwks_url,
        cognito_user_pool_id=cognito.pool_id,
        cognito_endpoint_url=cognito.endpoints.cognito_url or None,
        aws_region=cognito.endpoints.aws_region,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", cognito.endpoints.aws_access_key_id)
        patch.setenv("AWS_SECRET_ACCESS_KEY", cognito.endpoints.aws_secret_access_key)
        async with running_gateway(settings) as gateway:
            yield gateway


@pytest.fixture
def body() -> dict[str, Any]:
    return {
        "email": f"{uuid.uuid4().hex}@example.com",
        "password": PASSWORD,
        "first_name": "Ana",
        "last_name": "Souza",
        "cpf": "529.982.247-25",
        "address": {
            "street": "Avenida Paulista", "number": "1578", "neighborhood": "Bela Vista",
            "city": "São Paulo", "state": "SP", "zip_code": "01310-200",
        },
        "accepted_terms": True,
    }  # fmt: skip


async def log_in(gateway: RunningGateway, body: dict[str, Any]) -> dict[str, Any]:
    credentials = {"email": body["email"], "password": body["password"]}
    status, tokens, headers = await gateway.call("POST", "/login", json=credentials)
    assert status == 200, tokens
    assert headers["cache-control"] == "no-store"
    return dict(tokens)


async def test_person_lives_from_registration_to_deletion_when_all_goes_well(
    people_gateway: RunningGateway, vehicle: Upstream, body: dict[str, Any]
) -> None:
    asked = []

    async def no_orders(request: web.Request) -> web.StreamResponse:
        asked.append(dict(request.query))
        return web.json_response([])

    vehicle.handler = no_orders
    status, person, _ = await people_gateway.call("POST", "/user", json=body)
    assert status == 201, person
    assert person["cpf"] == "***.982.247-**"
    assert PASSWORD not in str(person)
    tokens = await log_in(people_gateway, body)
    assert set(tokens) == {"access_token", "id_token", "refresh_token", "token_type", "expires_in"}
    for token in (tokens["access_token"], tokens["id_token"]):
        status, profile, _ = await people_gateway.call("GET", "/user", token=token)
        assert (status, profile) == (200, person)
    # A token of group Buyer: it opens a buyer's route.
    status, *_ = await people_gateway.call("POST", "/vehicle/1/initialize-sale", token=tokens["access_token"])
    assert status == 200
    asked.clear()
    status, nothing, _ = await people_gateway.call("DELETE", "/user", token=tokens["access_token"])
    assert (status, nothing) == (204, b"")
    assert {question["status"] for question in asked} == {"draft", "refunding", "refund_failed"}
    assert {question["user_id"] for question in asked} == {person["id"]}
    assert (await people_gateway.call("GET", "/user", token=tokens["access_token"]))[0] == 404
    assert (await people_gateway.call("DELETE", "/user", token=tokens["access_token"]))[0] == 204
    status, problem, _ = await people_gateway.call(
        "POST", "/login", json={"email": body["email"], "password": PASSWORD}
    )
    assert (status, problem["code"]) == (401, "invalid_credentials")


async def test_email_is_taken_when_registered_again(
    people_gateway: RunningGateway, body: dict[str, Any]
) -> None:
    assert (await people_gateway.call("POST", "/user", json=body))[0] == 201
    status, problem, _ = await people_gateway.call(
        "POST", "/user", json=body | {"email": body["email"].upper(), "password": "An0ther-one!"}
    )
    assert (status, problem["code"]) == (409, "email_taken")
    await log_in(people_gateway, body)


async def test_login_is_refused_alike_when_the_address_or_the_password_is_wrong(
    people_gateway: RunningGateway, body: dict[str, Any]
) -> None:
    await people_gateway.call("POST", "/user", json=body)
    answers = []
    for email, password in ((body["email"], "Wr0ng-one!"), ("nobody@example.com", PASSWORD), ("x", "y")):
        status, problem, _ = await people_gateway.call(
            "POST", "/login", json={"email": email, "password": password}, headers={"x-request-id": "same"}
        )
        answers.append((status, problem))
    assert answers[0][0] == 401
    assert answers[0][1]["code"] == "invalid_credentials"
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "nope"}, "email"),
        ({"email": 5}, "email"),
        ({"cpf": "11111111111"}, "cpf"),
        ({"accepted_terms": False}, "accepted_terms"),
        ({"accepted_terms": "true"}, "accepted_terms"),
        ({"password": "weak"}, "password"),
        ({"groups": ["Admin"]}, "groups"),
        ({"address": {"street": "x"}}, "address"),
        ({"first_name": "A\u0000"}, "first_name"),
    ],
)
async def test_registration_names_the_field_when_one_is_wrong(
    people_gateway: RunningGateway, body: dict[str, Any], change: dict[str, Any], field: str
) -> None:
    status, problem, _ = await people_gateway.call("POST", "/user", json=body | change)
    assert (status, problem["code"]) == (422, "validation_failed")
    assert problem["errors"][0]["field"].startswith(field)


async def test_deletion_is_refused_when_a_sale_is_open(
    people_gateway: RunningGateway, vehicle: Upstream, body: dict[str, Any]
) -> None:
    async def one_refunding(request: web.Request) -> web.StreamResponse:
        return web.json_response([{"id": 1}] if request.query["status"] == "refunding" else [])

    await people_gateway.call("POST", "/user", json=body)
    token = (await log_in(people_gateway, body))["access_token"]
    vehicle.handler = one_refunding
    status, problem, _ = await people_gateway.call("DELETE", "/user", token=token)
    assert (status, problem["code"]) == (409, "sale_open")
    assert (await people_gateway.call("GET", "/user", token=token))[0] == 200


@pytest.mark.parametrize("answer", [web.HTTPInternalServerError, web.HTTPUnauthorized, None])
async def test_deletion_waits_when_orders_cannot_be_asked(
    people_gateway: RunningGateway,
    vehicle: Upstream,
    body: dict[str, Any],
    answer: type[web.HTTPError] | None,
) -> None:
    async def fail(_: web.Request) -> web.StreamResponse:
        if answer is not None:
            raise answer
        return web.Response(body=b"no JSON")

    await people_gateway.call("POST", "/user", json=body)
    token = (await log_in(people_gateway, body))["access_token"]
    vehicle.handler = fail
    status, problem, _ = await people_gateway.call("DELETE", "/user", token=token)
    assert (status, problem["code"]) == (503, "upstream_unavailable")
    assert (await people_gateway.call("GET", "/user", token=token))[0] == 200


async def test_profile_needs_a_token_when_asked(people_gateway: RunningGateway) -> None:
    for method in ("GET", "DELETE"):
        status, problem, _ = await people_gateway.call(method, "/user")
        assert (status, problem["code"]) == (401, "unauthenticated")


async def test_answer_is_503_when_cognito_is_away(
    gateway: RunningGateway, mint: TokenMint, body: dict[str, Any]
) -> None:
    for method, path, options in (
        ("POST", "/user", {"json": body}),
        ("POST", "/login", {"json": {"email": body["email"], "password": PASSWORD}}),
        ("GET", "/user", {"token": mint.token("Buyer")}),
    ):
        status, problem, _ = await gateway.call(method, path, **options)
        assert (status, problem["code"]) == (503, "identity_unavailable"), path


async def test_logs_hold_nothing_personal_when_people_come_and_go(
    people_gateway: RunningGateway, body: dict[str, Any], capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level("DEBUG")
    await people_gateway.call("POST", "/user", json=body)
    await people_gateway.call("POST", "/user", json=body)
    await people_gateway.call("POST", "/user", json=body | {"cpf": "12345678901"})
    token = (await log_in(people_gateway, body))["access_token"]
    await people_gateway.call("POST", "/login", json={"email": body["email"], "password": "Wr0ng-one!"})
    written = "".join(capfd.readouterr()) + "".join(
        record.getMessage()
        for record in caplog.records
        if not record.name.startswith(("botocore", "aiobotocore"))
    )
    personal = (body["email"], PASSWORD, "Wr0ng", "52998224725", "529.982", "12345678901", "Paulista", token)
    assert "/user" in written
    assert [secret for secret in personal if secret in written] == []
