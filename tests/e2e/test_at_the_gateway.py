"""What only the whole platform can show of the gateway: live events, and people who come and go."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from autodeal_devstack.demo.stage import Purchase, Stage

pytestmark = pytest.mark.e2e


async def events_of(reply: aiohttp.ClientResponse) -> AsyncIterator[tuple[int, str, dict[str, Any]]]:
    fields: dict[str, str] = {}
    async for raw in reply.content:
        line = raw.decode().rstrip("\n")
        if not line and fields:
            yield int(fields["id"]), fields["event"], json.loads(fields["data"])
            fields = {}
        elif line and not line.startswith(":"):
            name, _, value = line.partition(":")
            fields[name] = value.strip()


def follow(purchase: Purchase, **headers: str) -> aiohttp.client._RequestContextManager:
    buyer = purchase.client
    signed = {"authorization": f"Bearer {buyer.token}", **headers}
    return buyer.http.get(f"{buyer.gateway_url}/orders/{purchase.order_id}/events", headers=signed)


async def test_events_arrive_live_when_an_order_is_followed(stage: Stage) -> None:
    purchase = await Purchase.begin(stage, "Doblò")
    payment_id = await purchase.wait_for_instructions()
    seen = []
    async with follow(purchase) as reply:
        assert (reply.status, reply.content_type) == (200, "text/event-stream")
        events = events_of(reply)
        seen = [await anext(events), await anext(events)]
        # Everything so far is on the page; the rest comes while we look.
        await stage.provider.approve(payment_id)
        async for event in events:
            seen.append(event)
            if event[1] == "sale.completed":
                break
    timeline = (await purchase.client.order(purchase.order_id))["timeline"]
    assert [data for _, _, data in seen] == timeline[: len(seen)]
    assert [number for number, *_ in seen] == list(range(1, len(seen) + 1))
    async with follow(purchase, **{"last-event-id": "2"}) as reply:
        assert (await anext(events_of(reply)))[0] == 3


async def test_events_are_not_found_when_the_order_is_somebody_elses(stage: Stage) -> None:
    purchase = await Purchase.begin(stage, "Fiorino")
    answer = await stage.rival.call("GET", f"/orders/{purchase.order_id}/events")
    assert (answer.status, answer.body["code"]) == (404, "order_not_found")


async def test_person_registers_buys_and_leaves_when_everything_is_over(stage: Stage) -> None:
    person = {
        "email": f"{uuid.uuid4().hex}@example.com",
        "password": "Str0ng-enough!",
        "first_name": "Ana",
        "last_name": "Souza",
        "cpf": "529.982.247-25",
        "address": {
            "street": "Avenida Paulista", "number": "1578", "neighborhood": "Bela Vista",
            "city": "São Paulo", "state": "SP", "zip_code": "01310-200",
        },
        "accepted_terms": True,
    }  # fmt: skip
    (await stage.stranger.call("POST", "/user", person)).expect(201)
    credentials = {name: person[name] for name in ("email", "password")}
    tokens = (await stage.stranger.call("POST", "/login", credentials)).expect(200)
    buyer = replace(stage.stranger, token=tokens["access_token"])
    vehicle_id = await stage.new_car("Strada")
    order_id = (await buyer.initialize_sale(vehicle_id)).expect(201)["order_id"]
    refused = await buyer.call("DELETE", "/user")
    assert (refused.status, refused.body["code"]) == (409, "sale_open")
    (await buyer.call("POST", f"/orders/{order_id}/cancel")).expect(200)
    (await buyer.call("DELETE", "/user")).expect(204)
    assert (await buyer.call("GET", "/user")).status == 404
    assert (await stage.stranger.call("POST", "/login", credentials)).status == 401
