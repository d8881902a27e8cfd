"""Money taken, kept or given back: the states from `approved` on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from autodeal_contracts.saga import PaymentState, SaleStanding
from autodeal_payment.domain import payment_events
from autodeal_payment.domain.ledger import Posting, post
from autodeal_payment.domain.outcome import Outcome
from autodeal_payment.domain.payment import MONEY_HELD, Payment
from autodeal_payment.domain.provider_payment import ProviderRefund, RefundStatus
from autodeal_payment.domain.sale import Sale
from autodeal_payment.domain.schedule import Moment

AMOUNT_DIFFERS = "amount_differs"
ORDER_CLOSED = "order_closed"
ORDER_ALREADY_PAID = "order_already_paid"


def take_money(sale: Sale, payment: Payment, taken_cents: int, now: datetime) -> Outcome:
    """Take in that the provider took money.

    It counts if the order is open, nothing else paid it and the amount is the price; otherwise it
    goes back, whichever came first.
    """
    refusal = _why_it_does_not_count(sale, taken_cents)
    approved = payment.become(
        PaymentState.APPROVED, now, taken_cents=taken_cents, reason=None, superseded_by=None
    )
    entries = post(Posting.RECEIVED, approved, now)
    event = payment_events.approved(approved)
    if refusal is None:
        after = _supersede_others(replace(sale, approved_payment_id=approved.payment_id), approved)
    else:
        approved = approved.become(PaymentState.REFUNDING, now, reason=refusal)
        after = sale
    return Outcome(
        sale=after.with_payment(approved), trigger="provider.approved", events=(event,), entries=entries
    )


def give_back(payment: Payment, now: datetime, reason: str) -> Payment:
    """Return the approved payment on its way back to the buyer."""
    return payment.become(PaymentState.REFUNDING, now, reason=reason, refund_accepted=False)


def settle_refund(sale: Sale, payment: Payment, now: datetime) -> Outcome:
    """Take in that the money is back with the buyer."""
    trigger = "provider.refunded"
    if payment.state not in MONEY_HELD:
        return Outcome(sale=sale, trigger=trigger)
    refunded = payment.become(PaymentState.REFUNDED, now, doubtful=False)
    return Outcome(
        sale=sale.with_payment(refunded),
        trigger=trigger,
        events=(payment_events.refunded(refunded),),
        entries=post(Posting.REFUNDED, refunded, now),
    )


def charge_back(sale: Sale, payment: Payment, now: datetime) -> Outcome:
    """Take in that the buyer's bank took the money back."""
    trigger = "provider.charged_back"
    if payment.state not in MONEY_HELD:
        return Outcome(sale=sale, trigger=trigger)
    charged = payment.become(PaymentState.CHARGED_BACK, now, doubtful=False)
    return Outcome(
        sale=sale.with_payment(charged),
        trigger=trigger,
        events=(payment_events.charged_back(charged),),
        entries=post(Posting.CHARGED_BACK, charged, now),
    )


def answer_refund(sale: Sale, payment: Payment, refund: ProviderRefund, moment: Moment) -> Outcome:
    """Take in the provider's answer to a refund."""
    if refund.status is RefundStatus.APPROVED:
        return settle_refund(sale, payment, moment.now)
    if payment.state is not PaymentState.REFUNDING:
        return Outcome(sale=sale, trigger="provider.refund_answered")
    if refund.status is RefundStatus.REJECTED:
        # The key would bring the same answer for ever, and no money moved: the next try is another refund.
        payment = replace(payment, refund_rounds=payment.refund_rounds + 1)
        return fail_refund(sale, payment, refund.reason, moment)
    accepted = replace(
        payment,
        refund_accepted=True,
        doubtful=False,
        tries=0,
        not_before=moment.now + moment.schedule.first_check,
    )
    return Outcome(sale=sale.with_payment(accepted), trigger="provider.refund_accepted")


def fail_refund(sale: Sale, payment: Payment, reason: str, moment: Moment) -> Outcome:
    """Take in that the provider would not return the money: again later, and at last a person."""
    trigger = "provider.refund_refused"
    if payment.state is not PaymentState.REFUNDING:
        return Outcome(sale=sale, trigger=trigger)
    failures = payment.refund_failures + 1
    pause = moment.now + moment.schedule.refund_pause(failures)
    failed = payment.become(
        PaymentState.REFUND_FAILED,
        moment.now,
        reason=reason,
        refund_failures=failures,
        refund_accepted=False,
        doubtful=False,
        not_before=pause if failures < moment.schedule.refund_limit else None,
    )
    return Outcome(
        sale=sale.with_payment(failed), trigger=trigger, events=(payment_events.refund_failed(failed),)
    )


def _why_it_does_not_count(sale: Sale, taken_cents: int) -> str | None:
    if taken_cents != sale.amount_cents:
        return AMOUNT_DIFFERS
    if sale.approved_payment_id is not None:
        return ORDER_ALREADY_PAID
    return None if sale.standing is SaleStanding.OPEN else ORDER_CLOSED


def _supersede_others(sale: Sale, winner: Payment) -> Sale:
    """Call off what else still waits: the order is paid."""
    for other in sale.payments:
        if other.is_unsettled and other.attempt != winner.attempt:
            sale = sale.with_payment(
                replace(other, superseded_by=winner.payment_id, not_before=None, tries=0)
            )
    return sale
