"""A store of sales in memory, with the semantics of the real one."""

from __future__ import annotations

from datetime import datetime, timedelta

from autodeal_contracts.envelope import Envelope
from autodeal_payment.app.ports.payment_queries import BadCursorError, PaymentFilter, PaymentPage
from autodeal_payment.app.ports.sale_store import (
    SALE_DEADLINE,
    AlreadyHandledError,
    KeptAnswer,
    KeyTakenError,
    SaleChange,
    VersionConflictError,
)
from autodeal_payment.domain.ledger import LedgerEntry
from autodeal_payment.domain.payment import Payment
from autodeal_payment.domain.sale import Sale

KEY_RETENTION = timedelta(hours=72)
Deadline = tuple[str, str, datetime]


class MemorySaleStore:
    """Keeps everything in dictionaries; tests read them."""

    def __init__(self) -> None:
        self.sales: dict[int, Sale] = {}
        self.outbox: list[Envelope] = []
        self.ledger: list[LedgerEntry] = []
        self.audit: list[tuple[int, int, str]] = []
        self.inbox: set[str] = set()
        self.deadlines: set[Deadline] = set()
        self.keys: dict[tuple[str, str], tuple[KeptAnswer, datetime]] = {}
        self.provider_ids: dict[str, tuple[int, int]] = {}
        self.fail_next: list[Exception | None] = []
        """Raised by the next saves, one each, before anything is written; None lets one through."""
        self.lose_next: list[Exception | None] = []
        """The same after everything was written: the answer is lost."""
        self.saves = 0

    async def load(self, order_id: int) -> Sale | None:
        """Return the sale."""
        return self.sales.get(order_id)

    async def save(self, change: SaleChange) -> None:
        """Write all of the change or nothing."""
        self.saves += 1
        _raise_next(self.fail_next)
        self._check(change)
        after = change.after
        self._move_sale_deadline(change)
        self.sales[after.order_id] = after
        self.outbox.extend(change.envelopes)
        self.ledger.extend(change.entries)
        self.audit.append((after.order_id, after.version, change.trigger))
        if change.handled is not None:
            self.inbox.add(change.handled)
        for key in change.keys:
            self.keys[after.buyer_id or "", key.digest] = (key.kept, change.at + KEY_RETENTION)
        for payment in after.payments:
            if payment.provider_id is not None:
                self.provider_ids[payment.provider_id] = (after.order_id, payment.attempt)
        _raise_next(self.lose_next)

    def _check(self, change: SaleChange) -> None:
        if change.handled is not None and change.handled in self.inbox:
            raise AlreadyHandledError(change.handled)
        for key in change.keys:
            kept = self.keys.get((change.after.buyer_id or "", key.digest))
            if key.kept.answer is None and kept is not None and kept[1] > change.at:
                raise KeyTakenError(key.digest)
        stored = self.sales.get(change.after.order_id)
        expected = change.before.version if change.before is not None else None
        if (stored.version if stored is not None else None) != expected:
            raise VersionConflictError(str(change.after.order_id))

    def _move_sale_deadline(self, change: SaleChange) -> None:
        subject = str(change.after.order_id)
        if change.before is not None and change.before.due_at is not None:
            self.deadlines.discard((SALE_DEADLINE, subject, change.before.due_at))
        if change.after.due_at is not None:
            self.deadlines.add((SALE_DEADLINE, subject, change.after.due_at))

    async def mark_handled(self, event_id: str, at: datetime) -> None:  # noqa: ARG002 - the port's signature
        """Remember an event that changed nothing."""
        self.inbox.add(event_id)

    async def find_order(self, provider_id: str) -> tuple[int, int] | None:
        """Return (order id, attempt)."""
        return self.provider_ids.get(provider_id)

    async def find_answer(self, buyer_id: str, digest: str, now: datetime) -> KeptAnswer | None:
        """Return what the key stands for."""
        kept = self.keys.get((buyer_id, digest))
        return kept[0] if kept is not None and kept[1] > now else None

    async def note_notification(
        self,
        provider_id: str,
        due_at: datetime,
        event_id: str,
        at: datetime,  # noqa: ARG002 - the port's signature
    ) -> None:
        """Remember the event and when to look at it again."""
        if event_id in self.inbox:
            raise AlreadyHandledError(event_id)
        self.inbox.add(event_id)
        self.deadlines.add(("notification", provider_id, due_at))

    async def move_deadline(self, kind: str, subject: str, due_at: datetime, to: datetime | None) -> None:
        """Move a deadline, or drop it."""
        self.deadlines.discard((kind, subject, due_at))
        if to is not None:
            self.deadlines.add((kind, subject, to))

    async def list_payments(self, wanted: PaymentFilter, *, limit: int, cursor: str | None) -> PaymentPage:
        """Return a page, newest first."""
        found = [
            (_rank(payment), payment)
            for sale in self.sales.values()
            for payment in sale.payments
            if _fits(sale, payment, wanted)
        ]
        found.sort(key=lambda pair: pair[0], reverse=True)
        if cursor is not None:
            if "#" not in cursor:
                raise BadCursorError(cursor)
            found = [pair for pair in found if pair[0] < cursor]
        page = found[:limit]
        more = page[-1][0] if len(found) > limit else None
        return PaymentPage(payments=tuple(payment for _, payment in page), cursor=more)


def _raise_next(faults: list[Exception | None]) -> None:
    fault = faults.pop(0) if faults else None
    if fault is not None:
        raise fault


def _rank(payment: Payment) -> str:
    return f"{payment.created_at.isoformat(timespec='microseconds')}#{payment.payment_id}"


def _fits(sale: Sale, payment: Payment, wanted: PaymentFilter) -> bool:
    return (
        wanted.buyer_id in {None, sale.buyer_id}
        and wanted.order_id in {None, sale.order_id}
        and wanted.status in {None, payment.state}
        and (
            not wanted.key_digests
            or payment.idempotency_digest in wanted.key_digests
            or sale.idempotency_digest in wanted.key_digests
        )
    )
