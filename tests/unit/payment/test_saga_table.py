"""The saga table and the handlers agree, in both directions.

Forwards: every row, in each state and standing it names, drives its handler to what it says.
Backwards: whatever a handler does in any state and standing, a row says it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from autodeal_contracts.catalog import type_name
from autodeal_contracts.events.sale import (
    CancelReason,
    PaymentMethod,
    SaleCancelled,
    SaleCompleted,
    SaleEvent,
    SaleInitialized,
    SaleRefundRequested,
)
from autodeal_contracts.saga import PAYMENT_SAGA, PaymentReaction, PaymentState, SaleStanding
from autodeal_payment.app.handle_sale_event import decide
from autodeal_payment.domain.apply_observation import absorb
from autodeal_payment.domain.next_step import next_step
from autodeal_payment.domain.observations import (
    CardGone,
    NotFound,
    Observation,
    Operation,
    RefundDue,
    RefundRefused,
    Seen,
    Unanswered,
)
from autodeal_payment.domain.outcome import Outcome
from autodeal_payment.domain.payment import ENDED_UNPAID, NEVER_SEEN, Payment
from autodeal_payment.domain.provider_payment import ProviderPayment, ProviderStatus
from autodeal_payment.domain.sale import Sale
from autodeal_payment.domain.sale_acts import choose_payment
from autodeal_payment.domain.schedule import Moment, Schedule
from autodeal_payment.domain.steps import (
    CancelAtProvider,
    CreateAtProvider,
    FetchFromProvider,
    FindAtProvider,
    RefundAtProvider,
)
from autodeal_payment.in_memory import BEGINNING

PRICE = 100
SCHEDULE = Schedule()
LATER = Moment(now=BEGINNING + timedelta(minutes=1), schedule=SCHEDULE)
"""Late enough that no call can be under way, and before the deadline."""
INITIALIZED = SaleInitialized(
    order_id=7,
    vehicle_id=1,
    buyer_id="buyer",
    amount_cents=PRICE,
    payment_method=PaymentMethod.PIX,
    expires_at=BEGINNING + timedelta(minutes=30),
)
CONDITIONS = (
    "",
    "it_counts",
    "paid_already",
    "amount_differs",
    "still_wanted",
    "superseded",
    "past_deadline",
    "card_gone",
)
BEGINNINGS = {"sale.initialized", "buyer.choose_payment"}
TRIGGERS = sorted({row.trigger for row in PAYMENT_SAGA} - BEGINNINGS)
CALLS: dict[str, type] = {
    "create": CreateAtProvider,
    "find": FindAtProvider,
    "cancel": CancelAtProvider,
    "refund": RefundAtProvider,
}


def told(status: ProviderStatus, cents: int = PRICE) -> ProviderPayment:
    return ProviderPayment(
        provider_id="900", reference="7-1", status=status, detail="detail", amount_cents=cents
    )


def situation(state: PaymentState, standing: SaleStanding, condition: str) -> tuple[Sale, Moment]:
    """Make a sale whose one payment is in that state, as the condition wants it."""
    heard = state not in NEVER_SEEN
    payment = Payment(
        order_id=7,
        attempt=1,
        method=PaymentMethod.CARD if condition == "card_gone" else PaymentMethod.PIX,
        amount_cents=PRICE,
        state=state,
        created_at=BEGINNING,
        changed_at=BEGINNING,
        expires_at=INITIALIZED.expires_at,
        provider_expires_at=INITIALIZED.expires_at,
        superseded_by="7-2" if condition == "superseded" else None,
        provider_id="900" if heard else None,
        taken_cents=PRICE if heard and state not in ENDED_UNPAID | {PaymentState.PENDING} else None,
    )
    sale = Sale(
        order_id=7,
        buyer_id="buyer",
        amount_cents=PRICE,
        standing=standing,
        created_at=BEGINNING,
        expires_at=INITIALIZED.expires_at,
        version=1,
        payments=(payment,),
        approved_payment_id="7-9" if condition == "paid_already" else None,
    )
    moment = replace(LATER, now=INITIALIZED.expires_at) if condition == "past_deadline" else LATER
    return sale, moment


def react(trigger: str, sale: Sale, condition: str, moment: Moment) -> Outcome:
    """Let the trigger happen, through the function that the handler uses."""
    if trigger.startswith("sale."):
        events: dict[str, SaleEvent] = {
            "sale.cancelled": SaleCancelled(order_id=7, vehicle_id=1, reason=CancelReason.DEADLINE_PASSED),
            "sale.completed": SaleCompleted(order_id=7, vehicle_id=1, payment_id="7-1", amount_cents=PRICE),
            "sale.refund_requested": SaleRefundRequested(
                order_id=7, vehicle_id=1, payment_id="7-1", amount_cents=PRICE
            ),
        }
        return decide(events[trigger], sale, moment)
    cents = PRICE - 1 if condition == "amount_differs" else PRICE
    observations: dict[str, Observation] = {
        "provider.timed_out": Unanswered(1, Operation.CREATE),
        "provider.not_found": NotFound(1),
        "provider.refund_refused": RefundRefused(1, "no_balance", told(ProviderStatus.APPROVED)),
        "clock.refund_retry_due": RefundDue(1),
        "clock.card_gone": CardGone(1),
    }
    if trigger not in observations:
        status = ProviderStatus(trigger.removeprefix("provider."))
        observations[trigger] = Seen(1, told(status, cents), Operation.FETCH)
    return absorb(sale, observations[trigger], moment)


def leads_to(call: str, sale: Sale, moment: Moment) -> bool:
    """Tell whether the engine makes that call next, perhaps after asking how things are."""
    status = ProviderStatus.PENDING if sale.payment(1).is_unsettled else ProviderStatus.APPROVED
    step = next_step(sale, moment)
    while not isinstance(step, CALLS[call]) and isinstance(step, FetchFromProvider | FindAtProvider):
        sale = absorb(sale, Seen(1, told(status), Operation.FETCH), moment).sale
        step = next_step(sale, moment)
    return isinstance(step, CALLS[call])


def cases(row: PaymentReaction) -> Iterator[tuple[PaymentState, SaleStanding]]:
    return product(row.when, row.sale)


ROWS = [row for row in PAYMENT_SAGA if row.trigger not in BEGINNINGS]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.trigger}-{row.then}-{row.condition}")
def test_handler_does_what_the_row_says_when_its_trigger_comes(row: PaymentReaction) -> None:
    for state, standing in cases(row):
        sale, moment = situation(state, standing, row.condition)
        outcome = react(row.trigger, sale, row.condition, moment)
        assert outcome.sale.payment(1).state is (row.then or state), (state, standing)
        assert tuple(type_name(event) for event in outcome.events) == row.emits, (state, standing)
        assert sum(entry.amount_cents for entry in outcome.entries) == 0
        if row.calls:
            assert leads_to(row.calls.split(maxsplit=1)[0].strip(","), outcome.sale, moment), (
                state,
                standing,
            )


@pytest.mark.parametrize(("trigger", "condition"), list(product(TRIGGERS, CONDITIONS)))
def test_a_row_says_what_the_handler_does_when_anything_happens(trigger: str, condition: str) -> None:
    for state, standing in product(PaymentState, SaleStanding):
        sale, moment = situation(state, standing, condition)
        outcome = react(trigger, sale, condition, moment)
        after = outcome.sale.payment(1).state
        emitted = tuple(type_name(event) for event in outcome.events)
        if after is state and not emitted:
            continue
        saying = [
            row
            for row in ROWS
            if row.trigger in {trigger, outcome.trigger}
            and state in row.when
            and standing in row.sale
            and row.then is after
            and row.emits == emitted
        ]
        assert saying, f"{trigger} in {state} ({standing}, {condition}): {after}, {emitted}"


def test_first_payment_is_requested_when_a_sale_begins() -> None:
    outcome = decide(INITIALIZED, None, LATER)
    assert [payment.state for payment in outcome.sale.payments] == [PaymentState.REQUESTED]
    assert outcome.sale.standing is SaleStanding.OPEN
    assert outcome.events == ()
    assert leads_to("create", outcome.sale, LATER)


def test_next_payment_is_requested_when_the_buyer_chooses() -> None:
    sale, moment = situation(PaymentState.REJECTED, SaleStanding.OPEN, "")
    outcome, chosen = choose_payment(sale, PaymentMethod.PIX, None, moment)
    assert chosen.state is PaymentState.REQUESTED
    assert outcome.events == ()
    assert next_step(outcome.sale, moment) == CreateAtProvider(2)


def test_every_condition_is_one_the_tests_know_when_named_in_a_row() -> None:
    assert {row.condition for row in PAYMENT_SAGA} <= set(CONDITIONS)
