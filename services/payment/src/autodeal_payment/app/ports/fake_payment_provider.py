"""A payment provider in memory that keeps keys, loses answers on demand, and can be away."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum

from autodeal_contracts.events.payment import PaymentInstructions
from autodeal_contracts.events.sale import PaymentMethod
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


class Fault(StrEnum):
    """What goes wrong with one call."""

    NONE = "none"
    LOST_REQUEST = "lost_request"
    """A time-out without effect."""
    LOST_ANSWER = "lost_answer"
    """A time-out after the effect."""
    BUSY = "busy"
    """429 with `Retry-After: 7`."""


@dataclass
class FakePaymentProvider:
    """Answers at once; tests act as the buyer and as the bank through its methods."""

    payments: dict[str, ProviderPayment] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    faults: deque[Fault] = field(default_factory=deque)
    """One for each of the next calls."""
    away: bool = False
    refuse_create: str | None = None
    refuse_refund: str | None = None
    refund_status: RefundStatus = RefundStatus.APPROVED
    card_status: ProviderStatus = ProviderStatus.APPROVED
    amount_off_by_cents: int = 0
    submitted: list[NewPayment] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    meanwhile: deque[Callable[[], Awaitable[object]]] = field(default_factory=deque)
    """What others do while the next calls are under way, one for each."""

    async def create(self, new: NewPayment, *, key: str) -> ProviderPayment:
        """Make a payment, or return the one that the key made."""
        fault = self._begin("create")
        self.submitted.append(new)
        if self.refuse_create is not None:
            raise ProviderRefusedError(self.refuse_create)
        if key not in self.keys:
            made = self._make(new)
            self.payments[made.provider_id] = made
            self.keys[key] = made.provider_id
        told = self.payments[self.keys[key]]
        await self._end(fault)
        return told

    async def fetch(self, provider_id: str) -> ProviderPayment | None:
        """Return the payment as it is."""
        fault, told = self._begin("fetch"), self.payments.get(provider_id)
        await self._end(fault)
        return told

    async def find(self, reference: str) -> ProviderPayment | None:
        """Return the payment with that reference."""
        fault = self._begin("find")
        told = next((each for each in self.payments.values() if each.reference == reference), None)
        await self._end(fault)
        return told

    async def cancel(self, provider_id: str, *, key: str) -> ProviderPayment:
        """Call a waiting payment off."""
        assert key
        fault = self._begin("cancel")
        payment = self.payments[provider_id]
        if payment.status is not ProviderStatus.PENDING:
            raise ProviderRefusedError("2018")
        self.payments[provider_id] = replace(payment, status=ProviderStatus.CANCELLED, detail="by_collector")
        await self._end(fault)
        return self.payments[provider_id]

    async def refund(self, provider_id: str, *, key: str) -> ProviderRefund:
        """Give the money back."""
        assert key
        fault = self._begin("refund")
        payment = self.payments[provider_id]
        if payment.status is not ProviderStatus.APPROVED:
            raise ProviderRefusedError("2063")
        if self.refuse_refund is not None:
            raise ProviderRefusedError(self.refuse_refund)
        refunded = self.refund_status is RefundStatus.APPROVED
        status = ProviderStatus.REFUNDED if refunded else payment.status
        self.payments[provider_id] = replace(payment, status=status, refund=self.refund_status)
        await self._end(fault)
        return ProviderRefund(status=self.refund_status, reason="" if refunded else "insufficient_funds")

    def become(self, reference: str, status: ProviderStatus, detail: str = "") -> str:
        """Let the buyer, the bank or the clock act; return the provider's id."""
        payment = next(each for each in self.payments.values() if each.reference == reference)
        self.payments[payment.provider_id] = replace(payment, status=status, detail=detail)
        return payment.provider_id

    def _make(self, new: NewPayment) -> ProviderPayment:
        card = new.method is PaymentMethod.CARD
        number = len(self.payments) + 1
        return ProviderPayment(
            provider_id=str(9000 + number),
            reference=new.reference,
            status=self.card_status if card else ProviderStatus.PENDING,
            detail="cc_rejected_high_risk" if self.card_status is ProviderStatus.REJECTED else "",
            amount_cents=new.amount_cents + self.amount_off_by_cents,
            instructions=PaymentInstructions()
            if card
            else PaymentInstructions(pix_code=f"pix-{new.reference}", url="https://pay.example/"),
            expires_at=new.expires_at,
        )

    def _begin(self, operation: str) -> Fault:
        self.calls[operation] += 1
        if self.away:
            raise ProviderUnansweredError("away")
        fault = self.faults.popleft() if self.faults else Fault.NONE
        if fault is Fault.LOST_REQUEST:
            raise ProviderUnansweredError("timed out")
        if fault is Fault.BUSY:
            raise ProviderUnansweredError("429", timedelta(seconds=7))
        return fault

    async def _end(self, fault: Fault) -> None:
        if self.meanwhile:
            await self.meanwhile.popleft()()
        if fault is Fault.LOST_ANSWER:
            raise ProviderUnansweredError("timed out")
