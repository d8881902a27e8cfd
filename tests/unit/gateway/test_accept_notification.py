from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from autodeal_contracts.envelope import Envelope
from autodeal_gateway.app.accept_notification import Acceptance, Webhook, accept_notification
from autodeal_gateway.app.errors import NotificationsUnavailableError
from autodeal_gateway.domain.notification import NotificationMalformedError
from autodeal_gateway.domain.webhook_signature import WebhookForgedError, sign

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SECRET = b"secret"


class MemoryLog:
    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.away = False

    async def append(self, envelope: Envelope) -> None:
        if self.away:
            raise NotificationsUnavailableError
        self.envelopes.append(envelope)


def webhook(
    *, kind: str | None = "payment", data_id: str | None = "77", request_id: str | None = "r-1", ts: str = "5"
) -> Webhook:
    digest = sign(SECRET, data_id=data_id, request_id=request_id, timestamp=ts)
    return Webhook(kind=kind, data_id=data_id, request_id=request_id, signature=f"ts={ts},v1={digest}")


async def accept(log: MemoryLog, sent: Webhook) -> Acceptance:
    return await accept_notification(
        log, sent, secrets=(SECRET,), now=NOW, random_id="random", traceparent=None
    )


async def test_notification_is_kept_when_genuine() -> None:
    log = MemoryLog()
    assert await accept(log, webhook()) is Acceptance.KEPT
    assert [envelope.key for envelope in log.envelopes] == ["77"]


async def test_notification_has_one_event_id_when_sent_twice_and_another_when_later() -> None:
    log = MemoryLog()
    for sent in (webhook(), webhook(), webhook(ts="6"), webhook(request_id="r-2")):
        await accept(log, sent)
    first, again, later, other = [envelope.id for envelope in log.envelopes]
    assert first == again
    assert len({first, later, other}) == 3


@pytest.mark.parametrize("kind", ["merchant_order", "chargebacks", "test", ""])
async def test_notification_is_ignored_when_about_something_else(kind: str) -> None:
    log = MemoryLog()
    assert await accept(log, webhook(kind=kind)) is Acceptance.IGNORED
    assert not log.envelopes


@pytest.mark.parametrize(
    "sent",
    [
        replace(webhook(), signature=None),
        replace(webhook(), data_id="78"),
        replace(webhook(), request_id="r-2"),
        replace(webhook(), request_id=None),
        replace(webhook(), kind="merchant_order", data_id="78"),
        replace(webhook(request_id="r-1;ts:5"), request_id="r-1;ts:5"),
        # The same signed text, cut into other pairs.
        replace(webhook(), data_id="77;request-id:r-1", request_id=None),
    ],
)
async def test_notification_is_forged_when_the_signature_does_not_fit(sent: Webhook) -> None:
    log = MemoryLog()
    with pytest.raises((WebhookForgedError, NotificationMalformedError)):
        await accept(log, sent)
    assert not log.envelopes


@pytest.mark.parametrize("sent", [webhook(kind=None), webhook(data_id=None), webhook(data_id="../77")])
async def test_notification_is_refused_when_it_does_not_say_what_changed(sent: Webhook) -> None:
    log = MemoryLog()
    with pytest.raises(NotificationMalformedError):
        await accept(log, sent)
    assert not log.envelopes


async def test_notification_is_not_acknowledged_when_it_cannot_be_kept() -> None:
    log = MemoryLog()
    log.away = True
    with pytest.raises(NotificationsUnavailableError):
        await accept(log, webhook())
