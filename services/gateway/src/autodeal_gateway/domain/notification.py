"""What a provider's webhook says, and when two of them are the same."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

import msgspec

from autodeal_contracts.catalog import seal
from autodeal_contracts.envelope import Envelope
from autodeal_contracts.events.notification import NotificationReceived

PAYMENT_KINDS = frozenset({"payment"})
"""The kinds of notification that are about a payment; a merchant's account sends others too."""
UNCOUNTED = 0
"""`ce_sequence` of a notification. The provider's payment has no version that the gateway could know,
so nothing is counted: readers must not look for gaps here, and order is that of arrival."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_REQUEST_ID = re.compile(r"[\x21-\x3a\x3c-\x7e]{1,128}", re.ASCII)


class NotificationMalformedError(ValueError):
    """A genuine notification that names no payment which could be asked about."""

    code = "notification_malformed"


@dataclass(frozen=True)
class Notification:
    """A notification of the provider whose signature was right."""

    provider_payment_id: str
    request_id: str | None
    timestamp: str
    """The signed `ts`, as it was sent."""


def is_request_id(request_id: str) -> bool:
    """Tell whether a text can be an `x-request-id` that is signed.

    A semicolon ends a pair of the signed text, so a value with one could pose as two pairs.
    """
    return _REQUEST_ID.fullmatch(request_id) is not None


def read_notification(*, data_id: str | None, request_id: str | None, timestamp: str) -> Notification:
    """Read the signed parts of a notification about a payment.

    Raises NotificationMalformedError when the payment's id is missing or cannot be one.
    """
    if data_id is None or not _ID.fullmatch(data_id):
        raise NotificationMalformedError("Data.id does not name a payment.")
    return Notification(provider_payment_id=data_id, request_id=request_id, timestamp=timestamp)


def event_id(notification: Notification, *, random_id: str) -> str:
    """Return the id by which the inbox tells a repeat from a later notification.

    The same notification sent again carries the same `x-request-id` and `ts`, so it gets the same
    id and is dropped; a later one about the same payment differs in at least one of them. Without
    an `x-request-id` two notifications of one second cannot be told apart: then the id is random,
    since handling a repeat twice is harmless and losing a later one is not.
    """
    if notification.request_id is None:
        return random_id
    parts = (notification.provider_payment_id, notification.request_id, notification.timestamp)
    # Encoded as a list, so that no two different triples run together into one text.
    return hashlib.sha256(b"mercado_pago" + msgspec.json.encode(parts)).hexdigest()[:32]


def seal_notification(
    notification: Notification, *, random_id: str, now: datetime, traceparent: str | None
) -> Envelope:
    """Put the notification into the envelope that goes to Kafka."""
    return seal(
        NotificationReceived(
            provider_payment_id=notification.provider_payment_id,
            received_at=now,
            request_id=notification.request_id or "",
        ),
        event_id=event_id(notification, random_id=random_id),
        source="gateway",
        time=now,
        sequence=UNCOUNTED,
        traceparent=traceparent,
    )
