"""The ledger: double entry, append-only. What one posting moves sums to zero."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from autodeal_payment.domain.payment import Payment


class Account(StrEnum):
    """Where money is counted."""

    PROVIDER = "provider"
    """Money that the provider holds for the dealer."""
    BUYERS = "buyers"
    """Money received from buyers (negative: a credit)."""
    CHARGE_BACKS = "charge_backs"
    """Money that banks took back."""


class Posting(StrEnum):
    """What moved the money; each happens at most once to a payment."""

    RECEIVED = "received"
    REFUNDED = "refunded"
    CHARGED_BACK = "charged_back"


@dataclass(frozen=True, kw_only=True)
class LedgerEntry:
    """One side of a posting."""

    payment_id: str
    posting: Posting
    account: Account
    amount_cents: int
    """Positive for a debit, negative for a credit."""
    at: datetime


def post(posting: Posting, payment: Payment, now: datetime) -> tuple[LedgerEntry, ...]:
    """Return both sides of what happened to the payment's money."""
    cents = payment.money_cents
    sides = {
        Posting.RECEIVED: ((Account.PROVIDER, cents), (Account.BUYERS, -cents)),
        Posting.REFUNDED: ((Account.BUYERS, cents), (Account.PROVIDER, -cents)),
        Posting.CHARGED_BACK: ((Account.CHARGE_BACKS, cents), (Account.PROVIDER, -cents)),
    }[posting]
    return tuple(
        LedgerEntry(
            payment_id=payment.payment_id, posting=posting, account=account, amount_cents=amount, at=now
        )
        for account, amount in sides
    )
