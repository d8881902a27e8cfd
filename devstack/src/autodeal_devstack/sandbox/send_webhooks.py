"""Notifications to the seller: signed, retried until they are taken, and spoiled by faults on demand."""

import asyncio
import itertools
from collections import deque

import aiohttp

from autodeal_devstack.sandbox.clock import Clock
from autodeal_devstack.sandbox.control_messages import Delivery, FaultKind
from autodeal_devstack.sandbox.faults import FaultBoard
from autodeal_devstack.sandbox.notification import Notification, WebhookRequest, build_request
from autodeal_devstack.sandbox.payment import Payment
from autodeal_devstack.sandbox.settings import SandboxSettings
from autodeal_devstack.sandbox.webhook_queue import WebhookQueue
from autodeal_platform.logs import get_logger

_TAKEN = frozenset({200, 201})
_log = get_logger(__name__)


class WebhookSender:
    """Delivers notifications, so many at a time, until each is taken or given up."""

    def __init__(self, settings: SandboxSettings, faults: FaultBoard, clock: Clock) -> None:
        self._settings = settings
        self._faults = faults
        self._clock = clock
        self._queue = WebhookQueue(settings.sandbox_webhook_pending_limit)
        self._held: dict[int, Notification] = {}
        self._deliveries: deque[Delivery] = deque(maxlen=settings.sandbox_record_limit)
        self._ids = itertools.count(int(clock.now().timestamp()) * 1000)
        self._oldest_id = 0
        self._session: aiohttp.ClientSession | None = None

    def announce(self, payment: Payment, action: str) -> None:
        """Queue a notification of a payment's new state; the faults decide here what becomes of it."""
        url = payment.notification_url or self._settings.sandbox_webhook_url
        if not url:
            return
        plan = self._faults.plan_webhook(payment.external_reference)
        notification = self._make(payment, action, url, plan.kinds)
        if plan.has(FaultKind.LOST):
            self._record(notification, "lost")
        elif plan.has(FaultKind.REORDERED) and payment.id not in self._held:
            # It waits for the next one of the same payment to overtake it, but not for ever.
            self._held[payment.id] = notification
            self._put(notification, plan.delay_ms / 1000)
        else:
            late = plan.has(FaultKind.LATE)
            self._put(notification, plan.delay_ms / 1000 if late else 0.0)

    async def notify_once(self, payment: Payment, *, forged: bool) -> int | None:
        """Send one notification now, without retries; return the receiver's status, None without one."""
        url = payment.notification_url or self._settings.sandbox_webhook_url
        if not url:
            return None
        faults = (FaultKind.FORGED,) if forged else ()
        return await self._attempt(self._make(payment, "payment.updated", url, faults))

    async def keep_sending(self) -> None:
        """Deliver what is queued, until cancelled."""
        slots = asyncio.Semaphore(self._settings.sandbox_webhook_concurrency)
        timeout = aiohttp.ClientTimeout(total=self._settings.sandbox_webhook_timeout_seconds)
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as deliveries:
            self._session = session
            while True:
                await slots.acquire()
                notification = await self._queue.next()
                delivery = deliveries.create_task(self._deliver(notification))
                delivery.add_done_callback(lambda _: slots.release())

    def deliveries(self, external_reference: str | None = None) -> list[Delivery]:
        """Return the recorded attempts, oldest first."""
        return [
            delivery
            for delivery in self._deliveries
            if external_reference in {None, delivery.external_reference}
        ]

    def clear(self) -> None:
        """Forget what waits and what was recorded."""
        self._oldest_id = next(self._ids)
        self._queue.clear()
        self._held.clear()
        self._deliveries.clear()

    async def _deliver(self, notification: Notification) -> None:
        overtaken = self._held.pop(notification.payment_id, None)
        status = await self._attempt(notification)
        if overtaken is not None and overtaken is not notification:
            self._put(overtaken)
        # A forger does not come back, and neither does what he pretended to be.
        if status in _TAKEN or notification.is_forged:
            return
        if notification.attempts >= self._settings.sandbox_webhook_attempts:
            self._record(notification, "gave_up", status)
            return
        self._put(notification, self._pause_seconds(notification.attempts))

    async def _attempt(self, notification: Notification) -> int | None:
        notification.attempts += 1
        request = build_request(
            notification, self._settings.sandbox_webhook_secret.reveal(), self._clock.now()
        )
        status = await self._post(request)
        if FaultKind.DUPLICATED in notification.faults and notification.attempts == 1:
            await self._post(request)
        outcome = "delivered" if status in _TAKEN else "unreachable" if status is None else "refused"
        self._record(notification, outcome, status)
        return status

    async def _post(self, request: WebhookRequest) -> int | None:
        if self._session is None:
            return None
        try:
            async with self._session.post(
                request.url, data=request.body, headers=request.headers, allow_redirects=False
            ) as response:
                return response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            _log.info("webhook.unreachable", error=type(error).__name__)
            return None

    def _make(self, payment: Payment, action: str, url: str, faults: tuple[FaultKind, ...]) -> Notification:
        return Notification(
            id=next(self._ids),
            payment_id=payment.id,
            external_reference=payment.external_reference,
            action=action,
            url=url,
            created_at=self._clock.now(),
            faults=faults,
        )

    def _put(self, notification: Notification, delay_seconds: float = 0.0) -> None:
        if notification.id < self._oldest_id:
            # It was under way while everything was forgotten.
            return
        if not self._queue.put(notification, delay_seconds):
            self._record(notification, "dropped")
            _log.warning("webhook.dropped", payment_id=notification.payment_id)

    def _pause_seconds(self, attempts: int) -> float:
        doubled = self._settings.sandbox_webhook_first_retry_seconds * 2.0 ** min(attempts - 1, 30)
        return min(doubled, self._settings.sandbox_webhook_longest_retry_seconds)

    def _record(self, notification: Notification, outcome: str, status: int | None = None) -> None:
        self._deliveries.append(
            Delivery(
                notification_id=notification.id,
                payment_id=notification.payment_id,
                external_reference=notification.external_reference,
                action=notification.action,
                attempt=notification.attempts,
                at=self._clock.now(),
                outcome=outcome,
                status=status,
                faults=notification.faults,
            )
        )
