"""Show payments to those who may see them."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from autodeal_payment.app.payment_view import PaymentView, view
from autodeal_payment.app.ports.payment_queries import PaymentFilter, PaymentPage, PaymentQueries
from autodeal_payment.app.ports.sale_store import SaleStore
from autodeal_payment.domain.errors import PaymentNotFoundError
from autodeal_payment.domain.payment import parse_payment_id
from autodeal_platform.idempotency import digest_key


class FindPayments:
    """Buyers see their own payments, administrators all; whose a payment is, is checked, never guessed."""

    def __init__(self, store: SaleStore, queries: PaymentQueries) -> None:
        self._store = store
        self._queries = queries

    async def one(self, payment_id: str, *, caller: str, is_admin: bool) -> PaymentView:
        """Return a payment; raises PaymentNotFoundError, also for somebody else's."""
        named = parse_payment_id(payment_id)
        sale = await self._store.load(named[0]) if named is not None else None
        payment = sale.payment_by_id(payment_id) if sale is not None else None
        if sale is None or payment is None or not (is_admin or sale.buyer_id == caller):
            raise PaymentNotFoundError("There is no such payment.")
        return view(payment)

    async def some(
        self,
        wanted: PaymentFilter,
        *,
        idempotency_key: str | None,
        caller: str,
        is_admin: bool,
        limit: int,
        cursor: str | None,
    ) -> PaymentPage:
        """Return a page of the payments that the caller may see; raises BadCursorError."""
        if not is_admin:
            wanted = replace(wanted, buyer_id=caller)
        if idempotency_key is not None:
            wanted = replace(wanted, key_digests=key_digests(idempotency_key, caller))
        return await self._queries.list_payments(wanted, limit=limit, cursor=cursor)


def key_digests(key: str, caller: str) -> tuple[str, ...]:
    """Return the digests under which a key may be stored: scoped to its buyer here, plain in the sale."""
    return (digest_key(key, caller), hashlib.sha256(key.encode()).hexdigest())
