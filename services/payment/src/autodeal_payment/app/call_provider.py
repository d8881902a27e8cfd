"""Carry out one step at the provider and return what was learned. Nothing is stored here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from time import perf_counter

import structlog

from autodeal_contracts.events.sale import PaymentMethod
from autodeal_payment.app import metrics
from autodeal_payment.app.ports.payer_directory import (
    PayerDirectory,
    PayerDirectoryUnavailableError,
    PayerUnknownError,
)
from autodeal_payment.app.ports.payment_provider import (
    CardSubmission,
    NewPayment,
    PaymentProvider,
    ProviderRefusedError,
    ProviderUnansweredError,
)
from autodeal_payment.domain.observations import (
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
from autodeal_payment.domain.provider_expiry import provider_expiry
from autodeal_payment.domain.provider_payment import ProviderPayment
from autodeal_payment.domain.sale import Sale
from autodeal_payment.domain.steps import (
    CancelAtProvider,
    CreateAtProvider,
    FetchFromProvider,
    FindAtProvider,
    ProviderStep,
    RefundAtProvider,
    ResumeRefund,
)

log = structlog.get_logger(__name__)

CARD_MISSING = "card_missing"


class ProviderCaller:
    """Turns steps into calls, and answers, refusals and silence into observations."""

    def __init__(
        self, provider: PaymentProvider, payers: PayerDirectory, *, clock: Callable[[], datetime]
    ) -> None:
        self._provider = provider
        self._payers = payers
        self._clock = clock

    async def perform(
        self, step: ProviderStep | ResumeRefund, sale: Sale, card: CardSubmission | None
    ) -> Observation:
        """Call the provider with the payment's stable key; never raises for what the provider does."""
        if isinstance(step, ResumeRefund):
            return RefundDue(step.attempt)
        payment = sale.payment(step.attempt)
        operation = _OPERATIONS[type(step)]
        begun = perf_counter()
        outcome = "failed"
        try:
            observation = await self._call(operation, sale, payment, card)
            outcome = type(observation).__name__.lower()
        except ProviderUnansweredError as error:
            outcome = "unanswered"
            log.warning(
                "provider.unanswered", operation=operation, payment_id=payment.payment_id, why=str(error)
            )
            return Unanswered(step.attempt, operation, error.retry_after)
        else:
            return observation
        finally:
            metrics.PROVIDER_CALLS.labels(operation, outcome).observe(perf_counter() - begun)

    async def _call(
        self, operation: Operation, sale: Sale, payment: Payment, card: CardSubmission | None
    ) -> Observation:
        provider_id = payment.provider_id
        if operation is Operation.CREATE:
            return await self._create(sale, payment, card)
        if operation is Operation.FIND or provider_id is None:
            return _seen(payment, await self._provider.find(payment.payment_id), Operation.FIND)
        if operation is Operation.CANCEL:
            return await self._cancel(payment, provider_id)
        if operation is Operation.REFUND:
            return await self._refund(payment, provider_id)
        return _seen(payment, await self._provider.fetch(provider_id), Operation.FETCH)

    async def _create(self, sale: Sale, payment: Payment, card: CardSubmission | None) -> Observation:
        if payment.method is PaymentMethod.CARD and (card is None or card.attempt != payment.attempt):
            return Refused(payment.attempt, CARD_MISSING)
        try:
            payer = await self._payers.find(sale.buyer_id or "")
        except PayerUnknownError as error:
            return Refused(payment.attempt, error.reason)
        except PayerDirectoryUnavailableError:
            log.warning("payer.unavailable", payment_id=payment.payment_id)
            return NotCalled(payment.attempt)
        new = NewPayment(
            reference=payment.payment_id,
            description=f"AutoDeal order {payment.order_id}",
            amount_cents=payment.amount_cents,
            method=payment.method,
            expires_at=provider_expiry(payment.method, payment.provider_expires_at, self._clock()),
            payer=payer,
            card=card if payment.method is PaymentMethod.CARD else None,
        )
        try:
            made = await self._provider.create(new, key=f"{payment.payment_id}-create")
        except ProviderRefusedError as error:
            return Refused(payment.attempt, error.reason)
        return _seen(payment, made, Operation.CREATE)

    async def _cancel(self, payment: Payment, provider_id: str) -> Observation:
        """Cancel; when that is not possible any more, the payment itself tells why."""
        try:
            told = await self._provider.cancel(provider_id, key=f"{payment.payment_id}-cancel")
        except ProviderRefusedError:
            return _seen(payment, await self._provider.fetch(provider_id), Operation.CANCEL)
        return _seen(payment, told, Operation.CANCEL)

    async def _refund(self, payment: Payment, provider_id: str) -> Observation:
        try:
            refund = await self._provider.refund(provider_id, key=payment.refund_key)
        except ProviderRefusedError as error:
            told = await self._provider.fetch(provider_id)
            return RefundRefused(payment.attempt, error.reason, told)
        return RefundAnswered(payment.attempt, refund)


def _seen(payment: Payment, told: ProviderPayment | None, operation: Operation) -> Observation:
    return NotFound(payment.attempt) if told is None else Seen(payment.attempt, told, operation)


_OPERATIONS: dict[type[ProviderStep], Operation] = {
    FindAtProvider: Operation.FIND,
    CreateAtProvider: Operation.CREATE,
    FetchFromProvider: Operation.FETCH,
    CancelAtProvider: Operation.CANCEL,
    RefundAtProvider: Operation.REFUND,
}
