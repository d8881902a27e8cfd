from typing import Any

import pytest

from autodeal_devstack.sandbox.idempotency_keys import IdempotencyKeys
from autodeal_devstack.sandbox.provider_errors import ProviderError

from .conftest import CARD, PIX, Caller, ManualClock, exact, refusal


async def payments(caller: Caller) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = exact(await caller.control("GET", "payments"))
    return found


async def test_first_answer_comes_back_when_the_request_is_repeated(caller: Caller) -> None:
    first = await caller.create()
    await caller.move("17-1", "approve")
    second = await caller.create()
    assert (second.status_code, second.content) == (201, first.content)
    assert len(await payments(caller)) == 1


async def test_request_counts_as_the_same_when_only_its_layout_differs(caller: Caller) -> None:
    first = await caller.create(
        '{"transaction_amount":1,"payment_method_id":"pix","payer":{"email":"a@b.co"}}'
    )
    second = await caller.create(
        '{ "payer": {"email": "a@b.co"}, "payment_method_id": "pix", "transaction_amount": 1 }'
    )
    assert second.content == first.content


async def test_key_is_refused_when_the_request_differs(caller: Caller) -> None:
    await caller.created()
    assert refusal(await caller.create(PIX | {"transaction_amount": 1})) == (
        409,
        "idempotency_key_already_used",
    )
    assert len(await payments(caller)) == 1


@pytest.mark.parametrize("key", [None, "", "k" * 65])
async def test_payment_is_refused_when_the_key_is_missing_or_long(caller: Caller, key: str | None) -> None:
    assert refusal(await caller.create(key=key)) == (400, 4292)
    assert await payments(caller) == []


async def test_key_is_free_when_its_request_was_refused(caller: Caller) -> None:
    assert refusal(await caller.create(CARD | {"token": "none"})) == (400, 2006)
    assert (await caller.created())["status"] == "pending"


async def test_key_is_forgotten_when_a_day_has_passed(caller: Caller, clock: ManualClock) -> None:
    first = await caller.created()
    clock.advance(hours=23, minutes=59)
    assert (await caller.created())["id"] == first["id"]
    clock.advance(minutes=2)
    assert (await caller.created())["id"] != first["id"]


def test_key_is_locked_when_its_request_still_runs() -> None:
    keys = IdempotencyKeys()
    with keys.reserve("create", "key"):
        with pytest.raises(ProviderError) as refused, keys.reserve("create", "key"):
            pass
        assert (refused.value.status, refused.value.error) == (423, "resource_locked")
        with keys.reserve("refund 7", "key"), keys.reserve("create", "other"):
            pass
    with keys.reserve("create", "key"):
        pass


def test_key_is_unlocked_when_its_request_failed() -> None:
    keys = IdempotencyKeys()
    with pytest.raises(RuntimeError), keys.reserve("create", "key"):
        raise RuntimeError
    with keys.reserve("create", "key"):
        pass


async def test_refund_is_made_once_when_repeated(caller: Caller) -> None:
    payment = await caller.created(CARD)
    first = await caller.refund(payment["id"], {"amount": 10})
    second = await caller.refund(payment["id"], {"amount": 10})
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert len(exact(await caller.call("GET", f"/{payment['id']}/refunds"))) == 1
    other = await caller.refund(payment["id"], {"amount": 11})
    assert refusal(other) == (409, "idempotency_key_already_used")


async def test_key_of_a_refund_is_free_when_used_for_another_payment(caller: Caller) -> None:
    for key in ("a", "b"):
        payment = await caller.created(CARD, key)
        assert (await caller.refund(payment["id"])).status_code == 201
