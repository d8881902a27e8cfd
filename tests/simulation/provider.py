"""The payment provider: loses requests and answers, calls back late, twice or never.

Nothing but the caller's key keeps it from paying money out twice, so a refund without a stable key shows.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tests.simulation.chance import Chance

from autodeal_payment.app.ports.fake_payment_provider import FakePaymentProvider
from autodeal_payment.app.ports.payment_provider import (
    NewPayment,
    ProviderRefusedError,
    ProviderUnansweredError,
)
from autodeal_payment.domain.provider_payment import (
    ProviderPayment,
    ProviderRefund,
    ProviderStatus,
    RefundStatus,
)

SLOW_REFUND_SECONDS = 600.0


@dataclass
class Refund:
    """One refund, by its key."""

    provider_id: str
    status: RefundStatus


class SimulatedProvider(FakePaymentProvider):
    """The fake, at the end of a bad line, with buyers and a bank behind it."""

    def __init__(self, chance: Chance, clock: Callable[[], datetime]) -> None:
        super().__init__()
        self.chance = chance
        self.clock = clock
        self.refunds: dict[str, Refund] = {}
        self.paid_out: Counter[str] = Counter()
        """How often the money of a payment was given back."""
        self.squeeze = 1.0
        self.on_made: Callable[[ProviderPayment], None] = lambda _: None
        self.on_paid: Callable[[ProviderPayment], None] = lambda _: None
        self.on_news: Callable[[str, bool], None] = lambda *_: None
        """Called with the provider's id, and whether the news are certain to be told in the end."""

    async def create(self, new: NewPayment, *, key: str) -> ProviderPayment:
        await self._travel()
        is_new = key not in self.keys
        wrong = self.chance.befalls("wrong_amount")
        self.amount_off_by_cents = -100 if wrong else 0
        declined = self.chance.draw.random() < 0.3
        self.card_status = ProviderStatus.REJECTED if declined else ProviderStatus.APPROVED
        told = await super().create(new, key=key)
        self.chance.note(f"provider: create {new.reference} → {told.status}")
        if is_new:
            self._begin_life(told)
        await self._travel()
        return told

    async def fetch(self, provider_id: str) -> ProviderPayment | None:
        await self._travel()
        told = await super().fetch(provider_id)
        await self._travel()
        return told

    async def find(self, reference: str) -> ProviderPayment | None:
        await self._travel()
        told = await super().find(reference)
        await self._travel()
        return told

    async def cancel(self, provider_id: str, *, key: str) -> ProviderPayment:
        await self._travel()
        told = await super().cancel(provider_id, key=key)
        self.chance.note(f"provider: cancel {told.reference}")
        self.on_news(provider_id, False)
        await self._travel()
        return told

    async def refund(self, provider_id: str, *, key: str) -> ProviderRefund:
        await self._travel()
        made = self.refunds.get(key)
        if made is None:
            made = self._make_refund(provider_id, key)
        self.chance.note(f"provider: refund {provider_id} with {key} → {made.status}")
        await self._travel()
        reason = "insufficient_funds" if made.status is RefundStatus.REJECTED else ""
        return ProviderRefund(status=made.status, reason=reason)

    def act(self, provider_id: str, was: ProviderStatus, status: ProviderStatus, detail: str = "") -> None:
        """Let the buyer, the bank or the clock act, if the payment is still what they take it for."""
        payment = self.payments[provider_id]
        if payment.status is was and payment.refund is not RefundStatus.IN_PROCESS:
            self.payments[provider_id] = replace(payment, status=status, detail=detail)
            if was is ProviderStatus.APPROVED:
                self.paid_out[provider_id] += 1
                self.chance.struck[f"{status}_unasked"] += 1
            if status is ProviderStatus.APPROVED:
                self.on_paid(payment)
            self.chance.note(f"provider: {payment.reference} is {status}")
            # Nobody asks about a payment that was settled, so of this the provider must tell.
            self.on_news(provider_id, was is ProviderStatus.APPROVED)

    def _make_refund(self, provider_id: str, key: str) -> Refund:
        payment = self.payments[provider_id]
        by_key = [each for each in self.refunds.values() if each.provider_id == provider_id]
        given_back = any(each.status is not RefundStatus.REJECTED for each in by_key)
        if payment.status is not ProviderStatus.APPROVED and not given_back:
            raise ProviderRefusedError("2063")
        trouble = self.chance.befalls("refund_trouble")
        if trouble and self.chance.strikes(0.3):
            raise ProviderRefusedError("no_balance")
        status = RefundStatus.APPROVED
        if trouble:
            status = RefundStatus.IN_PROCESS if self.chance.strikes(0.5) else RefundStatus.REJECTED
        made = self.refunds[key] = Refund(provider_id, status)
        self.payments[provider_id] = replace(payment, refund=status)
        if status is RefundStatus.APPROVED:
            self._pay_out(made)
        if status is RefundStatus.IN_PROCESS:
            self.chance.later(
                self.chance.draw.random() * SLOW_REFUND_SECONDS * self.squeeze, lambda: self._settle(made)
            )
        return made

    def _settle(self, refund: Refund) -> None:
        if self.chance.strikes(0.3):
            refund.status = RefundStatus.REJECTED
            payment = self.payments[refund.provider_id]
            self.payments[refund.provider_id] = replace(payment, refund=RefundStatus.REJECTED)
            self.on_news(refund.provider_id, False)
        else:
            refund.status = RefundStatus.APPROVED
            self._pay_out(refund)

    def _pay_out(self, refund: Refund) -> None:
        self.paid_out[refund.provider_id] += 1
        payment = self.payments[refund.provider_id]
        refunded = replace(payment, status=ProviderStatus.REFUNDED, refund=RefundStatus.APPROVED)
        self.payments[refund.provider_id] = refunded
        self.on_news(refund.provider_id, False)

    def _begin_life(self, made: ProviderPayment) -> None:
        self.on_news(made.provider_id, False)
        if made.status is ProviderStatus.APPROVED:
            self.chance.later(0.0, lambda: self.on_paid(made))
        if made.status is not ProviderStatus.PENDING:
            return
        self.chance.later(0.0, lambda: self.on_made(made))
        if made.expires_at is not None:
            expire = self._later(made, ProviderStatus.EXPIRED)
            self.chance.later((made.expires_at - self.clock()) / timedelta(seconds=1), expire)

    def _later(self, made: ProviderPayment, status: ProviderStatus) -> Callable[[], None]:
        return lambda: self.act(made.provider_id, ProviderStatus.PENDING, status)

    async def _travel(self) -> None:
        await self.chance.pause()
        if self.chance.befalls("provider_error"):
            self.chance.note("provider: no answer")
            if self.chance.strikes(0.2):
                raise ProviderUnansweredError("429", timedelta(seconds=7))
            await asyncio.sleep(self.chance.draw.random() * 5)
            raise ProviderUnansweredError("timed out")
