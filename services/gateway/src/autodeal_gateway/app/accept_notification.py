"""Take a webhook of the payment provider and keep it for good.

The provider is told 200 only once the notification is durable, so a notification is never lost
between the two: whatever fails here, the provider sends it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from autodeal_contracts.envelope import Envelope
from autodeal_gateway.domain.notification import (
    PAYMENT_KINDS,
    NotificationMalformedError,
    is_request_id,
    read_notification,
    seal_notification,
)
from autodeal_gateway.domain.webhook_signature import WebhookForgedError, verify_signature


class NotificationLog(Protocol):
    """Where notifications are kept until the payment service takes them."""

    async def append(self, envelope: Envelope) -> None:
        """Return once the event is durable. Raises NotificationsUnavailableError in bounded time.

        After the error the event may be there all the same; appending it again is harmless.
        """
        ...


@dataclass(frozen=True)
class Webhook:
    """A request to the webhook, as it came in."""

    kind: str | None
    """What the notification is about, such as `payment` or `merchant_order`."""
    data_id: str | None
    request_id: str | None
    signature: str | None


class Acceptance(StrEnum):
    """What became of a webhook."""

    KEPT = "kept"
    IGNORED = "ignored"


async def accept_notification(
    log: NotificationLog,
    webhook: Webhook,
    *,
    secrets: tuple[bytes, ...],
    now: datetime,
    random_id: str,
    traceparent: str | None,
) -> Acceptance:
    """Keep a genuine notification about a payment; ignore genuine ones about anything else.

    Raises WebhookForgedError, NotificationMalformedError, NotificationsUnavailableError.
    """
    if webhook.request_id is not None and not is_request_id(webhook.request_id):
        raise WebhookForgedError("The request id is not one that the provider signs.")
    signature = verify_signature(
        webhook.signature, data_id=webhook.data_id, request_id=webhook.request_id, secrets=secrets
    )
    if webhook.kind is None:
        # It may be about a payment: refused, it is seen; ignored, it would be lost without a trace.
        raise NotificationMalformedError("The notification does not say what it is about.")
    if webhook.kind not in PAYMENT_KINDS:
        # Merchant orders, claims and the like: nothing here waits for them, and without a 200 the
        # provider would repeat them for days.
        return Acceptance.IGNORED
    notification = read_notification(
        data_id=webhook.data_id, request_id=webhook.request_id, timestamp=signature.timestamp
    )
    await log.append(seal_notification(notification, random_id=random_id, now=now, traceparent=traceparent))
    return Acceptance.KEPT
