"""Purchases on DynamoDB and the sandbox: each way they can go wrong ends well."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from autodeal_contracts.events.sale import PaymentMethod
from autodeal_contracts.saga import PaymentState
from autodeal_payment.app.choose_payment import ChoosePaymentCommand
from autodeal_payment.app.handle_sale_event import decide
from autodeal_payment.app.ports.payment_provider import CardSubmission
from autodeal_payment.domain.outcome import Outcome
from autodeal_payment.domain.provider_payment import ProviderStatus
from autodeal_payment.domain.sale_acts import RequestKey

if TYPE_CHECKING:
    from tests.integration.payment.conftest import Desk

pytestmark = pytest.mark.integration


async def ledger_sum(desk: Desk) -> int:
    return sum(int(item["amount_cents"]["N"]) for item in await desk.items("LEDGER#"))


async def test_pix_is_shown_and_paid_when_all_goes_well(desk: Desk) -> None:
    await desk.begin()
    payment = (await desk.sale()).payment(1)
    assert payment.state is PaymentState.PENDING
    assert payment.instructions.pix_code is not None
    await desk.sandbox.approve(desk.reference)
    await desk.notify()
    assert await desk.states() == [PaymentState.APPROVED]
    assert await desk.events() == ["payment.created", "payment.approved"]
    assert len(await desk.items("LEDGER#")) == 2
    assert await ledger_sum(desk) == 0
    versions = [item["sk"]["S"] for item in await desk.items("AUDIT#")]
    assert versions == [f"AUDIT#{number:08d}" for number in range(1, (await desk.sale()).version + 1)]


async def test_boleto_has_its_line_when_the_buyer_chooses_it(desk: Desk) -> None:
    await desk.begin(PaymentMethod.BOLETO)
    line = (await desk.sale()).payment(1).instructions.boleto_line
    assert line is not None
    assert sum(letter.isdigit() for letter in line) == 47


async def test_one_payment_is_made_when_the_answer_is_lost_after_the_effect(desk: Desk) -> None:
    await desk.sandbox.fault("create", kind="timeout_after_effect", reference=desk.reference, count=1)
    await desk.begin()
    assert await desk.states() == [PaymentState.PENDING]
    assert len(await desk.sandbox.payments(desk.reference)) == 1
    assert await desk.count_calls("search") == 1


async def test_one_payment_is_made_when_the_request_is_lost(desk: Desk) -> None:
    await desk.sandbox.fault("create", kind="timeout_before_effect", reference=desk.reference, count=1)
    await desk.begin()
    assert await desk.states() == [PaymentState.PENDING]
    keys = {call.idempotency_key for call in await desk.sandbox.calls(desk.reference, "create")}
    assert keys == {f"{desk.reference}-create"}
    assert len(await desk.sandbox.payments(desk.reference)) == 1


async def test_one_payment_is_made_when_the_search_lags_behind(desk: Desk) -> None:
    await desk.sandbox.fault("create", kind="timeout_after_effect", reference=desk.reference, count=1)
    await desk.sandbox.fault("search", kind="late", reference=desk.reference, delay_ms=60_000)
    await desk.begin()
    assert await desk.states() == [PaymentState.PENDING]
    assert len(await desk.sandbox.payments(desk.reference)) == 1


@pytest.mark.parametrize("status", [423, 424, 429, 500, 503])
async def test_call_is_repeated_with_its_key_when_the_provider_says_later(desk: Desk, status: int) -> None:
    await desk.sandbox.fault(
        "create", kind="status", status=status, reference=desk.reference, count=2, retry_after_seconds=0
    )
    await desk.begin()
    assert await desk.states() == [PaymentState.PENDING]
    assert await desk.count_calls("create") == 3
    assert await desk.count_calls("search") == 0


async def test_janitor_goes_on_when_the_provider_was_away(desk: Desk) -> None:
    await desk.sandbox.fault(kind="status", status=503, reference=desk.reference)
    await desk.begin()
    assert await desk.states() == [PaymentState.UNKNOWN]
    assert await desk.events() == []
    await desk.sandbox.clear_faults()
    await desk.put_clock_forward(timedelta(minutes=1))
    assert await desk.states() == [PaymentState.PENDING]
    assert await desk.events() == ["payment.created"]


async def test_payment_is_made_when_the_process_died_after_the_intent(desk: Desk) -> None:
    event = desk.initialized()
    await desk.changer.change(desk.order_id, lambda sale, moment: decide(event, sale, moment), handled="died")
    assert await desk.states() == [PaymentState.REQUESTED]
    assert await desk.count_calls("create") == 0
    await desk.put_clock_forward(timedelta(seconds=6))
    assert await desk.states() == [PaymentState.PENDING]


async def test_payment_is_made_when_the_message_comes_again_after_a_death(desk: Desk) -> None:
    event = desk.initialized()
    await desk.changer.change(
        desk.order_id, lambda sale, moment: decide(event, sale, moment), handled=f"begin-{desk.order_id}"
    )
    await desk.begin()
    assert await desk.states() == [PaymentState.PENDING]


async def test_provider_is_called_once_when_a_message_comes_twice(desk: Desk) -> None:
    await desk.begin()
    await desk.begin()
    assert await desk.count_calls("create") == 1
    assert await desk.events() == ["payment.created"]


async def test_one_payment_is_made_when_many_handle_the_same_message_at_once(desk: Desk) -> None:
    await asyncio.gather(*(desk.begin() for _ in range(5)), return_exceptions=True)
    await desk.put_clock_forward(timedelta(seconds=10))
    assert len(await desk.sandbox.payments(desk.reference)) == 1
    assert await desk.states() == [PaymentState.PENDING]
    assert await desk.events() == ["payment.created"]


async def test_nothing_changes_when_a_webhook_comes_three_times(desk: Desk) -> None:
    await desk.begin()
    await desk.sandbox.approve(desk.reference)
    for _ in range(3):
        await desk.notify()
    assert await desk.events() == ["payment.created", "payment.approved"]
    assert await ledger_sum(desk) == 0


async def test_janitor_finds_the_approval_when_the_webhook_is_lost(desk: Desk) -> None:
    await desk.begin()
    await desk.sandbox.approve(desk.reference)
    await desk.put_clock_forward(desk.schedule.first_check)
    assert await desk.states() == [PaymentState.APPROVED]


async def test_payment_goes_through_review_when_the_provider_looks_first(desk: Desk) -> None:
    await desk.begin()
    await desk.sandbox.set_in_process(desk.reference)
    await desk.notify()
    assert await desk.states() == [PaymentState.PENDING]
    await desk.sandbox.approve(desk.reference)
    await desk.notify()
    assert await desk.states() == [PaymentState.APPROVED]
    assert await desk.events() == ["payment.created", "payment.approved"]


async def test_money_goes_back_when_the_approval_comes_after_the_cancellation(desk: Desk) -> None:
    await desk.begin()
    await desk.cancel()
    assert await desk.states() == [PaymentState.CANCELLED]
    await desk.sandbox.approve(desk.reference, force=True)
    await desk.notify()
    assert await desk.states() == [PaymentState.REFUNDED]
    assert await desk.events() == [
        "payment.created",
        "payment.cancelled",
        "payment.approved",
        "payment.refunded",
    ]
    assert await ledger_sum(desk) == 0


async def test_money_goes_back_when_the_cancellation_comes_after_the_approval(desk: Desk) -> None:
    await desk.begin()
    await desk.sandbox.approve(desk.reference)
    await desk.cancel()
    assert await desk.states() == [PaymentState.REFUNDED]
    assert await desk.events() == ["payment.created", "payment.approved", "payment.refunded"]
    assert (await desk.sandbox.payment(desk.reference)).refunded_amount == 89990


async def test_one_refund_is_made_when_its_answer_is_lost(desk: Desk) -> None:
    await desk.begin()
    await desk.sandbox.approve(desk.reference)
    await desk.sandbox.fault("refund", kind="timeout_after_effect", reference=desk.reference, count=1)
    await desk.cancel()
    assert await desk.states() == [PaymentState.REFUNDING]
    await desk.put_clock_forward(timedelta(seconds=5))
    assert await desk.states() == [PaymentState.REFUNDED]
    assert await desk.count_calls("refund") == 1


async def test_refund_is_tried_again_with_its_key_when_the_balance_is_short(desk: Desk) -> None:
    await desk.begin()
    await desk.sandbox.approve(desk.reference)
    await desk.sandbox.refuse_refunds(desk.reference, count=1)
    await desk.cancel()
    assert await desk.states() == [PaymentState.REFUND_FAILED]
    await desk.put_clock_forward(timedelta(minutes=2))
    assert await desk.states() == [PaymentState.REFUNDED]
    keys = [call.idempotency_key for call in await desk.sandbox.calls(desk.reference, "refund")]
    assert keys == [f"{desk.reference}-refund"] * 2


@pytest.mark.parametrize("approved", [True, False])
async def test_refund_is_watched_when_the_provider_takes_its_time(desk: Desk, approved: bool) -> None:  # noqa: FBT001
    await desk.begin()
    await desk.sandbox.approve(desk.reference)
    await desk.sandbox.refuse_refunds(desk.reference, count=1, mode="in_process")
    await desk.cancel()
    assert await desk.states() == [PaymentState.REFUNDING]
    await desk.sandbox.settle_refunds(desk.reference, approved=approved)
    await desk.put_clock_forward(timedelta(minutes=2))
    expected = PaymentState.REFUNDED if approved else PaymentState.REFUND_FAILED
    assert await desk.states() == [expected]
    await desk.put_clock_forward(timedelta(minutes=5))
    assert await desk.states() == [PaymentState.REFUNDED]


async def test_older_payment_is_called_off_when_the_buyer_chooses_again(desk: Desk) -> None:
    await desk.begin()
    chosen = await desk.choose_payment(
        ChoosePaymentCommand(order_id=desk.order_id, buyer_id="buyer", method=PaymentMethod.BOLETO)
    )
    assert chosen.status is PaymentState.PENDING
    assert chosen.boleto_line is not None
    assert await desk.states() == [PaymentState.CANCELLED, PaymentState.PENDING]
    assert (await desk.sale()).payment(1).superseded_by == chosen.id


async def test_older_payment_wins_when_it_was_paid_meanwhile(desk: Desk) -> None:
    await desk.begin()
    await desk.sandbox.approve(desk.reference)
    chosen = await desk.choose_payment(
        ChoosePaymentCommand(order_id=desk.order_id, buyer_id="buyer", method=PaymentMethod.PIX)
    )
    assert chosen.attempt == 2
    await desk.put_clock_forward(timedelta(minutes=1))
    assert await desk.states() == [PaymentState.APPROVED, PaymentState.CANCELLED]
    assert await desk.sandbox.payments(f"{desk.order_id}-2") == []


async def test_card_is_charged_and_its_token_kept_nowhere_when_submitted(desk: Desk) -> None:
    token = "APRO-5e1f90aa"
    await desk.begin(PaymentMethod.CARD)
    card = CardSubmission(attempt=0, token=token, payment_method_id="master", installments=1)
    chosen = await desk.choose_payment(
        ChoosePaymentCommand(
            order_id=desk.order_id,
            buyer_id="buyer",
            method=PaymentMethod.CARD,
            card=card,
            key=RequestKey(digest=f"{desk.order_id:064d}", fingerprint="f"),
        )
    )
    assert chosen.status is PaymentState.APPROVED
    everything = await desk.client.scan(TableName=desk.table, ConsistentRead=True)
    assert token not in repr(everything["Items"])
    assert token not in repr(card)


async def test_card_is_rejected_when_its_token_died_with_the_process(desk: Desk) -> None:
    await desk.begin(PaymentMethod.CARD)
    command = ChoosePaymentCommand(order_id=desk.order_id, buyer_id="buyer", method=PaymentMethod.CARD)
    await desk.choose_payment._request(command)
    await desk.put_clock_forward(timedelta(minutes=1))
    payment = (await desk.sale()).payment(1)
    assert (payment.state, payment.reason) == (PaymentState.REJECTED, "not_submitted")
    assert await desk.count_calls("create") == 0


async def test_wrong_amount_goes_back_when_the_provider_took_another(desk: Desk) -> None:
    await desk.begin()
    await desk.sandbox.approve(desk.reference)
    sale = await desk.sale()
    dearer = replace(sale, amount_cents=sale.amount_cents + 1)
    await desk.changer.change(desk.order_id, lambda *_: Outcome(sale=dearer, trigger="test"))
    await desk.notify()
    assert await desk.states() == [PaymentState.REFUNDED]
    assert (await desk.sale()).approved_payment_id is None
    assert (await desk.sale()).payment(1).reason == "amount_differs"


async def test_notification_is_ignored_when_it_is_about_somebody_elses_payment(desk: Desk) -> None:
    await desk.notify("999999999")
    other = await desk.provider.find("1-1")
    assert other is None
    await desk.put_clock_forward(timedelta(minutes=1))


async def test_payment_is_learned_from_a_webhook_when_it_overtakes_our_own_answer(desk: Desk) -> None:
    await desk.sandbox.fault("create", kind="timeout_after_effect", reference=desk.reference, count=1)
    await desk.sandbox.fault("search", kind="status", status=503, reference=desk.reference)
    await desk.begin()
    assert await desk.states() == [PaymentState.UNKNOWN]
    await desk.sandbox.approve(desk.reference)
    await desk.notify()
    assert await desk.states() == [PaymentState.APPROVED]


async def test_purchase_is_rejected_when_the_payer_is_gone(desk: Desk) -> None:
    desk.payers.forgotten.add("buyer")
    await desk.begin()
    payment = (await desk.sale()).payment(1)
    assert (payment.state, payment.reason) == (PaymentState.REJECTED, "payer_unknown")
    assert await desk.count_calls("create") == 0


async def test_charge_back_is_told_when_the_bank_takes_the_money(desk: Desk) -> None:
    await desk.begin()
    await desk.sandbox.approve(desk.reference)
    await desk.notify()
    await desk.sandbox.charge_back(desk.reference)
    await desk.notify()
    assert await desk.states() == [PaymentState.CHARGED_BACK]
    assert await ledger_sum(desk) == 0


async def test_expiry_is_told_when_nobody_pays(desk: Desk) -> None:
    await desk.begin()
    await desk.sandbox.expire(desk.reference)
    await desk.notify()
    assert await desk.states() == [PaymentState.EXPIRED]
    assert (await desk.sale()).payment(1).provider_status is ProviderStatus.EXPIRED


async def test_payments_are_listed_when_asked_by_their_buyer(desk: Desk) -> None:
    await desk.begin()
    mine = await desk.find_payments.one(desk.reference, caller="buyer", is_admin=False)
    assert mine.pix_code is not None
