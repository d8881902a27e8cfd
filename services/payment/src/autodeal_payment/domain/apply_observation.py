"""Take in what was learned about a payment: the next state, its events and its ledger entries.

`absorb` is pure and total: any observation may arrive in any state, twice, late or out of order,
because another process may have gone on meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from autodeal_contracts.saga import PaymentState
from autodeal_payment.domain.apply_provider_payment import see
from autodeal_payment.domain.end_unheard import NOT_SUBMITTED, end_unheard, miss, postpone
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
from autodeal_payment.domain.outcome import Outcome
from autodeal_payment.domain.payment import NEVER_SEEN, Payment
from autodeal_payment.domain.return_money import answer_refund, fail_refund
from autodeal_payment.domain.sale import Sale
from autodeal_payment.domain.schedule import Moment


def absorb(sale: Sale, observation: Observation, moment: Moment) -> Outcome:
    """Return what follows from the observation; the same sale when nothing does."""
    take_in = _TAKE_IN[type(observation)]
    return take_in(sale, sale.payment(observation.attempt), observation, moment)


def _seen(sale: Sale, payment: Payment, seen: Seen, moment: Moment) -> Outcome:
    return see(sale, payment, seen, moment)


def _not_found(sale: Sale, payment: Payment, _: NotFound, moment: Moment) -> Outcome:
    return miss(sale, payment, moment)


def _refused(sale: Sale, payment: Payment, refused: Refused, moment: Moment) -> Outcome:
    if payment.state not in NEVER_SEEN:
        return Outcome(sale=sale, trigger="provider.rejected")
    return end_unheard(
        sale,
        payment,
        moment,
        state=PaymentState.REJECTED,
        trigger="provider.rejected",
        reason=refused.reason,
    )


def _card_gone(sale: Sale, payment: Payment, _: CardGone, moment: Moment) -> Outcome:
    if payment.state is not PaymentState.REQUESTED:
        return Outcome(sale=sale, trigger="clock.card_gone")
    return end_unheard(
        sale, payment, moment, state=PaymentState.REJECTED, trigger="clock.card_gone", reason=NOT_SUBMITTED
    )


def _unanswered(sale: Sale, payment: Payment, unanswered: Unanswered, moment: Moment) -> Outcome:
    """Take in a call of unknown outcome: it is settled soon, then with back-off."""
    trigger = "provider.timed_out"
    tries = payment.tries + 1
    not_before = moment.now + moment.schedule.back_off(tries, unanswered.retry_after)
    if unanswered.operation is Operation.CREATE:
        if payment.state not in NEVER_SEEN:
            return Outcome(sale=sale, trigger=trigger)
        if payment.state is PaymentState.REQUESTED:
            payment = payment.become(PaymentState.UNKNOWN, moment.now)
        settle_now = tries == 1 and unanswered.retry_after is None
        payment = replace(payment, absent=False)
        waiting = replace(payment, tries=tries, not_before=None if settle_now else not_before)
    else:
        refunding = unanswered.operation is Operation.REFUND and payment.state is PaymentState.REFUNDING
        doubtful = payment.doubtful or refunding
        waiting = replace(payment, tries=tries, not_before=not_before, doubtful=doubtful)
    return Outcome(sale=sale.with_payment(waiting), trigger=trigger)


def _not_called(sale: Sale, payment: Payment, _: NotCalled, moment: Moment) -> Outcome:
    return postpone(sale, payment, "payer.unavailable", moment)


def _refund_answered(sale: Sale, payment: Payment, answered: RefundAnswered, moment: Moment) -> Outcome:
    return answer_refund(sale, payment, answered.refund, moment)


def _refund_refused(sale: Sale, payment: Payment, refused: RefundRefused, moment: Moment) -> Outcome:
    """Take in a refusal; it is no failure when the money turns out to be gone already."""
    if refused.payment is not None:
        after = see(sale, payment, Seen(payment.attempt, refused.payment, Operation.REFUND), moment)
        if after.sale.payment(payment.attempt).state is not PaymentState.REFUNDING:
            return after
    return fail_refund(sale, payment, refused.reason, moment)


def _refund_due(sale: Sale, payment: Payment, _: RefundDue, moment: Moment) -> Outcome:
    """Take a refused refund up again; somebody may have returned the money meanwhile, so ask first."""
    trigger = "clock.refund_retry_due"
    if payment.state is not PaymentState.REFUND_FAILED:
        return Outcome(sale=sale, trigger=trigger)
    resumed = payment.become(PaymentState.REFUNDING, moment.now, doubtful=True, refund_accepted=False)
    return Outcome(sale=sale.with_payment(resumed), trigger=trigger)


_TAKE_IN: dict[type[Observation], Callable[[Sale, Payment, Any, Moment], Outcome]] = {
    Seen: _seen,
    NotFound: _not_found,
    Refused: _refused,
    CardGone: _card_gone,
    Unanswered: _unanswered,
    NotCalled: _not_called,
    RefundAnswered: _refund_answered,
    RefundRefused: _refund_refused,
    RefundDue: _refund_due,
}
"""What is done with each kind of observation."""
