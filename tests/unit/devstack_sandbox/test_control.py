import asyncio
from datetime import timedelta

import pytest

from autodeal_devstack.sandbox.clock import SystemClock
from autodeal_devstack.sandbox.payment import Method, Payment, Status
from autodeal_devstack.sandbox.payment_book import PaymentBook

from .conftest import CARD, PIX, Caller, ManualClock, exact


@pytest.mark.parametrize(
    ("move", "expected"),
    [
        ("approve", ("approved", "accredited")),
        ("decline", ("rejected", "bank_error")),
        ("cancel", ("cancelled", "by_payer")),
        ("expire", ("cancelled", "expired")),
        ("in-process", ("in_process", "pending_contingency")),
    ],
)
async def test_pending_payment_moves_when_told(caller: Caller, move: str, expected: tuple[str, str]) -> None:
    payment = await caller.created()
    summary = await caller.move("17-1", move)
    assert (summary["id"], summary["status"], summary["status_detail"]) == (payment["id"], *expected)
    assert await caller.status_of(payment["id"]) == expected


async def test_payment_in_review_is_decided_when_told(caller: Caller) -> None:
    payment = await caller.created()
    await caller.move("17-1", "in-process")
    await caller.move("17-1", "approve")
    assert await caller.status_of(payment["id"]) == ("approved", "accredited")


async def test_reason_is_the_given_one_when_declined(caller: Caller) -> None:
    await caller.created(CARD | {"token": "CONT"})
    moved = await caller.move("17-1", "decline", {"detail": "cc_rejected_high_risk"})
    assert moved["status_detail"] == "cc_rejected_high_risk"


async def test_dispute_goes_on_when_charged_back(caller: Caller) -> None:
    await caller.created(CARD)
    assert (await caller.move("17-1", "charge-back"))["status_detail"] == "in_process"
    assert (await caller.move("17-1", "charge-back", {"detail": "settled"}))["status_detail"] == "settled"


async def test_closed_payment_is_approved_only_when_forced(caller: Caller) -> None:
    payment = await caller.created()
    await caller.move("17-1", "cancel")
    refused = await caller.control("POST", "payments/17-1/approve")
    assert refused.status_code == 409
    await caller.move("17-1", "approve", {"force": True})
    assert await caller.status_of(payment["id"]) == ("approved", "accredited")
    again = await caller.control("POST", "payments/17-1/approve", {"force": True})
    assert again.status_code == 409


async def test_newest_payment_is_meant_when_a_reference_names_several(caller: Caller) -> None:
    first, second = await caller.created(key="a"), await caller.created(key="b")
    assert (await caller.move("17-1", "approve"))["id"] == second["id"]
    assert (await caller.move(first["id"], "decline"))["id"] == first["id"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "payments/none/approve", None, 404),
        ("POST", "payments/17-1/explode", None, 404),
        ("GET", "payments/none", None, 404),
        ("POST", "payments/17-1/approve", {"forced": True}, 400),
        ("POST", "payments/17-1/refund-mode", {}, 400),
        ("POST", "payments/17-1/refund-mode", {"mode": "later"}, 400),
        ("POST", "faults", {"kind": "lost", "operation": "create"}, 400),
        ("POST", "faults", {"kind": "delay", "operation": "webhook", "delay_ms": 1}, 400),
        ("POST", "faults", {"kind": "delay"}, 400),
        ("POST", "faults", {"kind": "status", "count": 0}, 400),
    ],
)
async def test_control_refuses_when_the_order_makes_no_sense(
    caller: Caller, method: str, path: str, body: object, status: int
) -> None:
    await caller.created()
    response = await caller.control(method, path, body)
    assert response.status_code == status
    assert response.json()["message"]
    assert exact(await caller.control("GET", "faults")) == []


async def test_calls_are_recorded_when_made(caller: Caller) -> None:
    payment = await caller.created()
    await caller.call("GET", f"/{payment['id']}")
    await caller.call("GET", "/search?external_reference=17-1")
    await caller.call("PUT", f"/{payment['id']}", {"status": "cancelled"})
    await caller.refund(payment["id"])
    await caller.client.get("/v1/payments/7")
    calls = exact(await caller.control("GET", "calls"))
    assert [(call["operation"], call["external_reference"], call["status"]) for call in calls] == [
        ("create", "17-1", 201),
        ("get", "17-1", 200),
        ("search", "17-1", 200),
        ("cancel", "17-1", 200),
        ("refund", "17-1", 400),
        ("get", None, 401),
    ]
    assert [call["idempotency_key"] for call in calls] == ["key-1", None, None, None, "refund-1", None]
    assert calls[0]["path"] == "/v1/payments"
    creations = exact(await caller.control("GET", "calls?external_reference=17-1&operation=create"))
    assert creations == calls[:1]


async def test_nothing_is_left_when_reset(caller: Caller) -> None:
    payment = await caller.created()
    await caller.fault(kind="status")
    await caller.control("POST", "reset")
    for what in ("payments", "calls", "faults", "webhooks"):
        assert exact(await caller.control("GET", what)) == []
    assert (await caller.call("GET", f"/{payment['id']}")).status_code == 404
    assert (await caller.created())["id"] != payment["id"]


async def test_asking_for_a_payment_waits_when_it_does_not_exist_yet(caller: Caller) -> None:
    asking = asyncio.create_task(caller.control("GET", "payments/17-1?status=approved&wait_ms=60000"))
    await caller.created()
    await caller.move("17-1", "approve")
    assert exact(await asking)["status"] == "approved"


async def test_payment_expires_when_its_time_is_over(caller: Caller, clock: ManualClock) -> None:
    soon = (clock.now() + timedelta(minutes=30)).isoformat(timespec="milliseconds")
    payment = await caller.created(PIX | {"date_of_expiration": soon})
    clock.advance(minutes=29)
    assert (await caller.status_of(payment["id"]))[0] == "pending"
    clock.advance(minutes=1)
    assert await caller.status_of(payment["id"]) == ("cancelled", "expired")
    assert (await caller.control("POST", "payments/17-1/approve")).status_code == 409


async def test_payment_stays_when_it_was_paid_in_time(caller: Caller, clock: ManualClock) -> None:
    payment = await caller.created()
    await caller.move("17-1", "approve")
    clock.advance(days=40)
    assert (await caller.status_of(payment["id"]))[0] == "approved"


async def test_expiry_is_noticed_by_itself_when_nobody_asks() -> None:
    expired = asyncio.Event()
    told: list[str] = []

    def listener(payment: Payment, _: str) -> None:
        told.append(payment.status_detail)
        if payment.status_detail == "expired":
            expired.set()

    now = SystemClock().now()
    book = PaymentBook(SystemClock(), listener)
    expiring = asyncio.create_task(book.keep_expiring())
    await asyncio.sleep(0)
    for number, seconds in enumerate((60.0, 0.05)):
        book.add(
            Payment(
                id=number,
                method=Method.PIX,
                payment_method_id="pix",
                amount_cents=100,
                status=Status.PENDING,
                status_detail="pending_waiting_transfer",
                created_at=now,
                updated_at=now,
                expires_at=now + timedelta(seconds=seconds),
            )
        )
    await expired.wait()
    expiring.cancel()
    assert told == ["pending_waiting_transfer", "pending_waiting_transfer", "expired"]
    assert [payment.status for payment in book.all()] == [Status.CANCELLED, Status.PENDING]
