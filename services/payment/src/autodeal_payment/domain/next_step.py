"""Decide what is to be done next about a sale: the engine of progress.

A pure function of what is stored and the time, so that whoever looks at the sale, an event's
handler, a route or the janitor, goes on exactly where the last one stopped or died.
"""

from __future__ import annotations

from datetime import datetime

from autodeal_contracts.events.sale import PaymentMethod
from autodeal_contracts.saga import PaymentState
from autodeal_payment.domain.payment import ENDED_UNPAID, NEVER_SEEN, OVER, Payment
from autodeal_payment.domain.provider_payment import ProviderStatus
from autodeal_payment.domain.sale import Sale
from autodeal_payment.domain.schedule import Moment, Schedule
from autodeal_payment.domain.steps import (
    CancelAtProvider,
    CreateAtProvider,
    Done,
    FetchFromProvider,
    FindAtProvider,
    RefundAtProvider,
    ResumeRefund,
    Step,
    Wait,
)


def next_step(sale: Sale, moment: Moment, card_in_hand: int | None = None) -> Step:
    """Return the first thing that can be done, older payments first, or how long nothing can.

    `card_in_hand` is the attempt whose card token the asker holds: nobody else can submit it.
    """
    waits: list[datetime] = []
    for payment in sale.payments:
        step = _step_about(sale, payment, moment, card_in_hand)
        if isinstance(step, Wait):
            waits.append(step.until)
        elif not isinstance(step, Done):
            return step
    return Wait(min(waits)) if waits else Done()


def due_after(sale: Sale, moment: Moment) -> datetime | None:
    """Return when the janitor must look at the sale if whoever looks at it now dies; None for never."""
    step = next_step(sale, moment)
    if isinstance(step, Wait):
        return step.until
    return None if isinstance(step, Done) else moment.now + moment.schedule.resume_after


def may_still_be_created(sale: Sale, payment: Payment, moment: Moment) -> bool:
    """Tell whether the payment may still be made at the provider.

    Not after the order's deadline, and not once the provider may have forgotten the key: a second
    payment could come of it.
    """
    return (
        not sale.calls_off(payment)
        and moment.now < payment.expires_at
        and moment.now < payment.created_at + moment.schedule.key_life
    )


def _step_about(sale: Sale, payment: Payment, moment: Moment, card_in_hand: int | None) -> Step:
    if payment.not_before is not None and moment.now < payment.not_before:
        return Wait(payment.not_before)
    if payment.state in NEVER_SEEN:
        return _bring_about(sale, payment, moment, card_in_hand)
    if payment.state is PaymentState.PENDING:
        wanted = not sale.calls_off(payment)
        return FetchFromProvider(payment.attempt) if wanted else CancelAtProvider(payment.attempt)
    if payment.state in ENDED_UNPAID:
        return _watch_ended(payment, moment.now)
    return Done() if payment.state in OVER else _keep_or_return(payment, moment.schedule)


def _bring_about(sale: Sale, payment: Payment, moment: Moment, card_in_hand: int | None) -> Step:
    """Decide about a payment that the provider has not been heard to have."""
    attempt = payment.attempt
    older_waits = any(other.is_unsettled for other in sale.payments if other.attempt < attempt)
    if older_waits and not sale.calls_off(payment):
        return Done()  # The older one is called off first; its answer decides about this one.
    if not may_still_be_created(sale, payment, moment):
        return FindAtProvider(attempt)
    if payment.method is PaymentMethod.CARD and card_in_hand != attempt:
        reported_by = payment.changed_at + moment.schedule.in_flight
        return Wait(reported_by) if moment.now < reported_by else FindAtProvider(attempt)
    if payment.state is PaymentState.UNKNOWN and not payment.absent:
        return FindAtProvider(attempt)
    return CreateAtProvider(attempt)


def _watch_ended(payment: Payment, now: datetime) -> Step:
    """Decide about a payment that is over here; the provider may think otherwise."""
    if payment.doubtful and payment.provider_id is not None:
        return FetchFromProvider(payment.attempt)
    if payment.provider_status is ProviderStatus.PENDING:
        return CancelAtProvider(payment.attempt)
    if payment.recheck_at is None:
        return Done()
    return Wait(payment.recheck_at) if now < payment.recheck_at else FindAtProvider(payment.attempt)


def _keep_or_return(payment: Payment, schedule: Schedule) -> Step:
    """Decide about a payment whose money the provider holds."""
    if payment.doubtful:
        return FetchFromProvider(payment.attempt)
    if payment.state is PaymentState.REFUNDING:
        accepted = payment.refund_accepted
        return FetchFromProvider(payment.attempt) if accepted else RefundAtProvider(payment.attempt)
    if payment.state is PaymentState.REFUND_FAILED and payment.refund_failures < schedule.refund_limit:
        return ResumeRefund(payment.attempt)
    return Done()
