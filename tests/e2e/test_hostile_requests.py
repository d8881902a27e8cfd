"""What people and machines send by mistake or on purpose: a clear 4xx problem, never a 5xx."""

from __future__ import annotations

import asyncio
import io
import uuid
from typing import Any

import aiohttp
import pytest

from autodeal_devstack.demo.stage import Purchase, Stage
from autodeal_devstack.stack import Stack

pytestmark = pytest.mark.e2e

CAR = {"brand_name": "Fiat", "model": "Argo", "year": 2024, "color": "prata", "price": 100.5}
ADMIN_POST = ("POST", "/vehicle")


def car_with(**changes: Any) -> dict[str, Any]:
    return {**CAR, **changes}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (car_with(price=-1), "price"),
        (car_with(price=0), "price"),
        (car_with(price=10**30), "price"),
        (car_with(price=1.001), "price"),
        (car_with(price="100"), "price"),
        (car_with(price=None), "price"),
        (car_with(price=True), "price"),
        (car_with(year=1885), "year"),
        (car_with(year="2024"), "year"),
        (car_with(year=2024.5), "year"),
        (car_with(year=10**12), "year"),
        (car_with(brand_name=""), "brand_name"),
        (car_with(brand_name="x" * 10_000), "brand_name"),
        (car_with(model=["Argo"]), "model"),
        (car_with(model="\u0000"), "model"),
        (car_with(wheels=4), "wheels"),
        ({name: value for name, value in CAR.items() if name != "color"}, "color"),
    ],
    ids=repr,
)
async def test_vehicle_is_refused_naming_the_field_when_one_is_wrong(
    stage: Stage, body: dict[str, Any], field: str
) -> None:
    answer = await stage.admin.call("POST", "/vehicle", body)
    assert (answer.status, answer.body["code"]) == (422, "validation_failed"), answer
    assert field in str(answer.body["errors"])


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"", 422, "validation_failed"),
        (b"{", 400, "malformed_json"),
        (b'{"price": 1e999999}', 422, "validation_failed"),
        (b"\xff\xfe", 400, "malformed_json"),
        (b"[]", 422, "validation_failed"),
        (b"null", 422, "validation_failed"),
        (b'"text"', 422, "validation_failed"),
        (b"[" * 100_000, 400, "malformed_json"),
        (b'{"model": "' + b"x" * 10_000_000 + b'"}', 413, "body_too_large"),
    ],
    ids=lambda value: repr(value)[:24],
)
async def test_body_is_refused_with_a_problem_when_it_is_no_vehicle(
    *, stack: Stack, stage: Stage, http: aiohttp.ClientSession, raw: bytes, status: int, code: str
) -> None:
    headers = {"authorization": f"Bearer {stage.admin.token}", "content-type": "application/json"}
    async with http.post(f"{stack.gateway_url}/vehicle", data=io.BytesIO(raw), headers=headers) as reply:
        problem = await reply.json(content_type="application/problem+json")
    assert (reply.status, problem["code"]) == (status, code), problem


async def test_body_is_refused_when_it_is_large_and_of_unknown_length(
    stack: Stack, stage: Stage, http: aiohttp.ClientSession
) -> None:
    async def endless() -> Any:
        for _ in range(160):
            yield b" " * 65_536

    headers = {"authorization": f"Bearer {stage.admin.token}", "content-type": "application/json"}
    async with http.post(f"{stack.gateway_url}/vehicle", data=endless(), headers=headers) as reply:
        problem = await reply.json(content_type="application/problem+json")
    assert (reply.status, problem["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."])
async def test_route_of_the_admin_is_closed_when_the_token_is_none(
    stack: Stack, http: aiohttp.ClientSession, token: str
) -> None:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with http.post(f"{stack.gateway_url}/vehicle", json=CAR, headers=headers) as reply:
        problem = await reply.json(content_type="application/problem+json")
    assert (reply.status, problem["code"]) == (401, "unauthenticated")


async def test_route_of_the_admin_is_forbidden_when_a_buyer_calls(stage: Stage) -> None:
    answer = await stage.buyer.call("POST", "/vehicle", CAR)
    assert (answer.status, answer.body["code"]) == (403, "forbidden")
    refund = await stage.buyer.call("POST", "/orders/1/refund")
    assert (refund.status, refund.body["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/vehicle/0", "/vehicle/abc", "/orders/99999999999999999999", "/.env"]
)
async def test_unknown_path_is_a_problem_when_asked_for(stage: Stage, path: str) -> None:
    answer = await stage.buyer.call("GET", path)
    assert 400 <= answer.status < 500
    assert answer.body["code"] in {"not_found", "validation_failed"}


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=-1", "limit=x", "cursor=x", "price_min=-1", "year_min=abc"]
)
async def test_list_is_refused_when_its_query_is_wrong(stage: Stage, query: str) -> None:
    answer = await stage.stranger.call("GET", f"/vehicles?{query}")
    assert 400 <= answer.status < 500, answer
    assert answer.body["code"]


async def test_one_of_two_hundred_wins_when_all_want_one_vehicle(stage: Stage) -> None:
    vehicle_id = await stage.new_car("Brasília")
    answers = await asyncio.gather(*(stage.buyer.initialize_sale(vehicle_id) for _ in range(200)))
    statuses = sorted(answer.status for answer in answers)
    assert statuses == [201] + [409] * 199
    assert {answer.body["code"] for answer in answers if answer.status == 409} == {"vehicle_not_available"}


@pytest.mark.parametrize("key", ["", "x" * 256, "emoji \u2603".encode().decode("latin-1")])
async def test_idempotency_key_is_refused_when_it_cannot_be_one(stage: Stage, key: str) -> None:
    answer = await stage.buyer.call(
        "POST", "/vehicle/1/initialize-sale", {}, headers={"idempotency-key": key}
    )
    assert (answer.status, answer.body["code"]) == (400, "idempotency_key_invalid")


async def test_same_answer_comes_back_when_payment_is_asked_for_twice(stage: Stage) -> None:
    vehicle_id = await stage.new_car("Fusca")
    order = (await stage.buyer.initialize_sale(vehicle_id)).expect(201)
    body = {"order_id": order["order_id"], "payment_method": "pix"}
    headers = {"idempotency-key": uuid.uuid4().hex}
    purchase = Purchase(stage, stage.buyer, order["order_id"], vehicle_id)
    await purchase.wait_for_instructions()
    first = await stage.buyer.call("POST", "/payment", body, headers=headers)
    first.expect(201)
    again = await stage.buyer.call("POST", "/payment", body, headers=headers)
    assert (again.status, again.body) == (first.status, first.body)
    other = await stage.buyer.call("POST", "/payment", {**body, "payment_method": "boleto"}, headers=headers)
    assert (other.status, other.body["code"]) == (422, "idempotency_key_reused")
