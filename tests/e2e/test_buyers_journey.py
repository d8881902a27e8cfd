"""A person from registration to farewell, as the frontend would take them through it."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import aiohttp
import pytest

from autodeal_devstack.demo.public_client import PublicClient
from autodeal_devstack.demo.stage import Purchase, Stage
from autodeal_devstack.stack import Stack

pytestmark = pytest.mark.e2e


def a_person() -> dict[str, Any]:
    return {
        "email": f"maria.{uuid.uuid4().hex[:10]}@autodeal.example",
        "password": "Uma-Senha-Longa-9!",
        "first_name": "Maria",
        "last_name": "Quitéria",
        "cpf": "529.982.247-25",
        "address": {
            "street": "Rua das Flores",
            "number": "12",
            "neighborhood": "Centro",
            "city": "Curitiba",
            "state": "PR",
            "zip_code": "80010-000",
        },
        "accepted_terms": True,
    }


async def register(stage: Stage, stack: Stack, http: aiohttp.ClientSession) -> PublicClient:
    person = a_person()
    (await stage.stranger.call("POST", "/user", person)).expect(201)
    credentials = {"email": person["email"], "password": person["password"]}
    tokens = (await stage.stranger.call("POST", "/login", credentials)).expect(200)
    return PublicClient(http, stack.gateway_url, tokens["access_token"])


async def events_until(
    http: aiohttp.ClientSession, url: str, token: str, last: str, *, after: str = ""
) -> list[tuple[str, dict[str, Any]]]:
    """Read a live timeline until it tells of `last`; return each entry with its id."""
    headers = {"authorization": f"Bearer {token}", **({"last-event-id": after} if after else {})}
    found: list[tuple[str, dict[str, Any]]] = []
    async with http.get(url, headers=headers) as stream:
        assert stream.status == 200
        assert stream.headers["content-type"].startswith("text/event-stream")
        event_id = ""
        async for raw in stream.content:
            name, _, value = raw.decode().rstrip("\r\n").partition(": ")
            if name == "id":
                event_id = value
            if name == "data":
                entry = json.loads(value)
                found.append((event_id, entry))
                if entry["event"] == last:
                    return found
    raise AssertionError(f"the stream ended before {last}: {found}")


async def test_timeline_arrives_live_when_a_purchase_moves(
    stack: Stack, stage: Stage, http: aiohttp.ClientSession
) -> None:
    purchase = await Purchase.begin(stage, "Ka")
    url = f"{stack.gateway_url}/orders/{purchase.order_id}/events"
    watching = asyncio.create_task(events_until(http, url, stage.buyer.token, "sale.completed"))
    await stage.provider.approve(await purchase.wait_for_instructions())
    entries = await watching
    assert [entry["event"] for _, entry in entries] == [
        "sale.initialized",
        "payment.created",
        "payment.approved",
        "sale.completed",
    ]
    told = (await purchase.wait_for_status("sold"))["timeline"]
    assert [entry for _, entry in entries] == told
    later = await events_until(http, url, stage.buyer.token, "sale.completed", after=entries[1][0])
    assert later == entries[2:]


async def test_timeline_is_closed_to_others_when_they_ask(stage: Stage) -> None:
    purchase = await Purchase.begin(stage, "Escort")
    for path in (f"/orders/{purchase.order_id}", f"/orders/{purchase.order_id}/events"):
        assert (await stage.rival.call("GET", path)).status == 404
        assert (await stage.stranger.call("GET", path)).status == 401
    assert (await stage.rival.call("POST", f"/orders/{purchase.order_id}/cancel")).status == 404


async def test_person_buys_and_leaves_when_no_sale_is_open(
    stack: Stack, stage: Stage, http: aiohttp.ClientSession
) -> None:
    me = await register(stage, stack, http)
    profile = (await me.call("GET", "/user")).expect(200)
    assert profile["first_name"] == "Maria"
    assert "529.982.247-25" not in json.dumps(profile)
    vehicle_id = await stage.new_car("Opala")
    order = (await me.initialize_sale(vehicle_id)).expect(201)
    purchase = Purchase(stage, me, order["order_id"], vehicle_id)
    refused = await me.call("DELETE", "/user")
    assert refused.status == 409, refused
    await stage.provider.approve(await purchase.wait_for_instructions())
    await purchase.wait_for_status("sold")
    (await me.call("DELETE", "/user")).expect(204)
    assert (await me.call("GET", "/user")).status in {401, 404}


async def test_registration_is_refused_naming_the_field_when_one_is_wrong(stage: Stage) -> None:
    for field, value in (
        ("cpf", "111.111.111-11"),
        ("email", "nobody"),
        ("password", "short"),
        ("accepted_terms", False),
        ("first_name", ""),
    ):
        answer = await stage.stranger.call("POST", "/user", {**a_person(), field: value})
        assert (answer.status, answer.body["code"]) == (422, "validation_failed"), answer
        assert field in str(answer.body["errors"])


async def test_login_says_the_same_when_person_or_password_is_wrong(stage: Stage) -> None:
    person = a_person()
    (await stage.stranger.call("POST", "/user", person)).expect(201)
    taken = await stage.stranger.call("POST", "/user", {**person, "password": "Outra-Senha-8!"})
    assert (taken.status, taken.body["code"]) == (409, "email_taken")
    answers = [
        await stage.stranger.call("POST", "/login", {"email": email, "password": "Uma-Senha-Errada-1!"})
        for email in (person["email"], "nobody@autodeal.example")
    ]
    assert {(answer.status, answer.body["code"], answer.body["detail"]) for answer in answers} == {
        (401, "invalid_credentials", answers[0].body["detail"])
    }


async def test_documents_are_served_when_a_developer_comes(
    stack: Stack, stage: Stage, http: aiohttp.ClientSession
) -> None:
    document = (await stage.stranger.call("GET", "/openapi.json")).expect(200)
    assert {"/vehicle/{vehicle_id}/initialize-sale", "/payment", "/user", "/webhook"} <= {
        path.replace("{id}", "{vehicle_id}") for path in document["paths"]
    }
    async with http.get(f"{stack.gateway_url}/docs") as page:
        text = await page.text()
    assert page.status == 200
    assert "https://" not in text.split("</head>")[0], "the page needs nothing from elsewhere"
    for path, expected in (("/healthz", 200), ("/readyz", 200), ("/metrics", 200)):
        async with http.get(stack.gateway_url + path) as reply:
            assert reply.status == expected
