"""Refunds: what the provider accepts, and what the control interface decided about the next ones."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from autodeal_devstack.sandbox.control_messages import RefundMode
from autodeal_devstack.sandbox.payment import Payment, Refund, Status, add_refund
from autodeal_devstack.sandbox.payment_book import PaymentBook
from autodeal_devstack.sandbox.provider_errors import ProviderError, bad_request
from autodeal_platform.money import cents_from_decimal

_REFUNDABLE_FOR = timedelta(days=180)


@dataclass(slots=True)
class _Decision:
    mode: RefundMode
    remaining: int | None


class RefundDesk:
    """Makes refunds of the payments in a book."""

    def __init__(self, book: PaymentBook) -> None:
        self._book = book
        self._decisions: dict[int, _Decision] = {}

    def decide(self, payment_id: int, mode: RefundMode, count: int | None) -> None:
        """Set what happens to the next `count` refunds of a payment, or to all of them."""
        self._decisions[payment_id] = _Decision(mode, count)

    def clear(self) -> None:
        """Forget the decisions."""
        self._decisions.clear()

    def refund(self, payment: Payment, document: dict[str, Any], now: datetime) -> tuple[Payment, Refund]:
        """Give money back, all that is left when the document names no amount; `ProviderError` if not."""
        if payment.status is not Status.APPROVED:
            message = "The action requested is not valid for the current payment state"
            raise bad_request(2063, message)
        if payment.approved_at is not None and payment.approved_at < now - _REFUNDABLE_FOR:
            raise ProviderError(404, "not_found", "Payment too old to be refunded", code=2024)
        amount_cents = _read_amount(payment, document.get("amount"))
        mode = self._take_decision(payment.id)
        if mode is RefundMode.INSUFFICIENT_BALANCE:
            message = "The account has not enough balance for the refund"
            raise ProviderError(400, "insufficient_balance", message, code="insufficient_balance")
        refund = Refund(id=self._book.next_id(), amount_cents=amount_cents, status=mode.value, created_at=now)
        return self._book.change(payment.id, add_refund(refund)), refund

    def _take_decision(self, payment_id: int) -> RefundMode:
        decision = self._decisions.get(payment_id)
        if decision is None:
            return RefundMode.APPROVED
        if decision.remaining is not None:
            decision.remaining -= 1
            if decision.remaining <= 0:
                del self._decisions[payment_id]
        return decision.mode


def _read_amount(payment: Payment, amount: object) -> int:
    if amount is None:
        amount_cents = payment.refundable_cents
    elif isinstance(amount, int | Decimal) and not isinstance(amount, bool):
        try:
            amount_cents = cents_from_decimal(Decimal(amount))
        except ValueError:
            raise bad_request(4041, "amount attribute must be numeric with two decimals") from None
    else:
        raise bad_request(4041, "amount attribute must be numeric")
    if amount is not None and amount_cents <= 0:
        raise bad_request(4040, "amount attribute must be positive")
    if not 0 < amount_cents <= payment.refundable_cents:
        message = "The amount exceeds what is left to refund"
        raise ProviderError(400, "refund_amount_exceeds", message, code="refund_amount_exceeds")
    return amount_cents
