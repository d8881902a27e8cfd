"""An answer may come when somebody else has long gone on: it changes only what is still true."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from autodeal_contracts.events.payment import PaymentInstructions
from autodeal_contracts.events.sale import PaymentMethod
from autodeal_contracts.saga import PAYMENT_TRANSITIONS, PaymentState, SaleStanding
from autodeal_payment.domain.apply_observation import absorb
from autodeal_payment.domain.next_step import next_step
from autodeal_payment.domain.observations import (
    CardGone,
    NotCalled,
    NotFound,
    Observation,
    Operation,
    RefundAnswered,
    RefundDue,
    RefundRefused,
    Refused,
    Seen,
    Unanswered,
)
from autodeal_payment.domain.payment import Payment
from autodeal_payment.domain.provider_payment import (
    ProviderPayment,
    ProviderRefund,
    ProviderStatus,
    RefundStatus,
)
from autodeal_payment.domain.sale import Sale
from autodeal_payment.domain.schedule import Moment, Schedule
from autodeal_payment.domain.steps import CancelAtProvider
from autodeal_payment.in_memory import BEGINNING

MOMENT = Moment(now=BEGINNING + timedelta(minutes=1), schedule=Schedule())
KNOWN = sorted(set(PaymentState) - {PaymentState.REQUESTED, PaymentState.UNKNOWN})


def told(status: ProviderStatus, provider_id: str = "900") -> ProviderPayment:
    return ProviderPayment(provider_id=provider_id, reference="7-1", status=status, amount_cents=100)


def sale_with(state: PaymentState, standing: SaleStanding = SaleStanding.OPEN) -> Sale:
    end = BEGINNING + timedelta(minutes=30)
    payment = Payment(
        order_id=7,
        attempt=1,
        method=PaymentMethod.PIX,
        amount_cents=100,
        state=state,
        created_at=BEGINNING,
        changed_at=BEGINNING,
        expires_at=end,
        provider_expires_at=end,
        provider_id="900" if state in KNOWN else None,
    )
    return Sale(
        order_id=7,
        buyer_id="buyer",
        amount_cents=100,
        standing=standing,
        created_at=BEGINNING,
        expires_at=end,
        payments=(payment,),
    )


OBSERVATIONS: list[Observation] = [
    *(Seen(1, told(status), operation) for status, operation in product(ProviderStatus, Operation)),
    NotFound(1),
    Refused(1, "4050"),
    *(Unanswered(1, operation) for operation in Operation),
    NotCalled(1),
    CardGone(1),
    *(RefundAnswered(1, ProviderRefund(status=status)) for status in RefundStatus),
    RefundRefused(1, "no_balance", None),
    *(RefundRefused(1, "2063", told(status)) for status in ProviderStatus),
    RefundDue(1),
]


@pytest.mark.parametrize("state", PaymentState)
def test_any_answer_is_taken_in_by_legal_steps_when_it_comes_in_any_state(state: PaymentState) -> None:
    reachable = {state}
    for _ in PaymentState:
        reachable |= {after for before in reachable for after in PAYMENT_TRANSITIONS[before]}
    for observation, standing in product(OBSERVATIONS, SaleStanding):
        outcome = absorb(sale_with(state, standing), observation, MOMENT)
        assert outcome.sale.payment(1).state in reachable
        assert sum(entry.amount_cents for entry in outcome.entries) == 0
        again = absorb(outcome.sale, observation, MOMENT)
        if not isinstance(observation, RefundDue | RefundRefused | RefundAnswered):
            assert again.events == (), (state, standing, observation)


@pytest.mark.parametrize("state", KNOWN)
@pytest.mark.parametrize("observation", [Refused(1, "4050"), CardGone(1), Unanswered(1, Operation.CREATE)])
def test_failed_creation_changes_nothing_when_the_payment_is_known(
    state: PaymentState, observation: Observation
) -> None:
    sale = sale_with(state)
    outcome = absorb(sale, observation, MOMENT)
    assert (outcome.sale, outcome.events, outcome.entries) == (sale, (), ())


def test_second_payment_is_not_taken_for_the_first_when_it_has_the_same_reference() -> None:
    sale = sale_with(PaymentState.PENDING)
    stray = Seen(1, told(ProviderStatus.APPROVED, "901"), Operation.FETCH)
    assert absorb(sale, stray, MOMENT).sale == sale


@pytest.mark.parametrize("state", [PaymentState.CANCELLED, PaymentState.EXPIRED, PaymentState.REJECTED])
def test_payment_is_cancelled_at_the_provider_when_it_was_made_after_its_end(state: PaymentState) -> None:
    sale = sale_with(state, SaleStanding.CANCELLED)
    sale = sale.with_payment(replace(sale.payment(1), provider_id=None))
    outcome = absorb(sale, Seen(1, told(ProviderStatus.PENDING), Operation.CREATE), MOMENT)
    assert outcome.sale.payment(1).state is state
    assert outcome.events == ()
    assert next_step(outcome.sale, MOMENT) == CancelAtProvider(1)


def test_instructions_are_kept_when_a_later_answer_has_none() -> None:
    sale = sale_with(PaymentState.PENDING)
    shown = PaymentInstructions(pix_code="00020126")
    sale = sale.with_payment(replace(sale.payment(1), instructions=shown))
    after = absorb(sale, Seen(1, told(ProviderStatus.PENDING), Operation.FETCH), MOMENT).sale
    assert after.payment(1).instructions == shown
