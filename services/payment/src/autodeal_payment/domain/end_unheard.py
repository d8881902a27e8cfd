"""Payments of which the provider tells nothing: made again, waited for, or ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from autodeal_contracts.events.payment import PaymentEvent
from autodeal_contracts.events.sale import PaymentMethod
from autodeal_contracts.saga import PaymentState
from autodeal_payment.domain import payment_events
from autodeal_payment.domain.next_step import may_still_be_created
from autodeal_payment.domain.outcome import Outcome
from autodeal_payment.domain.payment import ENDED_UNPAID, Payment
from autodeal_payment.domain.return_money import fail_refund
from autodeal_payment.domain.sale import Sale
from autodeal_payment.domain.schedule import Moment

NOT_SUBMITTED = "not_submitted"
"""The reason of a payment that never reached the provider."""
MISSING_AT_PROVIDER = "missing_at_provider"
"""The reason of a refund of a payment that the provider does not know any more."""
_TELL: dict[PaymentState, Callable[[Payment], PaymentEvent]] = {
    PaymentState.REJECTED: payment_events.rejected,
    PaymentState.EXPIRED: payment_events.expired,
    PaymentState.CANCELLED: payment_events.cancelled,
}
_TRIGGER = "provider.not_found"


def miss(sale: Sale, payment: Payment, moment: Moment) -> Outcome:
    """Take in that the provider knows of no such payment."""
    if payment.state is PaymentState.REFUNDING:
        return fail_refund(sale, payment, MISSING_AT_PROVIDER, moment)
    if payment.is_unsettled:
        return _miss_unsettled(sale, payment, moment)
    known = replace(payment, doubtful=False)
    if payment.state in ENDED_UNPAID:
        known = replace(known, recheck_at=None, provider_status=None, not_before=None)
    return Outcome(sale=sale.with_payment(known), trigger=_TRIGGER)


def end_unheard(
    sale: Sale,
    payment: Payment,
    moment: Moment,
    *,
    state: PaymentState,
    trigger: str,
    reason: str | None = None,
) -> Outcome:
    """End a payment without the provider's word; it is looked up once more later."""
    if not payment.is_unsettled:
        return Outcome(sale=sale, trigger=trigger)
    recheck_at = moment.now + moment.schedule.late_effect
    ended = payment.become(state, moment.now, reason=reason, doubtful=False, recheck_at=recheck_at)
    return Outcome(sale=sale.with_payment(ended), trigger=trigger, events=(_TELL[state](ended),))


def postpone(sale: Sale, payment: Payment, trigger: str, moment: Moment) -> Outcome:
    """Try the same again after a pause."""
    tries = payment.tries + 1
    not_before = moment.now + moment.schedule.back_off(tries)
    waiting = replace(payment, tries=tries, not_before=not_before, doubtful=False)
    return Outcome(sale=sale.with_payment(waiting), trigger=trigger)


def _miss_unsettled(sale: Sale, payment: Payment, moment: Moment) -> Outcome:
    wanted = not sale.calls_off(payment) and moment.now < payment.expires_at
    if wanted and payment.state is PaymentState.PENDING:
        return postpone(sale, payment, _TRIGGER, moment)
    if may_still_be_created(sale, payment, moment) and payment.method is not PaymentMethod.CARD:
        # Made again with the same key, which no call under way can double.
        return Outcome(sale=sale.with_payment(replace(payment, absent=True)), trigger=_TRIGGER)
    reported_by = payment.changed_at + moment.schedule.in_flight
    if moment.now < reported_by:
        # A call that somebody is just making may still take effect: too early to give up.
        waiting = replace(payment, not_before=reported_by)
        return Outcome(sale=sale.with_payment(waiting), trigger=_TRIGGER)
    state, reason = PaymentState.REJECTED, NOT_SUBMITTED
    if sale.calls_off(payment):
        state, reason = PaymentState.CANCELLED, ""
    elif moment.now >= payment.expires_at:
        state, reason = PaymentState.EXPIRED, ""
    return end_unheard(sale, payment, moment, state=state, trigger=_TRIGGER, reason=reason or None)
