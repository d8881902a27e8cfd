"""The payments in lists, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from autodeal_contracts.saga import PaymentState
from autodeal_payment.domain.payment import Payment


class BadCursorError(Exception):
    """The cursor was not made here."""

    code = "cursor_invalid"


@dataclass(frozen=True, kw_only=True)
class PaymentFilter:
    """Which payments; what is None does not narrow."""

    buyer_id: str | None = None
    order_id: int | None = None
    status: PaymentState | None = None
    key_digests: tuple[str, ...] = ()
    """Any of these: of the payment's idempotency key, or of its sale's."""


@dataclass(frozen=True, kw_only=True)
class PaymentPage:
    """Some payments, and where the next ones begin."""

    payments: tuple[Payment, ...]
    cursor: str | None
    """Opaque; None at the end. A page may hold fewer than asked for and still have a next one."""


class PaymentQueries(Protocol):
    """Newest first. May lag behind the latest commit by moments, except within one order."""

    async def list_payments(self, wanted: PaymentFilter, *, limit: int, cursor: str | None) -> PaymentPage:
        """Return a page with a bounded amount of work; raises BadCursorError, StoreUnavailableError."""
        ...
