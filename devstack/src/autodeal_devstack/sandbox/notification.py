"""One notification of the provider: what is sent, and the HTTP request that carries it."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from yarl import URL

from autodeal_devstack.sandbox.control_messages import FaultKind
from autodeal_devstack.sandbox.present_payment import format_moment
from autodeal_devstack.sandbox.sign_webhook import sign_webhook
from autodeal_platform.json_codec import encode_json

_FORGERS_SECRET = "not-the-secret"


@dataclass(slots=True, kw_only=True)
class Notification:
    """A notification on its way. `attempts` grows; `entry` tells its current place in the queue."""

    id: int
    payment_id: int
    external_reference: str | None
    action: str
    url: str
    created_at: datetime
    faults: tuple[FaultKind, ...] = ()
    attempts: int = 0
    entry: int = 0

    @property
    def is_forged(self) -> bool:
        """Tell whether it is signed with a secret that is not the real one."""
        return FaultKind.FORGED in self.faults


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRequest:
    """A signed HTTP request, ready to be sent, or to be sent twice."""

    url: URL
    headers: dict[str, str]
    body: bytes


def build_request(notification: Notification, secret: str, now: datetime) -> WebhookRequest:
    """Sign an attempt: request id and time are its own, the body's `id` stays the same."""
    data_id = str(notification.payment_id)
    request_id = str(uuid.uuid4())
    signature = sign_webhook(
        _FORGERS_SECRET if notification.is_forged else secret,
        data_id=data_id,
        request_id=request_id,
        timestamp=_timestamp(notification, now),
    )
    body = {
        "id": notification.id,
        "action": notification.action,
        "api_version": "v1",
        "application_id": "sandbox",
        "data": {"id": data_id},
        "date_created": format_moment(notification.created_at),
        "live_mode": False,
        "type": "payment",
        "user_id": "sandbox",
    }
    return WebhookRequest(
        url=URL(notification.url).update_query({"data.id": data_id, "type": "payment"}),
        headers={"content-type": "application/json", "x-signature": signature, "x-request-id": request_id},
        body=encode_json(body),
    )


def _timestamp(notification: Notification, now: datetime) -> int:
    """Seconds or milliseconds, in turn: the real provider has sent both, so a receiver must take both."""
    seconds = now.timestamp()
    return int(seconds) if notification.id % 2 else int(seconds * 1000)
