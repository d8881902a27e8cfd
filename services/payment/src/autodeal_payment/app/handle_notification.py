"""Take in that the provider has news about a payment. Nothing in a notification is believed."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from autodeal_contracts.events.notification import NotificationReceived
from autodeal_payment.app import metrics
from autodeal_payment.app.advance_sale import AdvanceSale
from autodeal_payment.app.change_sale import SaleChanger, of_existing
from autodeal_payment.app.ports.payment_provider import (
    PaymentProvider,
    ProviderRefusedError,
    ProviderUnansweredError,
)
from autodeal_payment.app.ports.sale_store import NOTIFICATION_DEADLINE, AlreadyHandledError, SaleStore
from autodeal_payment.domain import sale_acts
from autodeal_payment.domain.apply_observation import absorb
from autodeal_payment.domain.observations import Operation, Seen
from autodeal_payment.domain.payment import Payment, parse_payment_id
from autodeal_payment.domain.provider_payment import ProviderPayment, ProviderStatus
from autodeal_payment.domain.sale import Sale
from autodeal_platform.telemetry import bind_purchase

log = structlog.get_logger(__name__)


class HandleNotification:
    """A payment that is known by the provider's id is asked about as its sale goes on.

    Any other is fetched first: its reference tells the order, also when the webhook overtook the
    answer to our own call. While the provider is away a deadline keeps the notification.
    """

    def __init__(
        self, store: SaleStore, provider: PaymentProvider, changer: SaleChanger, advance: AdvanceSale
    ) -> None:
        self._store = store
        self._provider = provider
        self._changer = changer
        self._advance = advance

    async def __call__(self, event: NotificationReceived, event_id: str) -> None:
        """Handle a notification; one that comes again is asked about once more."""
        provider_id = event.provider_payment_id
        known = await self._store.find_order(provider_id)
        if known is not None:
            await self._ask_about(*known, event_id)
            return
        now = self._changer.moment().now
        due_at = now + self._changer.moment().schedule.resume_after
        try:
            await self._store.note_notification(provider_id, due_at, event_id, now)
        except AlreadyHandledError:
            return  # Its deadline does the rest.
        await self.look_into(provider_id, due_at)

    async def look_into(self, provider_id: str, due_at: datetime) -> None:
        """Fetch a payment that is not known by its id, and drop or move the deadline of the look."""
        to: datetime | None = None
        try:
            await self._fetch_and_take_in(provider_id)
        except ProviderUnansweredError as error:
            moment = self._changer.moment()
            to = moment.now + max(moment.schedule.first_check, error.retry_after or timedelta())
            log.warning("notification.postponed", provider_id=provider_id, why=str(error))
        await self._store.move_deadline(NOTIFICATION_DEADLINE, provider_id, due_at, to)

    async def _ask_about(self, order_id: int, attempt: int, event_id: str) -> None:
        decide = of_existing(lambda latest, _: sale_acts.note_notification(latest, attempt))
        sale: Sale | None = None
        with bind_purchase(correlation_id=str(order_id)):
            try:
                sale = await self._changer.change(order_id, decide, handled=event_id)
            except AlreadyHandledError:
                sale = None
            await self._advance(order_id, loaded=sale)

    async def _fetch_and_take_in(self, provider_id: str) -> None:
        told = await self._provider.fetch(provider_id)
        if told is None:
            _ignore("unknown_payment", provider_id)
            return
        named = parse_payment_id(told.reference)
        sale = await self._store.load(named[0]) if named is not None else None
        payment = sale.payment_by_id(told.reference) if sale is not None else None
        if sale is None or payment is None:
            _ignore("foreign_reference", provider_id)
            return
        with bind_purchase(correlation_id=str(sale.order_id)):
            if payment.provider_id not in {None, provider_id}:
                await self._undo_stray(payment, told)
                return
            seen = Seen(payment.attempt, told, Operation.FETCH)
            decide = of_existing(lambda latest, moment: absorb(latest, seen, moment))
            after = await self._changer.change(sale.order_id, decide, loaded=sale)
            await self._advance(sale.order_id, loaded=after)

    async def _undo_stray(self, payment: Payment, told: ProviderPayment) -> None:
        """Undo a second payment with a reference of ours: one must never pay twice."""
        metrics.STRAY_PAYMENTS.inc()
        log.error("provider.stray", payment_id=payment.payment_id, provider_id=told.provider_id)
        key = f"stray-{told.provider_id}"
        try:
            if told.status is ProviderStatus.APPROVED:
                await self._provider.refund(told.provider_id, key=f"{key}-refund")
            elif told.status is ProviderStatus.PENDING:
                await self._provider.cancel(told.provider_id, key=f"{key}-cancel")
        except ProviderRefusedError as error:
            raise ProviderUnansweredError(f"a stray payment stays: {error.reason}") from error


def _ignore(reason: str, provider_id: str) -> None:
    metrics.NOTIFICATIONS_IGNORED.labels(reason).inc()
    log.warning("notification.ignored", reason=reason, provider_id=provider_id)
