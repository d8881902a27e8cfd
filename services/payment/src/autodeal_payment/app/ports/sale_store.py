"""Where sales are kept: one aggregate, one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import msgspec

from autodeal_contracts.envelope import Envelope
from autodeal_payment.app.payment_view import PaymentView
from autodeal_payment.domain.ledger import LedgerEntry
from autodeal_payment.domain.sale import Sale

SALE_DEADLINE = "sale"
"""The kind of a sale's deadline; its subject is the order's id."""
NOTIFICATION_DEADLINE = "notification"
"""The kind of a notification's deadline; its subject is the provider's payment id."""


class VersionConflictError(Exception):
    """Somebody else changed the sale meanwhile: load it again and decide anew."""

    code = "unavailable"


class AlreadyHandledError(Exception):
    """The event was handled before: nothing was written."""


class KeyTakenError(Exception):
    """The idempotency key is in use: nothing was written."""


class StoreUnavailableError(Exception):
    """The store is away or overloaded; a write may or may not have taken effect."""

    code = "unavailable"


class KeptAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a buyer's idempotency key stands for."""

    fingerprint: str
    """What was requested with it."""
    payment_id: str
    answer: PaymentView | None
    """The first answer; None while the request is under way."""


@dataclass(frozen=True, kw_only=True)
class KeyChange:
    """A write of a buyer's idempotency key, in the commit of the effect."""

    digest: str
    kept: KeptAnswer
    """Without an answer: the key is claimed, which fails if it is in use. With one: it is answered."""


@dataclass(frozen=True, kw_only=True)
class SaleChange:
    """Everything one transaction writes."""

    before: Sale | None
    """As it was loaded; None for a sale that is not stored yet."""
    after: Sale
    at: datetime
    trigger: str
    envelopes: tuple[Envelope, ...] = ()
    entries: tuple[LedgerEntry, ...] = ()
    handled: str | None = None
    """The id of the event whose handling this is."""
    keys: tuple[KeyChange, ...] = ()


class SaleStore(Protocol):
    """Every method may raise StoreUnavailableError."""

    async def load(self, order_id: int) -> Sale | None:
        """Return the sale with all its payments as of its latest commit."""
        ...

    async def save(self, change: SaleChange) -> None:
        """Write all of the change or nothing.

        Raises AlreadyHandledError, KeyTakenError or VersionConflictError, looked for in this order.
        """
        ...

    async def mark_handled(self, event_id: str, at: datetime) -> None:
        """Remember an event that changed nothing; one already remembered is no error."""
        ...

    async def find_order(self, provider_id: str) -> tuple[int, int] | None:
        """Return (order id, attempt) of the payment that the provider knows by that id."""
        ...

    async def find_answer(self, buyer_id: str, digest: str, now: datetime) -> KeptAnswer | None:
        """Return what the buyer's idempotency key stands for, unless it has expired."""
        ...

    async def note_notification(
        self, provider_id: str, due_at: datetime, event_id: str, at: datetime
    ) -> None:
        """Remember an event about a payment that is not known by that id, and when to look at it again.

        Raises AlreadyHandledError.
        """
        ...

    async def move_deadline(self, kind: str, subject: str, due_at: datetime, to: datetime | None) -> None:
        """Move a deadline that belongs to no sale, or drop it."""
        ...
