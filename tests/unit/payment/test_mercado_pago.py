"""What is sent to Mercado Pago and what is read of its answers; when a call is made again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY

from autodeal_contracts.events.sale import PaymentMethod
from autodeal_payment.adapters import mercado_pago_messages as messages
from autodeal_payment.adapters.guarded_provider import GuardedProvider
from autodeal_payment.adapters.mercado_pago import MercadoPago, _Answer
from autodeal_payment.app.ports.fake_payer_directory import ANYBODY
from autodeal_payment.app.ports.fake_payment_provider import FakePaymentProvider
from autodeal_payment.app.ports.payment_provider import (
    CardSubmission,
    NewPayment,
    ProviderRefusedError,
    ProviderUnansweredError,
)
from autodeal_payment.domain.provider_payment import ProviderStatus, RefundStatus

NEW = NewPayment(
    reference="7-1",
    description="AutoDeal order 7",
    amount_cents=8_999_090,
    method=PaymentMethod.PIX,
    expires_at=datetime(2026, 3, 2, 12, 30, 0, 123456, tzinfo=UTC),
    payer=ANYBODY,
)
PAYMENT = {
    "id": 900,
    "status": "pending",
    "status_detail": "pending_waiting_transfer",
    "transaction_amount": 89990.9,
    "external_reference": "7-1",
    "point_of_interaction": {"transaction_data": {"qr_code": "00020126", "ticket_url": "https://pay"}},
}


class ScriptedProvider(MercadoPago):
    """Gives the answers of a script instead of sending anything."""

    def __init__(self, *answers: tuple[int, Any] | Exception) -> None:
        self.answers = list(answers)
        self.sent: list[tuple[str, str, str | None, bytes | None]] = []
        self.pauses: list[float] = []
        self._notification_url = "https://shop.example/webhook"
        self._pause = self._rest

    async def _rest(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def _send(self, method: str, path: str, key: str | None, body: bytes | None) -> _Answer:
        self.sent.append((method, path, key, body))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, content = answer
        retry_after = timedelta(seconds=9) if content == "later" else None
        return _Answer(status, json.dumps(content).encode(), retry_after)


def written(new: NewPayment) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(messages.write_payment(new, None))
    return body


def test_pix_says_who_and_until_when_but_not_where_when_written() -> None:
    body = written(NEW)
    assert body["transaction_amount"] == 89990.9
    assert b"89990.90" in messages.write_payment(NEW, None)
    assert body["payment_method_id"] == "pix"
    assert body["external_reference"] == "7-1"
    assert body["date_of_expiration"] == "2026-03-02T12:30:00.123+00:00"
    assert body["payer"]["identification"] == {"type": "CPF", "number": "52998224725"}
    assert "address" not in body["payer"]


def test_boleto_has_the_address_when_written() -> None:
    body = written(NewPayment(**{**_fields(NEW), "method": PaymentMethod.BOLETO}))
    assert body["payment_method_id"] == "bolbradesco"
    assert body["payer"]["address"]["federal_unit"] == "SP"


def test_card_has_its_token_and_no_expiry_when_written() -> None:
    card = CardSubmission(attempt=1, token="t0ken", payment_method_id="master", installments=2)
    body = written(NewPayment(**{**_fields(NEW), "method": PaymentMethod.CARD, "card": card}))
    assert (body["payment_method_id"], body["token"], body["installments"]) == ("master", "t0ken", 2)
    assert "date_of_expiration" not in body


def _fields(new: NewPayment) -> dict[str, Any]:
    return {name: getattr(new, name) for name in NewPayment.__dataclass_fields__}


@pytest.mark.parametrize(
    ("status", "detail", "expected"),
    [
        ("pending", "pending_waiting_transfer", ProviderStatus.PENDING),
        ("in_process", "pending_contingency", ProviderStatus.PENDING),
        ("authorized", "pending_capture", ProviderStatus.PENDING),
        ("in_mediation", None, ProviderStatus.PENDING),
        ("something_new", None, ProviderStatus.PENDING),
        ("approved", "accredited", ProviderStatus.APPROVED),
        ("rejected", "cc_rejected_high_risk", ProviderStatus.REJECTED),
        ("cancelled", "by_collector", ProviderStatus.CANCELLED),
        ("canceled", "by_payer", ProviderStatus.CANCELLED),
        ("cancelled", "expired", ProviderStatus.EXPIRED),
        ("canceled", "expired", ProviderStatus.EXPIRED),
        ("refunded", "refunded", ProviderStatus.REFUNDED),
        ("charged_back", "settled", ProviderStatus.CHARGED_BACK),
    ],
)
async def test_status_is_understood_when_spelled_either_way(
    status: str, detail: str | None, expected: ProviderStatus
) -> None:
    provider = ScriptedProvider((200, {**PAYMENT, "status": status, "status_detail": detail}))
    told = await provider.fetch("900")
    assert told is not None
    assert told.status is expected
    assert told.amount_cents == 8_999_090
    assert told.instructions.pix_code == "00020126"


async def test_latest_refund_is_told_when_there_are_several() -> None:
    refunds = [{"status": "rejected"}, {"status": "in_process"}]
    provider = ScriptedProvider((200, {**PAYMENT, "refunds": refunds}))
    told = await provider.fetch("900")
    assert told is not None
    assert told.refund is RefundStatus.IN_PROCESS


@pytest.mark.parametrize("status", [423, 424, 429, 500, 502, 503, 504])
async def test_call_is_made_again_with_its_key_when_the_answer_is_later(status: int) -> None:
    provider = ScriptedProvider((status, {}), (status, {}), (201, PAYMENT))
    made = await provider.create(NEW, key="7-1-create")
    assert made.provider_id == "900"
    assert [key for _, _, key, _ in provider.sent] == ["7-1-create"] * 3
    assert len({body for *_, body in provider.sent}) == 1
    assert len(provider.pauses) == 2


async def test_call_is_given_up_when_the_answer_stays_later() -> None:
    provider = ScriptedProvider(*[(503, {})] * 9)
    with pytest.raises(ProviderUnansweredError):
        await provider.create(NEW, key="k")
    assert len(provider.sent) == 3


async def test_long_pause_is_left_to_the_janitor_when_the_provider_asks_for_it() -> None:
    provider = ScriptedProvider((429, "later"))
    with pytest.raises(ProviderUnansweredError) as given_up:
        await provider.create(NEW, key="k")
    assert given_up.value.retry_after == timedelta(seconds=9)
    assert provider.pauses == []


async def test_call_is_not_made_again_when_it_timed_out() -> None:
    provider = ScriptedProvider(ProviderUnansweredError("TimeoutError"))
    with pytest.raises(ProviderUnansweredError):
        await provider.create(NEW, key="k")
    assert len(provider.sent) == 1


async def test_payment_is_unknown_and_not_refused_when_our_token_is_wrong() -> None:
    provider = ScriptedProvider((401, {"error": "unauthorized"}), (201, PAYMENT))
    assert (await provider.create(NEW, key="k")).provider_id == "900"
    with pytest.raises(ProviderUnansweredError):
        await ScriptedProvider(*[(401, {})] * 3).create(NEW, key="k")


@pytest.mark.parametrize("status", [400, 402, 403, 404, 422])
async def test_payment_is_refused_with_a_word_when_the_answer_is_final(status: int) -> None:
    error = {"message": "maria@example.com is wrong", "error": "bad_request", "cause": [{"code": 4050}]}
    provider = ScriptedProvider((status, error))
    with pytest.raises(ProviderRefusedError) as refusal:
        await provider.create(NEW, key="k")
    assert refusal.value.reason == f"provider_{status}_4050"


async def test_payment_is_looked_up_when_its_key_was_used_with_another_body() -> None:
    provider = ScriptedProvider((409, {"error": "idempotency_key_already_used"}))
    with pytest.raises(ProviderUnansweredError):
        await provider.create(NEW, key="k")


@pytest.mark.parametrize(
    "answer", [(200, "text"), (200, {}), (200, {**PAYMENT, "transaction_amount": 0.001})]
)
async def test_answer_counts_as_none_when_unreadable(answer: tuple[int, Any]) -> None:
    with pytest.raises(ProviderUnansweredError):
        await ScriptedProvider(answer).fetch("900")


async def test_payment_is_unknown_only_when_the_provider_says_so() -> None:
    assert await ScriptedProvider((404, {})).fetch("900") is None
    for status in (400, 403):
        with pytest.raises(ProviderUnansweredError):
            await ScriptedProvider((status, {})).fetch("900")


async def test_weightiest_is_found_when_several_have_one_reference() -> None:
    found = [
        {**PAYMENT, "id": 1, "status": "cancelled"},
        {**PAYMENT, "id": 2, "status": "approved"},
        {**PAYMENT, "id": 3, "status": "pending"},
        {**PAYMENT, "id": 4, "status": "approved", "external_reference": "7-10"},
    ]
    told = await ScriptedProvider((200, {"results": found})).find("7-1")
    assert told is not None
    assert told.provider_id == "2"
    assert await ScriptedProvider((200, {"results": []})).find("7-1") is None


async def test_calls_fail_at_once_when_the_provider_has_been_away() -> None:
    now = 0.0
    provider = FakePaymentProvider(away=True)
    guarded = GuardedProvider(provider, failure_limit=3, pause_seconds=2.0, clock=lambda: now)
    for _ in range(5):
        with pytest.raises(ProviderUnansweredError):
            await guarded.find("7-1")
    assert provider.calls["find"] == 3
    assert REGISTRY.get_sample_value("autodeal_payment_provider_shut_off") == 1
    now, provider.away = 2.5, False
    assert await guarded.find("7-1") is None
    assert await guarded.find("7-1") is None
    assert provider.calls["find"] == 5
    assert REGISTRY.get_sample_value("autodeal_payment_provider_shut_off") == 0


def test_nothing_personal_is_shown_when_printed() -> None:
    card = CardSubmission(attempt=1, token="t0ken", payment_method_id="master", installments=2)
    shown = repr(NEW) + repr(ANYBODY) + repr(card)
    for secret in ("maria@example.com", "52998224725", "Maria", "Flores", "t0ken"):
        assert secret not in shown
