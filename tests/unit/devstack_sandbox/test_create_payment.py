import base64
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from autodeal_devstack.sandbox.boleto_code import barcode_from_line, decode_barcode, due_date
from autodeal_devstack.sandbox.issue_payment import CARD_OUTCOMES
from autodeal_devstack.sandbox.pix_code import decode_pix_code

from .conftest import BOLETO, CARD, PAYER, PIX, Caller, ManualClock, exact, refusal


async def test_pix_waits_with_a_sound_code_when_created(caller: Caller) -> None:
    payment = await caller.created()
    assert (payment["status"], payment["status_detail"]) == ("pending", "pending_waiting_transfer")
    data = payment["point_of_interaction"]["transaction_data"]
    code = decode_pix_code(data["qr_code"])
    assert code.amount_cents == 8_999_000
    assert str(payment["id"]) in code.transaction_id
    assert base64.b64decode(data["qr_code_base64"]).startswith(b"\x89PNG")
    assert data["ticket_url"] == f"http://pay.test/pay/{payment['id']}"
    assert payment["date_of_expiration"] == "2026-11-02T12:00:00.000-03:00"


async def test_boleto_waits_with_sound_digits_when_created(caller: Caller) -> None:
    payment = await caller.created(BOLETO)
    assert (payment["status"], payment["status_detail"]) == ("pending", "pending_waiting_payment")
    details = payment["transaction_details"]
    barcode = details["barcode"]["content"]
    assert barcode_from_line(details["digitable_line"]) == barcode
    assert decode_barcode(barcode).amount_cents == 8_999_000
    assert due_date(decode_barcode(barcode).due_date_factor, near=date(2026, 11, 1)) == date(2026, 11, 4)
    assert details["external_resource_url"] == f"http://pay.test/pay/{payment['id']}"


@pytest.mark.parametrize("token", CARD_OUTCOMES)
async def test_card_ends_as_its_token_says_when_created(caller: Caller, token: str) -> None:
    payment = await caller.created(CARD | {"token": f"{token}-7"})
    assert (payment["status"], payment["status_detail"]) == CARD_OUTCOMES[token]
    assert (payment["date_approved"] is not None) == (token == "APRO")


async def test_card_is_only_authorized_when_not_captured(caller: Caller) -> None:
    payment = await caller.created(CARD | {"capture": False})
    assert (payment["status"], payment["status_detail"]) == ("authorized", "pending_capture")


async def test_card_is_rejected_instead_of_reviewed_when_binary(caller: Caller) -> None:
    payment = await caller.created(CARD | {"token": "CONT", "binary_mode": True})
    assert payment["status"] == "rejected"


@pytest.mark.parametrize(
    ("literal", "written"),
    [("89990", "89990.00"), ("0.1", "0.10"), ("123456789.99", "123456789.99"), ("1e2", "100.00")],
)
async def test_amount_is_exact_when_written_back(caller: Caller, literal: str, written: str) -> None:
    body = f'{{"transaction_amount":{literal},"payment_method_id":"pix","payer":{{"email":"a@b.co"}}}}'
    response = await caller.create(body)
    assert f'"transaction_amount":{written},' in response.text
    assert exact(response)["transaction_amount"] == Decimal(literal)


@pytest.mark.parametrize("literal", ["0", "-1", "0.001", '"100"', "null", "true", "1e300", "10000000000"])
async def test_amount_is_refused_when_it_is_no_sum_of_money(caller: Caller, literal: str) -> None:
    body = f'{{"transaction_amount":{literal},"payment_method_id":"pix","payer":{{"email":"a@b.co"}}}}'
    assert refusal(await caller.create(body)) == (400, 4037)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({key: value for key, value in PIX.items() if key != "transaction_amount"}, 4037),
        (PIX | {"payment_method_id": "barter"}, 3028),
        (PIX | {"payment_method_id": 7}, 1),
        (PIX | {"payer": None}, 4050),
        (PIX | {"payer": {"email": "nobody"}}, 4050),
        (PIX | {"payer": PAYER | {"identification": {"type": "CPF", "number": "11111111111"}}}, 2067),
        (PIX | {"payer": PAYER | {"identification": {"type": "CPF", "number": "52998224726"}}}, 2067),
        (PIX | {"notification_url": "not a url"}, 4020),
        (PIX | {"notification_url": "http://"}, 4020),
        (PIX | {"external_reference": "x" * 257}, 1),
        (BOLETO | {"payer": PAYER | {"address": None}}, 4052),
        (BOLETO | {"payer": PAYER | {"first_name": ""}}, 4051),
        (BOLETO | {"payer": PAYER | {"identification": None}}, 2067),
        (BOLETO | {"transaction_amount": 100_000_000}, 4037),
        (CARD | {"token": None}, 3003),
        (CARD | {"token": "4111111111111111"}, 2006),
        (CARD | {"installments": 0}, 4033),
    ],
)
async def test_payment_is_refused_when_a_field_is_wrong(
    caller: Caller, body: dict[str, Any], code: int
) -> None:
    assert refusal(await caller.create(body)) == (400, code)
    assert exact(await caller.control("GET", "payments")) == []


