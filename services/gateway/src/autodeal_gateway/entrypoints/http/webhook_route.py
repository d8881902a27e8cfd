"""The provider's webhook."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import uuid4

import msgspec
from litestar import Request, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import HeaderParameter, QueryParameter
from prometheus_client import Counter

from autodeal_gateway.app.accept_notification import (
    Acceptance,
    NotificationLog,
    Webhook,
    accept_notification,
)
from autodeal_gateway.app.errors import NotificationsUnavailableError
from autodeal_gateway.domain.notification import NotificationMalformedError
from autodeal_gateway.domain.webhook_signature import WebhookForgedError
from autodeal_platform import describe_answers as doc
from autodeal_platform.errors import BodyTooLargeError
from autodeal_platform.json_codec import RequestBody, ResponseBody
from autodeal_platform.telemetry import current_traceparent

WEBHOOKS = Counter("gateway_webhooks_total", "Webhooks of the provider by what became of them.", ("outcome",))
_FAILED = "failed"
_REFUSALS = (WebhookForgedError, NotificationMalformedError, NotificationsUnavailableError)
for _outcome in (*Acceptance, *(error.code for error in _REFUSALS), _FAILED):
    WEBHOOKS.labels(_outcome)  # an alert sees nothing when a counter is born at one


class WebhookAnswer(ResponseBody, frozen=True, kw_only=True):
    """What became of a notification."""

    status: Annotated[str, msgspec.Meta(description="`kept` or `ignored`.")]


class NotificationBody(RequestBody, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """As much of a notification's body as is read, and only when the query does not tell it.

    The body is not signed, so it is never believed about the payment itself.
    """

    type: str | None = None


@dataclass(frozen=True)
class WebhookLimits:
    """What the webhook accepts."""

    secrets: Callable[[], tuple[bytes, ...]]
    """Asked for each notification, so that a rotation needs no restart."""
    body_limit_bytes: int

    def __repr__(self) -> str:
        return f"WebhookLimits(body_limit_bytes={self.body_limit_bytes})"


PaymentParameter = Annotated[
    str | None, QueryParameter(name="data.id", description="The provider's id of the payment that changed.")
]
KindParameter = Annotated[str | None, QueryParameter(name="type", description="`payment`.")]
TopicParameter = Annotated[str | None, QueryParameter(name="topic", description="An older name of `type`.")]
SignatureParameter = Annotated[
    str | None,
    HeaderParameter(name="x-signature", description="`ts=<time>,v1=<HMAC-SHA256 in hexadecimal>`."),
]


def webhook_route(
    log: NotificationLog, limits: WebhookLimits, now: Callable[[], datetime]
) -> HTTPRouteHandler:
    """Return the webhook, bound to where notifications are kept."""

    @post(
        "/webhook",
        status_code=200,
        tags=["Webhook"],
        operation_id="receiveNotification",
        summary="Notify of a payment",
        responses={
            **doc.succeeds(200, WebhookAnswer, "The notification is durable, or about something else."),
            **doc.refuses(
                notification_malformed=400,
                webhook_forged=401,
                body_too_large=413,
                notifications_unavailable=503,
            ),
        },
    )
    async def receive_notification(
        request: Request[Any, Any, Any],
        data_id: PaymentParameter = None,
        kind: KindParameter = None,
        topic: TopicParameter = None,
        signature: SignatureParameter = None,
    ) -> WebhookAnswer:
        """Take a notification of the payment provider.

        It is answered with 200 only once it is durable, and with 503 when it must be sent again.
        """
        body = await _read_body(request, limits.body_limit_bytes)
        webhook = Webhook(
            kind=kind or topic or _kind_in(body),
            data_id=data_id,
            request_id=request.headers.get("x-request-id"),
            signature=signature,
        )
        return await _accept(log, webhook, limits.secrets(), now())

    return receive_notification


async def _accept(
    log: NotificationLog, webhook: Webhook, secrets: tuple[bytes, ...], now: datetime
) -> WebhookAnswer:
    try:
        acceptance = await accept_notification(
            log,
            webhook,
            secrets=secrets,
            now=now,
            random_id=uuid4().hex,
            traceparent=current_traceparent(),
        )
    except Exception as error:
        WEBHOOKS.labels(getattr(error, "code", _FAILED)).inc()
        raise
    WEBHOOKS.labels(acceptance.value).inc()
    return WebhookAnswer(status=acceptance.value)


async def _read_body(request: Request[Any, Any, Any], limit_bytes: int) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit_bytes:
            raise BodyTooLargeError
    return bytes(body)


_body_decoder = msgspec.json.Decoder(NotificationBody)


def _kind_in(body: bytes) -> str | None:
    try:
        return _body_decoder.decode(body).type
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
