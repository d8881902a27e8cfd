"""A payment as the provider keeps it, and the moves that are legal from each status.

No personal data is kept: the payer is checked when a payment is made and then forgotten.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from autodeal_devstack.sandbox.boleto_code import BoletoCode


class Status(StrEnum):
    """The provider's word for where a payment stands."""

    PENDING = "pending"
    APPROVED = "approved"
    AUTHORIZED = "authorized"
    IN_PROCESS = "in_process"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    CHARGED_BACK = "charged_back"


class Method(StrEnum):
    """The family of a payment method; a card's brand is kept as `payment_method_id`."""

    PIX = "pix"
    BOLETO = "boleto"
    CARD = "card"


OPEN_STATUSES = frozenset({Status.PENDING, Status.IN_PROCESS, Status.AUTHORIZED})
"""Statuses that a payer, the seller or the clock may still change."""


class IllegalMoveError(Exception):
    """The move is not legal from the payment's status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money on its way back: `status` is `approved`, `in_process` or `rejected`."""

    id: int
    amount_cents: int
    status: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One payment. It is replaced, never changed, so whoever holds one holds a consistent view."""

    id: int
    method: Method
    payment_method_id: str
    amount_cents: int
    status: Status
    status_detail: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    approved_at: datetime | None = None
    external_reference: str | None = None
    description: str = ""
    installments: int = 1
    captured: bool = True
    notification_url: str | None = None
    metadata: bytes = b"{}"
    pix_code: str = ""
    pix_image: str = field(default="", repr=False)
    boleto: BoletoCode | None = None
    refunds: tuple[Refund, ...] = ()

    @property
    def refunded_cents(self) -> int:
        """Money that went back to the payer."""
        return sum(refund.amount_cents for refund in self.refunds if refund.status == "approved")

    @property
    def refundable_cents(self) -> int:
        """Money that neither went back nor is on its way."""
        taken = sum(refund.amount_cents for refund in self.refunds if refund.status != "rejected")
        return self.amount_cents - taken

    def is_due(self, now: datetime) -> bool:
        """Tell whether the payer's time is over."""
        return self.status is Status.PENDING and self.expires_at is not None and self.expires_at <= now


Move = Callable[[Payment, datetime], Payment]
"""A change of a payment at a moment; raises `IllegalMoveError`."""


def approve(*, force: bool = False) -> Move:
    """Take the money; with `force` also a closed payment's, as banks settle what was just cancelled."""

    def move(payment: Payment, now: datetime) -> Payment:
        closed = {Status.CANCELLED, Status.REJECTED} if force else frozenset[Status]()
        _require(payment, OPEN_STATUSES | closed)
        return replace(
            payment,
            status=Status.APPROVED,
            status_detail="accredited",
            approved_at=now,
            updated_at=now,
            captured=True,
        )

    return move


def decline(detail: str | None = None) -> Move:
    """Refuse the money, for the reason `detail` in the provider's words."""

    def move(payment: Payment, now: datetime) -> Payment:
        _require(payment, OPEN_STATUSES)
        usual = "cc_rejected_other_reason" if payment.method is Method.CARD else "bank_error"
        return replace(payment, status=Status.REJECTED, status_detail=detail or usual, updated_at=now)

    return move


def cancel(detail: str) -> Move:
    """End an open payment: `by_collector`, `by_payer` or `expired`."""

    def move(payment: Payment, now: datetime) -> Payment:
        _require(payment, OPEN_STATUSES)
        return replace(payment, status=Status.CANCELLED, status_detail=detail, updated_at=now)

    return move


def hold_for_review() -> Move:
    """Set the payment aside until the provider has looked at it."""

    def move(payment: Payment, now: datetime) -> Payment:
        _require(payment, OPEN_STATUSES)
        detail = "pending_review_manual" if payment.method is Method.CARD else "pending_contingency"
        return replace(payment, status=Status.IN_PROCESS, status_detail=detail, updated_at=now)

    return move


def charge_back(detail: str = "in_process") -> Move:
    """Let the payer's bank take the money back; later moves settle the dispute."""

    def move(payment: Payment, now: datetime) -> Payment:
        _require(payment, frozenset({Status.APPROVED, Status.CHARGED_BACK}))
        return replace(payment, status=Status.CHARGED_BACK, status_detail=detail, updated_at=now)

    return move


def add_refund(refund: Refund) -> Move:
    """Append a refund; the payment is refunded once nothing is left of it."""

    def move(payment: Payment, now: datetime) -> Payment:
        _require(payment, frozenset({Status.APPROVED}))
        return _with_refunds(payment, (*payment.refunds, refund), now)

    return move


def settle_refunds(outcome: str) -> Move:
    """Decide the refunds that are in process: `approved` or `rejected`."""

    def move(payment: Payment, now: datetime) -> Payment:
        if all(refund.status != "in_process" for refund in payment.refunds):
            raise IllegalMoveError("no refund of the payment is in process")
        settled = tuple(
            replace(refund, status=outcome) if refund.status == "in_process" else refund
            for refund in payment.refunds
        )
        return _with_refunds(payment, settled, now)

    return move


def _with_refunds(payment: Payment, refunds: tuple[Refund, ...], now: datetime) -> Payment:
    changed = replace(payment, refunds=refunds, updated_at=now)
    if changed.refunded_cents == changed.amount_cents:
        return replace(changed, status=Status.REFUNDED, status_detail="refunded")
    if changed.refunded_cents:
        return replace(changed, status_detail="partially_refunded")
    return changed


def _require(payment: Payment, allowed: frozenset[Status]) -> None:
    if payment.status not in allowed:
        raise IllegalMoveError(f"the payment is {payment.status}")