@pytest.mark.parametrize("body", ["{", "[]", "null", '"text"', '{"a":"\\u0000"}'])
async def test_payment_is_refused_when_the_body_is_no_object(caller: Caller, body: str) -> None:
    assert refusal(await caller.create(body)) == (400, 6)


async def test_payment_is_refused_when_the_body_is_empty(caller: Caller) -> None:
    assert refusal(await caller.create("")) == (400, 4037)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-01T13:00:00-03:00",
        "2026-11-01T13:00:00.000000-03:00",
        "2026-11-01",
        "2026-13-01T13:00:00.000-03:00",
        "2026-11-01T12:00:00.000-03:00",
        "2026-12-02T12:00:00.000-03:00",
    ],
)
async def test_expiration_is_refused_when_it_is_no_date_ahead(caller: Caller, text: str) -> None:
    assert refusal(await caller.create(PIX | {"date_of_expiration": text})) == (400, 23)


@pytest.mark.parametrize("offset", ["-03:00", "-0300", "Z"])
async def test_expiration_is_kept_when_it_lies_ahead(caller: Caller, offset: str) -> None:
    payment = await caller.created(PIX | {"date_of_expiration": f"2026-11-01T16:30:00.000{offset}"})
    expected = "2026-11-01T13:30" if offset == "Z" else "2026-11-01T16:30"
    assert payment["date_of_expiration"] == f"{expected}:00.000-03:00"


async def test_payer_is_forgotten_when_a_payment_is_created(caller: Caller) -> None:
    payment = await caller.created(BOLETO)
    texts = [
        (await caller.call("GET", f"/{payment['id']}")).text,
        (await caller.control("GET", "payments")).text,
        (await caller.control("GET", "calls")).text,
        (await caller.client.get(f"/pay/{payment['id']}")).text,
        (await caller.client.get("/")).text,
    ]
    assert not [text for text in texts if "ana@example" in text or "529" in text or "Lima" in text]


async def test_metadata_comes_back_unrounded_when_given(caller: Caller) -> None:
    response = await caller.create(
        '{"transaction_amount":1,"payment_method_id":"pix","payer":{"email":"a@b.co"},'
        '"metadata":{"weight":0.10000000000000000001,"order":17}}'
    )
    assert '"metadata":{"weight":0.10000000000000000001,"order":17}' in response.text


async def test_ids_are_new_when_everything_was_forgotten(caller: Caller, clock: ManualClock) -> None:
    first = await caller.created()
    await caller.control("POST", "reset")
    clock.advance(seconds=-30)
    assert (await caller.created())["id"] > first["id"]


async def test_call_is_refused_when_the_token_is_wrong(caller: Caller) -> None:
    response = await caller.client.get("/v1/payments/1", headers={"authorization": "Bearer other"})
    assert refusal(response) == (401, 401)
    assert refusal(await caller.client.get("/v1/payments/search")) == (401, 401)


@pytest.mark.parametrize("payment_id", ["1", "abc", "9" * 40, "-1"])
async def test_payment_is_not_found_when_unknown(caller: Caller, payment_id: str) -> None:
    assert refusal(await caller.call("GET", f"/{payment_id}")) == (404, 2000)
    assert refusal(await caller.call("PUT", f"/{payment_id}", {"status": "cancelled"})) == (404, 2000)
    assert refusal(await caller.call("GET", f"/{payment_id}/refunds")) == (404, 2000)
