from decimal import Decimal
from typing import Any

import pytest

from .conftest import CARD, PIX, Caller, ManualClock, exact, refusal


async def cancel(caller: Caller, payment_id: int) -> Any:
    return await caller.call("PUT", f"/{payment_id}", {"status": "cancelled"})


@pytest.mark.parametrize("body", [PIX, CARD | {"token": "CONT"}, CARD | {"capture": False}])
async def test_payment_is_cancelled_when_open(caller: Caller, body: dict[str, Any]) -> None:
    payment = await caller.created(body)
    answer = exact(await cancel(caller, payment["id"]))
    assert (answer["status"], answer["status_detail"]) == ("cancelled", "by_collector")
    assert await caller.status_of(payment["id"]) == ("cancelled", "by_collector")


@pytest.mark.parametrize("move", ["approve", "decline", "cancel", "expire"])
async def test_cancelling_is_refused_when_closed(caller: Caller, move: str) -> None:
    payment = await caller.created()
    moved = await caller.move(payment["id"], move)
    assert refusal(await cancel(caller, payment["id"])) == (400, 2018)
    assert (await caller.status_of(payment["id"]))[0] == moved["status"]


async def test_update_is_refused_when_it_is_not_a_cancellation(caller: Caller) -> None:
    payment = await caller.created()
    assert refusal(await caller.call("PUT", f"/{payment['id']}", {"status": "approved"})) == (400, 1)


async def test_all_money_goes_back_when_no_amount_is_named(caller: Caller) -> None:
    payment = await caller.created(CARD)
    refund = exact(await caller.refund(payment["id"]))
    assert (refund["status"], refund["amount"]) == ("approved", Decimal("89990.00"))
    answer = exact(await caller.call("GET", f"/{payment['id']}"))
    assert (answer["status"], answer["status_detail"]) == ("refunded", "refunded")
    assert answer["transaction_amount_refunded"] == Decimal("89990.00")
    assert answer["refunds"] == [refund]
    assert exact(await caller.call("GET", f"/{payment['id']}/refunds/{refund['id']}")) == refund
    assert refusal(await caller.call("GET", f"/{payment['id']}/refunds/1")) == (404, 2032)


async def test_rest_is_still_refundable_when_a_part_went_back(caller: Caller) -> None:
    payment = await caller.created(CARD)
    assert (await caller.refund(payment["id"], {"amount": 0.1})).status_code == 201
    assert await caller.status_of(payment["id"]) == ("approved", "partially_refunded")
    assert refusal(await caller.refund(payment["id"], {"amount": 89990}, "all")) == (
        400,
        "refund_amount_exceeds",
    )
    rest = exact(await caller.refund(payment["id"], key="rest"))
    assert rest["amount"] == Decimal("89989.90")
    assert await caller.status_of(payment["id"]) == ("refunded", "refunded")
    assert refusal(await caller.refund(payment["id"], key="again")) == (400, 2063)


@pytest.mark.parametrize(
    ("amount", "code"), [(0, 4040), (-1, 4040), ("1", 4041), (True, 4041), (0.001, 4041), ([], 4041)]
)
async def test_refund_is_refused_when_the_amount_is_wrong(caller: Caller, amount: object, code: int) -> None:
    payment = await caller.created(CARD)
    assert refusal(await caller.refund(payment["id"], {"amount": amount})) == (400, code)


@pytest.mark.parametrize("move", [None, "decline", "cancel", "in-process"])
async def test_refund_is_refused_when_not_approved(caller: Caller, move: str | None) -> None:
    payment = await caller.created()
    if move is not None:
        await caller.move(payment["id"], move)
    assert refusal(await caller.refund(payment["id"])) == (400, 2063)


async def test_refund_is_refused_when_charged_back(caller: Caller) -> None:
    payment = await caller.created(CARD)
    await caller.move(payment["id"], "charge-back")
    assert refusal(await caller.refund(payment["id"])) == (400, 2063)


async def test_refund_is_refused_when_the_payment_is_too_old(caller: Caller, clock: ManualClock) -> None:
    payment = await caller.created(CARD)
    clock.advance(days=181)
    assert refusal(await caller.refund(payment["id"])) == (404, 2024)


async def test_refund_is_refused_when_it_has_no_key(caller: Caller) -> None:
    payment = await caller.created(CARD)
    assert refusal(await caller.call("POST", f"/{payment['id']}/refunds")) == (400, 4292)


async def test_same_key_succeeds_later_when_the_balance_was_too_low(caller: Caller) -> None:
    payment = await caller.created(CARD)
    await caller.control(
        "POST", f"payments/{payment['id']}/refund-mode", {"mode": "insufficient_balance", "count": 2}
    )
    for _ in range(2):
        assert refusal(await caller.refund(payment["id"])) == (400, "insufficient_balance")
    assert exact(await caller.refund(payment["id"]))["status"] == "approved"


async def test_money_stays_when_the_refund_is_rejected(caller: Caller) -> None:
    payment = await caller.created(CARD)
    await caller.control("POST", f"payments/{payment['id']}/refund-mode", {"mode": "rejected", "count": 1})
    assert exact(await caller.refund(payment["id"]))["status"] == "rejected"
    assert exact(await caller.refund(payment["id"]))["status"] == "rejected"
    assert await caller.status_of(payment["id"]) == ("approved", "accredited")
    assert exact(await caller.refund(payment["id"], key="again"))["amount"] == Decimal("89990.00")


@pytest.mark.parametrize(("approved", "status"), [(True, "refunded"), (False, "approved")])
async def test_refund_in_process_ends_when_settled(caller: Caller, *, approved: bool, status: str) -> None:
    payment = await caller.created(CARD)
    await caller.control("POST", f"payments/{payment['id']}/refund-mode", {"mode": "in_process"})
    assert exact(await caller.refund(payment["id"]))["status"] == "in_process"
    assert (await caller.status_of(payment["id"]))[0] == "approved"
    assert refusal(await caller.refund(payment["id"], key="more")) == (400, "refund_amount_exceeds")
    await caller.move(payment["id"], "settle-refunds", {"approved": approved})
    assert (await caller.status_of(payment["id"]))[0] == status
    again = await caller.control("POST", f"payments/{payment['id']}/settle-refunds")
    assert again.status_code == 409
