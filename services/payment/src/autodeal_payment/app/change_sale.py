"""Change one sale in one transaction: load, decide, commit; decide anew when somebody came first."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import structlog

from autodeal_contracts import catalog
from autodeal_contracts.envelope import Envelope
from autodeal_contracts.saga import PaymentState
from autodeal_payment.app import metrics
from autodeal_payment.app.payment_view import view
from autodeal_payment.app.ports.sale_store import (
    KeptAnswer,
    KeyChange,
    SaleChange,
    SaleStore,
    VersionConflictError,
)
from autodeal_payment.domain.next_step import due_after
from autodeal_payment.domain.outcome import Outcome
from autodeal_payment.domain.return_money import AMOUNT_DIFFERS
from autodeal_payment.domain.sale import Sale
from autodeal_payment.domain.schedule import Moment, Schedule
from autodeal_platform.telemetry import child_traceparent, current_causation_id, current_traceparent

log = structlog.get_logger(__name__)

SOURCE = "payment"
CONFLICT_LIMIT = 8
"""So often a change is decided anew before the caller is told to come back."""

Decision = Callable[[Sale | None, Moment], Outcome]
"""Decides what becomes of a sale; called again when somebody else changed it first."""


class SaleChanger:
    """The one place where sales are written."""

    def __init__(
        self,
        store: SaleStore,
        schedule: Schedule,
        *,
        clock: Callable[[], datetime],
        on_commit: Callable[[int], None] = lambda _: None,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        self._store = store
        self._schedule = schedule
        self._clock = clock
        self._on_commit = on_commit
        self._new_id = new_id

    def moment(self) -> Moment:
        """Return the present."""
        return Moment(now=self._clock(), schedule=self._schedule)

    async def change(
        self,
        order_id: int,
        decide: Decision,
        *,
        loaded: Sale | None = None,
        presumed_new: bool = False,
        handled: str | None = None,
        answer_now: int | None = None,
    ) -> Sale:
        """Commit what is decided and return the sale as it is then.

        `loaded` spares the first read, and so does `presumed_new` for a sale that is probably not there
        yet; the commit finds out. `answer_now` is an attempt whose buyer is answered whatever has
        become of it; the others are answered when their payment was heard of.

        Raises AlreadyHandledError, KeyTakenError, what `decide` raises, and VersionConflictError when
        others keep coming first.
        """
        before = loaded
        for _ in range(CONFLICT_LIMIT):
            if before is None and not presumed_new:
                before = await self._store.load(order_id)
            moment = self.moment()
            outcome = decide(before, moment)
            try:
                return await self._commit(before, outcome, moment, handled, answer_now)
            except VersionConflictError:
                metrics.CONFLICTS.inc()
                before, presumed_new = None, False
        raise VersionConflictError(f"order {order_id} keeps changing")

    async def _commit(
        self,
        before: Sale | None,
        outcome: Outcome,
        moment: Moment,
        handled: str | None,
        answer_now: int | None,
    ) -> Sale:
        after, answers = _answer_settled(outcome.sale, answer_now)
        after = replace(after, due_at=due_after(after, moment))
        if after == before:
            if handled is not None:
                await self._store.mark_handled(handled, moment.now)
            return after
        first = after.event_sequence + 1
        after = replace(
            after, version=after.version + 1, event_sequence=after.event_sequence + len(outcome.events)
        )
        change = SaleChange(
            before=before,
            after=after,
            at=moment.now,
            trigger=outcome.trigger,
            envelopes=self._seal(outcome, first, moment.now),
            entries=outcome.entries,
            handled=handled,
            keys=(*_claims(before, after), *answers),
        )
        await self._store.save(change)
        if change.envelopes:
            self._on_commit(after.order_id)
        _tell(change)
        return after

    def _seal(self, outcome: Outcome, first: int, now: datetime) -> tuple[Envelope, ...]:
        traceparent = child_traceparent(current_traceparent())
        return tuple(
            catalog.seal(
                event,
                event_id=self._new_id(),
                source=SOURCE,
                time=now,
                sequence=sequence,
                causation_id=current_causation_id(),
                traceparent=traceparent,
            )
            for sequence, event in enumerate(outcome.events, start=first)
        )


def of_existing(decide: Callable[[Sale, Moment], Outcome]) -> Decision:
    """Return a decision about a sale that is known to be there: sales are never deleted."""

    def decide_about(sale: Sale | None, moment: Moment) -> Outcome:
        if sale is None:
            raise LookupError("a sale vanished")
        return decide(sale, moment)

    return decide_about


def leave_as_it_is(sale: Sale, _: Moment) -> Outcome:
    """Decide nothing; the sale's deadline or answer is brought up to date all the same."""
    return Outcome(sale=sale, trigger="clock.rescheduled")


def _claims(before: Sale | None, after: Sale) -> tuple[KeyChange, ...]:
    """Claim the keys of the payments that are new; a claim fails if the key is in use."""
    known = len(before.payments) if before is not None else 0
    return tuple(
        KeyChange(
            digest=payment.idempotency_digest,
            kept=KeptAnswer(
                fingerprint=payment.request_fingerprint, payment_id=payment.payment_id, answer=None
            ),
        )
        for payment in after.payments[known:]
        if payment.idempotency_digest is not None and payment.request_fingerprint is not None
    )


def _answer_settled(sale: Sale, answer_now: int | None) -> tuple[Sale, tuple[KeyChange, ...]]:
    """Store the answers of requests whose payment was heard of, in the same commit."""
    answers: list[KeyChange] = []
    for payment in sale.payments:
        heard = payment.state is not PaymentState.REQUESTED or payment.attempt == answer_now
        if payment.request_fingerprint is None or payment.idempotency_digest is None or not heard:
            continue
        kept = KeptAnswer(
            fingerprint=payment.request_fingerprint,
            payment_id=payment.payment_id,
            answer=view(payment),
        )
        answers.append(KeyChange(digest=payment.idempotency_digest, kept=kept))
        sale = sale.with_payment(replace(payment, request_fingerprint=None))
    return sale, tuple(answers)


def _tell(change: SaleChange) -> None:
    """Log and count what came of each payment."""
    for payment in change.after.payments:
        was = None
        if change.before is not None and payment.attempt <= len(change.before.payments):
            was = change.before.payment(payment.attempt).state
        if payment.state is was:
            continue
        metrics.PAYMENTS.labels(payment.method, payment.state).inc()
        log.info(
            "payment.changed",
            order_id=payment.order_id,
            payment_id=payment.payment_id,
            was=was,
            state=payment.state,
            trigger=change.trigger,
            reason=payment.reason,
        )
        if payment.reason == AMOUNT_DIFFERS and payment.state is PaymentState.REFUNDING:
            metrics.WRONG_AMOUNTS.inc()
            log.error(
                "payment.amount_differs",
                payment_id=payment.payment_id,
                expected_cents=payment.amount_cents,
                taken_cents=payment.taken_cents,
            )
        if payment.state is PaymentState.REFUND_FAILED and payment.not_before is None:
            metrics.REFUNDS_STUCK.inc()
            log.error("payment.refund_stuck", payment_id=payment.payment_id, reason=payment.reason)
