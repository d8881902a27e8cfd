"""Take in what the provider says a payment is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from autodeal_contracts.events.payment import PaymentEvent, PaymentInstructions
from autodeal_contracts.saga import PaymentState
from autodeal_payment.domain import payment_events
from autodeal_payment.domain.observations import Operation, Seen
from autodeal_payment.domain.outcome import Outcome
from autodeal_payment.domain.payment import ENDED_UNPAID, MONEY_HELD, NEVER_SEEN, OVER, Payment
from autodeal_payment.domain.provider_payment import ProviderStatus, RefundStatus
from autodeal_payment.domain.return_money import charge_back, fail_refund, settle_refund, take_money
from autodeal_payment.domain.sale import Sale
from autodeal_payment.domain.schedule import Moment

REFUND_REJECTED = "refund_rejected"
_MONEY_TAKEN = frozenset({ProviderStatus.APPROVED, ProviderStatus.REFUNDED, ProviderStatus.CHARGED_BACK})
_ENDS: dict[ProviderStatus, tuple[PaymentState, Callable[[Payment], PaymentEvent]]] = {
    ProviderStatus.REJECTED: (PaymentState.REJECTED, payment_events.rejected),
    ProviderStatus.EXPIRED: (PaymentState.EXPIRED, payment_events.expired),
    ProviderStatus.CANCELLED: (PaymentState.CANCELLED, payment_events.cancelled),
}


def see(sale: Sale, payment: Payment, seen: Seen, moment: Moment) -> Outcome:
    """Return what follows; a step that was missed, such as the approval before a refund, is made up for."""
    trigger = f"provider.{seen.payment.status}"
    if payment.provider_id not in (None, seen.payment.provider_id):
        return Outcome(sale=sale, trigger=trigger)  # Another payment with our reference: not this one.
    known = _learn(payment, seen)
    learned = sale.with_payment(known)
    if payment.state in MONEY_HELD or seen.payment.status in _MONEY_TAKEN:
        return _see_money(learned, known, seen, moment)
    if seen.payment.status is ProviderStatus.PENDING:
        return _see_pending(learned, known, seen, moment)
    return _see_end(learned, known, seen, moment)


def _learn(payment: Payment, seen: Seen) -> Payment:
    told = seen.payment
    nothing_new = told.instructions == PaymentInstructions()
    return replace(
        payment,
        provider_id=told.provider_id,
        provider_status=told.status,
        instructions=payment.instructions if nothing_new else told.instructions,
        absent=False,
        doubtful=False,
        recheck_at=None,
        not_before=None,
    )


def _see_money(sale: Sale, payment: Payment, seen: Seen, moment: Moment) -> Outcome:
    attempt, told = payment.attempt, seen.payment
    outcome = Outcome(sale=sale, trigger=f"provider.{told.status}")
    if payment.state in OVER:
        return outcome
    if payment.state not in MONEY_HELD:
        outcome = replace(take_money(sale, payment, told.amount_cents, moment.now), trigger=outcome.trigger)
    if told.status is ProviderStatus.REFUNDED:
        return outcome.then(lambda after: settle_refund(after, after.payment(attempt), moment.now))
    if told.status is ProviderStatus.CHARGED_BACK:
        return outcome.then(lambda after: charge_back(after, after.payment(attempt), moment.now))
    if payment.state in MONEY_HELD:
        return _see_held(sale, payment, seen, moment)
    return outcome


def _see_held(sale: Sale, payment: Payment, seen: Seen, moment: Moment) -> Outcome:
    """Take in that the provider still has the money."""
    trigger = f"provider.{seen.payment.status}"
    if payment.state is PaymentState.REFUND_FAILED:
        due = payment.changed_at + moment.schedule.refund_pause(payment.refund_failures)
        return Outcome(sale=sale.with_payment(replace(payment, tries=0, not_before=due)), trigger=trigger)
    if payment.state is PaymentState.APPROVED:
        return Outcome(sale=sale.with_payment(replace(payment, tries=0)), trigger=trigger)
    if payment.refund_accepted and seen.payment.refund is RefundStatus.REJECTED:
        payment = replace(payment, refund_rounds=payment.refund_rounds + 1)
        return fail_refund(sale, payment, REFUND_REJECTED, moment)
    accepted = payment.refund_accepted or seen.payment.refund is RefundStatus.IN_PROCESS
    waiting = replace(
        payment,
        refund_accepted=accepted,
        checks=payment.checks + 1,
        not_before=_next_check(payment, payment.checks, moment) if accepted else None,
    )
    return Outcome(sale=sale.with_payment(waiting), trigger=trigger)


def _see_pending(sale: Sale, payment: Payment, seen: Seen, moment: Moment) -> Outcome:
    """Take in that the provider waits for the buyer."""
    trigger = "provider.pending"
    if payment.state in NEVER_SEEN:
        check = _next_check(payment, 0, moment)
        called_off = sale.calls_off(payment)
        pending = payment.become(PaymentState.PENDING, moment.now, not_before=None if called_off else check)
        event = payment_events.created(pending)
        return Outcome(sale=sale.with_payment(pending), trigger=trigger, events=(event,))
    if payment.state in OVER:
        return Outcome(sale=sale, trigger=trigger)
    if payment.state in ENDED_UNPAID or sale.calls_off(payment):
        # It is not wanted: cancel it now, and if that has just been tried in vain, after a pause.
        in_vain = seen.operation is Operation.CANCEL
        tries = payment.tries + 1 if in_vain else 0
        pause = moment.now + moment.schedule.back_off(tries) if in_vain else None
        waiting = replace(payment, tries=tries, not_before=pause)
    else:
        checks = payment.checks + 1
        waiting = replace(payment, tries=0, checks=checks, not_before=_next_check(payment, checks, moment))
    return Outcome(sale=sale.with_payment(waiting), trigger=trigger)


def _see_end(sale: Sale, payment: Payment, seen: Seen, moment: Moment) -> Outcome:
    """Take in that the provider is through with it, without money."""
    outcome = Outcome(sale=sale, trigger=f"provider.{seen.payment.status}")
    if not payment.is_unsettled:
        return outcome
    state, tell = _ENDS[seen.payment.status]
    reason = seen.payment.detail if state is PaymentState.REJECTED else None
    ended = payment.become(state, moment.now, reason=reason)
    return replace(outcome, sale=sale.with_payment(ended), events=(tell(ended),))


def _next_check(payment: Payment, checks: int, moment: Moment) -> datetime:
    return moment.schedule.next_check(checks=checks, expires_at=payment.expires_at, now=moment.now)
