"""The routes: who may call them, what they refuse by name, what they answer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from autodeal_contracts.saga import OrderState, VehicleState
from autodeal_platform.fake_user_pool import FakeUserPool

if TYPE_CHECKING:
    from tests.unit.vehicle.conftest import Dealer

Client = AsyncTestClient[Litestar]
CAR: dict[str, Any] = {
    "brand_name": "Fiat",
    "model": "Uno",
    "year": 2020,
    "color": "prata",
    "price": 89990.00,
}


@pytest.fixture
def admin(user_pool: FakeUserPool) -> dict[str, str]:
    return user_pool.authorization("Admin", subject="admin-1")


@pytest.fixture
def buyer(user_pool: FakeUserPool) -> dict[str, str]:
    return user_pool.authorization("Buyer", subject="buyer-1")


async def test_vehicle_is_shown_with_two_decimals_when_registered(
    client: Client, admin: dict[str, str]
) -> None:
    answer = await client.post("/vehicle", json=CAR, headers=admin)

    assert answer.status_code == 201
    assert '"price":89990.00' in answer.text
    shown = await client.get(f"/vehicle/{answer.json()['id']}")
    assert shown.json() == answer.json()
    assert set(shown.json()) == {*CAR, "id", "status", "created_at", "updated_at"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"price": 0}, "price"),
        ({"price": -1}, "price"),
        ({"price": 10_000_000_000}, "price"),
        ({"price": 1.001}, "price"),
        ({"price": "1"}, "price"),
        ({"year": 1885}, "year"),
        ({"year": 9999}, "year"),
        ({"year": "2020"}, "year"),
        ({"brand_name": ""}, "brand_name"),
        ({"model": "   "}, "model"),
        ({"color": "x" * 81}, "color"),
        ({"color": None}, "color"),
        ({"owner": "me"}, "owner"),
    ],
)
async def test_field_is_named_when_it_is_refused(
    client: Client, admin: dict[str, str], changes: dict[str, Any], field: str
) -> None:
    answer = await client.post("/vehicle", json=CAR | changes, headers=admin)

    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]
    assert answer.headers["content-type"].startswith("application/problem+json")


async def test_vehicle_is_corrected_when_nobody_claims_it(client: Client, admin: dict[str, str]) -> None:
    vehicle_id = (await client.post("/vehicle", json=CAR, headers=admin)).json()["id"]

    answer = await client.put(f"/vehicle/{vehicle_id}", json=CAR | {"price": 1}, headers=admin)

    assert answer.status_code == 200
    assert answer.json()["price"] == 1


async def test_vehicle_is_not_corrected_when_reserved(
    client: Client, dealer: Dealer, admin: dict[str, str]
) -> None:
    vehicle = dealer.offer(state=VehicleState.RESERVED)

    answer = await client.put(f"/vehicle/{vehicle.id}", json=CAR, headers=admin)

    assert (answer.status_code, answer.json()["code"]) == (409, "vehicle_not_editable")


ADMIN_ROUTES = [
    ("POST", "/vehicle"),
    ("PUT", "/vehicle/7"),
    ("PUT", "/vehicle/7/confirm-pickup"),
    ("POST", "/orders/41/refund"),
]
TOKEN_ROUTES = [
    *ADMIN_ROUTES,
    ("POST", "/vehicle/7/initialize-sale"),
    ("GET", "/orders"),
    ("GET", "/orders/41"),
    ("GET", "/orders/41/events"),
    ("POST", "/orders/41/cancel"),
    ("GET", "/vehicles/sold?user_id=buyer-1"),
]


@pytest.mark.parametrize(("method", "path"), TOKEN_ROUTES)
async def test_caller_is_unknown_when_there_is_no_token(client: Client, method: str, path: str) -> None:
    answer = await client.request(method, path, json=CAR if method != "GET" else None)

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize(("method", "path"), [*ADMIN_ROUTES, ("GET", "/vehicles/sold?user_id=buyer-1")])
async def test_buyer_is_turned_away_when_the_route_is_for_admins(
    client: Client, buyer: dict[str, str], method: str, path: str
) -> None:
    answer = await client.request(method, path, json=CAR if method != "GET" else None, headers=buyer)

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_admin_is_turned_away_when_reserving(
    client: Client, dealer: Dealer, admin: dict[str, str]
) -> None:
    dealer.offer()

    answer = await client.post("/vehicle/7/initialize-sale", headers=admin)

    assert answer.status_code == 403


@pytest.mark.parametrize("body", [None, b"{}", b'{"payment_method":"pix"}', b'{"payment_method":"boleto"}'])
async def test_vehicle_is_reserved_when_the_body_is_short_or_absent(
    client: Client, dealer: Dealer, buyer: dict[str, str], body: bytes | None
) -> None:
    dealer.offer()

    answer = await client.post("/vehicle/7/initialize-sale", content=body, headers=buyer)

    assert answer.status_code == 201
    assert set(answer.json()) == {"message", "idempotency_key", "order_id", "expires_at"}


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (b"{", (400, "malformed_json")),
        (b"[]", (422, "validation_failed")),
        (b'{"payment_method":"card"}', (422, "validation_failed")),
        (b'{"payment_method":1}', (422, "validation_failed")),
        (b'{"price":1}', (422, "validation_failed")),
    ],
)
async def test_body_is_refused_when_a_sale_begins_wrongly(
    client: Client, dealer: Dealer, buyer: dict[str, str], body: bytes, refusal: tuple[int, str]
) -> None:
    dealer.offer()

    answer = await client.post("/vehicle/7/initialize-sale", content=body, headers=buyer)

    assert (answer.status_code, answer.json()["code"]) == refusal
    assert dealer.vehicle.status is VehicleState.AVAILABLE


async def test_answer_is_the_same_bytes_when_the_key_is_sent_again(
    client: Client, dealer: Dealer, buyer: dict[str, str]
) -> None:
    dealer.offer()
    headers = buyer | {"idempotency-key": "once"}
    first = await client.post("/vehicle/7/initialize-sale", json={}, headers=headers)

    again = await client.post("/vehicle/7/initialize-sale", json={}, headers=headers)
    other = await client.post(
        "/vehicle/7/initialize-sale", json={"payment_method": "boleto"}, headers=headers
    )

    assert (again.status_code, again.content) == (201, first.content)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("key", ["", "two words", "é", "x" * 256])
async def test_key_is_refused_when_malformed(client: Client, buyer: dict[str, str], key: str) -> None:
    headers = [(b"idempotency-key", key.encode()), (b"authorization", buyer["authorization"].encode())]

    answer = await client.post("/vehicle/7/initialize-sale", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_invalid")


@pytest.mark.parametrize("vehicle_id", ["0", "-1", "9223372036854775808", "99999999999999999999999"])
async def test_id_is_refused_when_no_vehicle_can_have_it(client: Client, vehicle_id: str) -> None:
    answer = await client.get(f"/vehicle/{vehicle_id}")

    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


async def test_vehicle_is_not_found_when_there_is_none(client: Client, buyer: dict[str, str]) -> None:
    for answer in (
        await client.get("/vehicle/404"),
        await client.post("/vehicle/404/initialize-sale", headers=buyer),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "vehicle_not_found")


async def test_list_is_walked_when_its_links_are_followed(
    client: Client, dealer: Dealer, admin: dict[str, str]
) -> None:
    for number in range(7):
        await client.post("/vehicle", json=CAR | {"price": 100 - number % 3}, headers=admin)
    path, pages = "/vehicles?brand=FIAT&limit=3&color=prata", []
    while path:
        answer = await client.get(path)
        assert answer.status_code == 200
        pages.append([(vehicle["price"], vehicle["id"]) for vehicle in answer.json()])
        link = re.fullmatch('<(.+)>; rel="next"', answer.headers.get("link", ""))
        path = link[1] if link else ""

    walked = [row for page in pages for row in page]
    assert [len(page) for page in pages] == [3, 3, 1]
    assert walked == sorted(walked)
    assert len(set(walked)) == 7


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("year_min=1800", "year_min"),
        ("price_max=1.001", "price_max"),
        ("price_min=-1", "price_min"),
        ("brand=", "brand"),
    ],
)
async def test_parameter_is_named_when_refused(client: Client, query: str, field: str) -> None:
    answer = await client.get(f"/vehicles?{query}")

    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("path", ["/vehicles", "/vehicles/sold", "/orders"])
async def test_cursor_is_refused_when_made_up(client: Client, admin: dict[str, str], path: str) -> None:
    answer = await client.get(f"{path}?cursor=bm90aGluZw", headers=admin)

    assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")


async def test_nobody_learns_the_buyer_when_sold_vehicles_are_listed(client: Client, dealer: Dealer) -> None:
    dealer.place_order(OrderState.SOLD)

    answer = await client.get("/vehicles/sold")

    (vehicle,) = answer.json()
    assert set(vehicle["sold"]) == {"order_id", "status", "sold_date", "sold_price"}
    assert "buyer" not in answer.text


async def test_admin_sees_one_buyers_vehicles_when_asking_for_them(
    client: Client, dealer: Dealer, admin: dict[str, str]
) -> None:
    dealer.place_order(OrderState.SOLD)

    assert len((await client.get("/vehicles/sold?user_id=buyer-1", headers=admin)).json()) == 1
    assert (await client.get("/vehicles/sold?user_id=buyer-2", headers=admin)).json() == []


async def test_order_is_shown_when_it_is_the_callers(
    client: Client, dealer: Dealer, buyer: dict[str, str]
) -> None:
    dealer.place_order(OrderState.DRAFT)

    answer = await client.get("/orders/41", headers=buyer)

    assert answer.json()["price"] == 89990
    assert answer.json()["payment"]["payment_id"] == "41-1"
    assert set(answer.json()) == {
        "id",
        "vehicle_id",
        "status",
        "price",
        "created_at",
        "expires_at",
        "payment",
        "picked_up_at",
        "charged_back",
        "timeline",
    }


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/orders/41"), ("GET", "/orders/41/events"), ("POST", "/orders/41/cancel")],
)
async def test_order_looks_absent_when_it_is_somebody_elses(
    client: Client, dealer: Dealer, user_pool: FakeUserPool, method: str, path: str
) -> None:
    dealer.place_order(OrderState.DRAFT)
    stranger = user_pool.authorization("Buyer", subject="stranger")

    theirs = await client.request(method, path, headers=stranger)
    absent = await client.request(method, path.replace("41", "404"), headers=stranger)

    assert theirs.status_code == absent.status_code == 404
    assert theirs.json()["code"] == absent.json()["code"] == "order_not_found"


async def test_orders_are_the_callers_own_when_listed(
    client: Client, dealer: Dealer, admin: dict[str, str], buyer: dict[str, str], user_pool: FakeUserPool
) -> None:
    dealer.place_order(OrderState.DRAFT)
    stranger = user_pool.authorization("Buyer", subject="stranger")

    assert (await client.get("/orders?user_id=buyer-1", headers=stranger)).json() == []
    assert len((await client.get("/orders?status=draft", headers=buyer)).json()) == 1
    assert (await client.get("/orders?status=sold", headers=buyer)).json() == []
    assert len((await client.get("/orders?user_id=buyer-1", headers=admin)).json()) == 1


async def test_code_tells_why_when_an_order_is_not_cancelled_or_refunded(
    client: Client, dealer: Dealer, admin: dict[str, str]
) -> None:
    dealer.place_order(OrderState.SOLD)
    cancelled = await client.post("/orders/41/cancel", headers=admin)
    dealer.place_order(OrderState.DRAFT)
    refunded = await client.post("/orders/41/refund", headers=admin)
    picked_up = await client.put("/vehicle/7/confirm-pickup", headers=admin)

    assert (cancelled.status_code, cancelled.json()["code"]) == (409, "order_not_draft")
    assert (refunded.status_code, refunded.json()["code"]) == (409, "order_not_refundable")
    assert (picked_up.status_code, picked_up.json()["code"]) == (409, "pickup_not_possible")


async def test_events_are_streamed_when_the_order_is_final(
    client: Client, dealer: Dealer, buyer: dict[str, str]
) -> None:
    dealer.place_order(OrderState.DRAFT)
    await dealer.cancel()

    answer = await client.get("/orders/41/events", headers=buyer)
    rest = await client.get("/orders/41/events", headers=buyer | {"last-event-id": "1"})
    nothing = await client.get("/orders/41/events", headers=buyer | {"last-event-id": "2"})

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert re.findall("^id: (.*)$", answer.text, re.MULTILINE) == ["1", "2"]
    assert re.findall("^event: (.*)$", rest.text, re.MULTILINE) == ["sale.cancelled"]
    assert (nothing.status_code, nothing.text) == (204, "")


@pytest.mark.parametrize("last", ["x", "-1", "99999999999"])
async def test_last_event_id_is_refused_when_it_is_no_sequence(
    client: Client, buyer: dict[str, str], last: str
) -> None:
    answer = await client.get("/orders/41/events", headers=buyer | {"last-event-id": last})

    assert answer.status_code == 422
