import hashlib
import hmac
import re
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from autodeal_devstack.sandbox.control_messages import FaultKind
from autodeal_devstack.sandbox.notification import Notification, build_request
from autodeal_devstack.sandbox.webhook_queue import WebhookQueue

NOW = datetime(2026, 11, 1, 15, 0, tzinfo=UTC)


def notification(**changes: Any) -> Notification:
    values: dict[str, Any] = {
        "id": 1,
        "payment_id": 1320936541,
        "external_reference": "17-1",
        "action": "payment.updated",
        "url": "http://seller.test/webhook?source=mp",
        "created_at": NOW,
    }
    return Notification(**(values | changes))


def is_signed(headers: dict[str, str], data_id: str, secret: str) -> bool:
    """Verify as the provider's documentation tells a receiver to."""
    parts = dict(part.split("=", 1) for part in headers["x-signature"].split(","))
    manifest = f"id:{data_id};request-id:{headers['x-request-id']};ts:{parts['ts']};"
    return hmac.new(secret.encode(), manifest.encode(), hashlib.sha256).hexdigest() == parts["v1"]


def test_request_is_as_documented_when_built() -> None:
    request = build_request(notification(), "the-secret", NOW)
    assert str(request.url) == "http://seller.test/webhook?source=mp&data.id=1320936541&type=payment"
    assert is_signed(request.headers, "1320936541", "the-secret")
    assert not is_signed(request.headers, "1320936542", "the-secret")
    body = msgspec.json.decode(request.body)
    assert body["data"] == {"id": "1320936541"}
    assert (body["action"], body["type"], body["api_version"]) == ("payment.updated", "payment", "v1")
    assert body["live_mode"] is False


def test_signature_is_wrong_when_forged() -> None:
    request = build_request(notification(faults=(FaultKind.FORGED,)), "the-secret", NOW)
    assert re.fullmatch(r"ts=\d+,v1=[0-9a-f]{64}", request.headers["x-signature"])
    assert not is_signed(request.headers, "1320936541", "the-secret")


@pytest.mark.parametrize(("number", "timestamp"), [(1, "1793545200"), (2, "1793545200000")])
def test_time_is_in_seconds_or_milliseconds_when_signed(number: int, timestamp: str) -> None:
    request = build_request(notification(id=number), "the-secret", NOW)
    assert request.headers["x-signature"].startswith(f"ts={timestamp},")


def test_attempts_differ_but_for_the_notification_when_built_twice() -> None:
    first, second = (build_request(notification(), "the-secret", NOW) for _ in range(2))
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert first.body == second.body


async def test_notifications_leave_by_due_time_when_queued() -> None:
    queue = WebhookQueue(limit=10)
    late, soon, moved = notification(id=1), notification(id=2), notification(id=3)
    queue.put(late, 0.03)
    queue.put(moved, 60)
    queue.put(soon, 0.01)
    queue.put(moved, 0.02)
    assert [(await queue.next()).id for _ in range(3)] == [2, 3, 1]


async def test_notification_is_turned_away_when_too_many_wait() -> None:
    queue = WebhookQueue(limit=1)
    assert queue.put(notification(id=1))
    assert not queue.put(notification(id=2))
    await queue.next()
    assert queue.put(notification(id=3))
