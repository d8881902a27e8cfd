"""The routes, on the service in memory: who may see what, and what is answered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from autodeal_contracts.events.sale import CancelReason, PaymentMethod, SaleCancelled, SaleInitialized
from autodeal_payment.app.choose_payment import ChoosePaymentCommand
from autodeal_payment.app.ports.sale_store import StoreUnavailableError
from autodeal_payment.domain.provider_payment import ProviderStatus
from autodeal_payment.domain.sale_acts import RequestKey
from autodeal_payment.entrypoints.http.describe_api import openapi_document
from autodeal_payment.entrypoints.http.payment_routes import payment_routes
from autodeal_payment.entrypoints.http.problem_statuses import STATUSES
from autodeal_payment.entrypoints.http.use_cases import UseCases
from autodeal_payment.in_memory import PaymentInMemory
from autodeal_platform.fake_user_pool import FakeUserPool
from autodeal_platform.health import Health
from autodeal_platform.http_app import create_app
from autodeal_platform.idempotency import IdempotencyInProgressError
from autodeal_platform.settings import HttpSettings

POOL = FakeUserPool()
ANA, BIA, BOSS = "ana", "bia", "boss"
KEY = "a-key"


@dataclass
class Front:
    """The service in memory behind its routes."""

    service: PaymentInMemory
    client: AsyncTestClient[Litestar]

    async def begin(
        self, order_id: int = 7, buyer: str = ANA, method: PaymentMethod = PaymentMethod.PIX
    ) -> None:
        event = SaleInitialized(
            order_id=order_id,
            vehicle_id=1,
            buyer_id=buyer,
            amount_cents=8_999_000,
            payment_method=method,
            expires_at=self.service.now + timedelta(minutes=30),
        )
        await self.service.handle_sale_event(event, f"begin-{order_id}")

    async def call(
        self, method: str, path: str, who: str | None = ANA, *, body: object = None, key: str | None = None
    ) -> tuple[int, Any, dict[str, str]]:
        headers = {"Idempotency-Key": key} if key is not None else {}
        if who is not None:
            groups = ["Admin"] if who == BOSS else ["Buyer"]
            headers["Authorization"] = f"Bearer {POOL.token(subject=who, groups=groups)}"
        response = await self.client.request(method, path, headers=headers, json=body)
        return response.status_code, response.json(), dict(response.headers)

    async def choose(self, who: str = ANA, *, key: str | None = None, **body: object) -> tuple[int, Any]:
        wanted = {"order_id": 7, "payment_method": "pix", **body}
        status, answer, _ = await self.call("POST", "/payment", who, body=wanted, key=key)
        return status, answer


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    service = PaymentInMemory()
    app = create_app(
        service="payment",
        routes=payment_routes(UseCases(service.choose_payment, service.find_payments)),
        settings=HttpSettings(http_port=0),
        health=Health(),
        statuses=STATUSES,
        verifier=POOL.verifier(),
    )
    async with AsyncTestClient(app, base_url="http://payment.test") as client:
        yield Front(service, client)


async def test_payment_is_made_when_its_owner_chooses(front: Front) -> None:
    await front.begin(method=PaymentMethod.CARD)
    status, body = await front.choose()
    assert status == 201
    assert body["id"] == "7-1"
    assert body["status"] == "pending"
    assert body["amount"] == 89990
    assert body["pix_code"] == "pix-7-1"
    assert body["boleto_line"] is None
    assert "reason" not in body


async def test_card_is_charged_when_a_token_comes(front: Front) -> None:
    await front.begin(method=PaymentMethod.CARD)
    card = {"token": "t0ken", "payment_method_id": "master", "installments": 3}
    status, body = await front.choose(payment_method="card", card=card)
    assert (status, body["status"]) == (201, "approved")
    submitted = front.service.provider.submitted[0].card
    assert submitted is not None
    assert (submitted.token, submitted.installments) == ("t0ken", 3)


async def test_reason_is_told_when_a_card_is_declined(front: Front) -> None:
    front.service.provider.card_status = ProviderStatus.REJECTED
    await front.begin(method=PaymentMethod.CARD)
    card = {"token": "t0ken", "payment_method_id": "master"}
    status, body = await front.choose(payment_method="card", card=card)
    assert (status, body["status"], body["reason"]) == (201, "rejected", "cc_rejected_high_risk")


async def test_answer_is_the_same_when_the_key_comes_again(front: Front) -> None:
    await front.begin(method=PaymentMethod.CARD)
    first = await front.choose(key=KEY)
    front.service.provider.become("7-1", ProviderStatus.APPROVED)
    await front.service.run_until_quiet()
    assert await front.choose(key=KEY) == first
    assert front.service.provider.calls["create"] == 1


async def test_key_is_refused_when_it_comes_with_another_body(front: Front) -> None:
    await front.begin(method=PaymentMethod.CARD)
    await front.choose(key=KEY)
    status, body = await front.choose(key=KEY, payment_method="boleto")
    assert (status, body["code"]) == (422, "idempotency_key_reused")


async def test_key_of_another_buyer_is_another_key_when_spelled_alike(front: Front) -> None:
    await front.begin(7, ANA, PaymentMethod.CARD)
    await front.begin(8, BIA, PaymentMethod.CARD)
    assert (await front.choose(ANA, key=KEY))[1]["id"] == "7-1"
    assert (await front.choose(BIA, key=KEY, order_id=8))[1]["id"] == "8-1"


async def test_repeat_is_refused_when_the_first_request_still_runs(front: Front) -> None:
    await front.begin(method=PaymentMethod.CARD)
    command = ChoosePaymentCommand(
        order_id=7,
        buyer_id=ANA,
        method=PaymentMethod.PIX,
        key=RequestKey(digest="d" * 64, fingerprint="f" * 64),
    )
    refused: list[str] = []

    async def repeat() -> None:
        with pytest.raises(IdempotencyInProgressError) as refusal:
            await front.service.choose_payment(command)
        refused.append(refusal.value.code)

    front.service.provider.meanwhile.append(repeat)
    await front.service.choose_payment(command)
    assert refused == ["idempotency_in_progress"]
    assert front.service.provider.calls["create"] == 1


async def test_answer_says_unknown_when_the_provider_is_away(front: Front) -> None:
    await front.begin(method=PaymentMethod.CARD)
    front.service.provider.away = True
    first = await front.choose(key=KEY)
    assert (first[0], first[1]["status"]) == (201, "unknown")
    front.service.provider.away = False
    front.service.now += timedelta(minutes=1)
    await front.service.run_due()
    assert await front.choose(key=KEY) == first
    assert (await front.call("GET", "/payment/7-1"))[1]["status"] == "pending"


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 256])
async def test_key_is_refused_when_malformed(front: Front, key: str) -> None:
    await front.begin(method=PaymentMethod.CARD)
    headers = [
        (b"Idempotency-Key", key.encode("latin-1")),
        (b"Authorization", f"Bearer {POOL.token(subject=ANA, groups=['Buyer'])}".encode()),
    ]
    body = {"order_id": 7, "payment_method": "pix"}
    response = await front.client.post("/payment", headers=headers, json=body)
    assert (response.status_code, response.json()["code"]) == (400, "idempotency_key_invalid")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"payment_method": "pix"}, "order_id"),
        ({"order_id": "7", "payment_method": "pix"}, "order_id"),
        ({"order_id": 0, "payment_method": "pix"}, "order_id"),
        ({"order_id": 2**63, "payment_method": "pix"}, "order_id"),
        ({"order_id": 7, "payment_method": "gold"}, "payment_method"),
        ({"order_id": 7, "payment_method": "card"}, "card"),
        ({"order_id": 7, "payment_method": "pix", "card": {"token": "t", "payment_method_id": "m"}}, "card"),
        (
            {"order_id": 7, "payment_method": "card", "card": {"token": "", "payment_method_id": "m"}},
            "card.token",
        ),
        ({"order_id": 7, "payment_method": "pix", "colour": "red"}, "colour"),
    ],
)
async def test_field_is_named_when_the_body_is_wrong(front: Front, body: object, field: str) -> None:
    await front.begin()
    status, problem, _ = await front.call("POST", "/payment", body=body)
    assert (status, problem["code"]) == (422, "validation_failed")
    assert field in str(problem["errors"])


async def test_order_is_not_found_when_it_is_somebody_elses(front: Front) -> None:
    await front.begin()
    for who in (BIA, BOSS):
        status, body = await front.choose(who)
        assert (status, body["code"]) == (404, "not_found")


async def test_client_is_told_to_come_back_when_the_order_is_not_known_yet(front: Front) -> None:
    body = {"order_id": 99, "payment_method": "pix"}
    status, problem, headers = await front.call("POST", "/payment", body=body)
    assert (status, problem["code"], headers["retry-after"]) == (409, "order_not_ready", "1")


async def test_order_takes_no_payment_when_it_is_over(front: Front) -> None:
    await front.begin()
    event = SaleCancelled(order_id=7, vehicle_id=1, reason=CancelReason.BUYER_CANCELLED)
    await front.service.handle_sale_event(event, "cancelled")
    status, body = await front.choose()
    assert (status, body["code"]) == (409, "order_not_open")


async def test_order_takes_no_payment_when_its_time_is_over(front: Front) -> None:
    await front.begin()
    front.service.now += timedelta(minutes=30)
    status, body = await front.choose()
    assert (status, body["code"]) == (409, "order_not_open")


async def test_order_takes_no_payment_when_it_is_paid(front: Front) -> None:
    await front.begin()
    front.service.provider.become("7-1", ProviderStatus.APPROVED)
    await front.service.run_until_quiet()
    status, body = await front.choose()
    assert (status, body["code"]) == (409, "order_already_paid")


async def test_attempts_have_a_limit_when_chosen_again_and_again(front: Front) -> None:
    await front.begin()
    answers = [await front.choose() for _ in range(front.service.schedule.attempt_limit)]
    assert (answers[-1][0], answers[-1][1]["code"]) == (409, "too_many_attempts")
    assert {status for status, _ in answers[:-1]} == {201}


async def test_payment_is_shown_to_its_owner_and_admins_only(front: Front) -> None:
    await front.begin()
    assert (await front.call("GET", "/payment/7-1", ANA))[0] == 200
    assert (await front.call("GET", "/payment/7-1", BOSS))[0] == 200
    assert (await front.call("GET", "/payment/7-1", BIA))[0] == 404
    assert (await front.call("GET", "/payment/7-1", None))[0] == 401


@pytest.mark.parametrize("name", ["7", "7-", "-1", "7-2", "07-1", "7-1-1", "x-y", "7-٣", "9" * 30])
async def test_payment_is_not_found_when_its_name_is_none_of_ours(front: Front, name: str) -> None:
    await front.begin()
    assert (await front.call("GET", f"/payment/{name}"))[0] == 404


async def test_list_shows_only_ones_own_payments_when_a_buyer_asks(front: Front) -> None:
    await front.begin(7, ANA)
    await front.begin(8, BIA)
    assert [each["id"] for each in (await front.call("GET", "/payment", ANA))[1]] == ["7-1"]
    assert (await front.call("GET", "/payment?order_id=8", ANA))[1] == []
    assert [each["id"] for each in (await front.call("GET", "/payment", BOSS))[1]] == ["8-1", "7-1"]
    assert [each["id"] for each in (await front.call("GET", "/payment?order_id=8", BOSS))[1]] == ["8-1"]
    assert (await front.call("GET", "/payment?status=approved", BOSS))[1] == []


async def test_list_is_followed_by_its_links_when_longer_than_a_page(front: Front) -> None:
    for order_id in range(1, 6):
        await front.begin(order_id)
    path, found = "/payment?limit=2&status=pending", []
    while path:
        status, page, headers = await front.call("GET", path)
        assert status == 200
        found += [each["id"] for each in page]
        path = headers.get("link", "").partition(">")[0].removeprefix("<")
    assert sorted(found) == [f"{order_id}-1" for order_id in range(1, 6)]


async def test_payment_is_found_by_its_key_when_its_owner_asks(front: Front) -> None:
    await front.begin(method=PaymentMethod.CARD)
    await front.choose(key=KEY)
    found = (await front.call("GET", f"/payment?idempotency_key={KEY}"))[1]
    assert [each["id"] for each in found] == ["7-1"]
    assert (await front.call("GET", "/payment?idempotency_key=another"))[1] == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("limit=0", 422),
        ("limit=101", 422),
        ("status=gone", 422),
        ("order_id=x", 422),
        ("cursor=nonsense", 400),
    ],
)
async def test_query_is_refused_when_it_makes_no_sense(front: Front, query: str, status: int) -> None:
    found, problem, _ = await front.call("GET", f"/payment?{query}")
    assert found == status
    assert problem["code"] in {"validation_failed", "cursor_invalid"}


async def test_answer_is_503_when_the_store_is_away(front: Front) -> None:
    await front.begin(method=PaymentMethod.CARD)
    front.service.store.fail_next = [StoreUnavailableError("away")]
    status, body = await front.choose()
    assert (status, body["code"]) == (503, "unavailable")


def test_every_route_is_described_when_the_document_is_made() -> None:
    document = openapi_document()
    operations = {
        operation["operationId"]: operation
        for path in document["paths"].values()
        for operation in path.values()
    }
    assert set(operations) == {"choosePayment", "listPayments", "getPayment"}
    assert {"201", "401", "404", "409", "422", "503"} <= set(operations["choosePayment"]["responses"])
    assert all(operation["summary"] and operation["description"] for operation in operations.values())
