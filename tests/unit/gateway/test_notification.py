from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodeal_contracts import topics
from autodeal_contracts.catalog import unseal
from autodeal_contracts.events.notification import NotificationReceived
from autodeal_gateway.domain.notification import (
    Notification,
    NotificationMalformedError,
    event_id,
    is_request_id,
    read_notification,
    seal_notification,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TEXTS = st.text(alphabet="abc0123456789-;:,", min_size=1, max_size=12)
NOTIFICATIONS = st.builds(Notification, TEXTS, TEXTS, TEXTS)


def seen(payment: str, request: str | None, timestamp: str, random_id: str = "random") -> str:
    return event_id(Notification(payment, request, timestamp), random_id=random_id)


def test_id_is_the_same_when_the_notification_comes_again() -> None:
    assert seen("77", "request-1", "1704908010", "a") == seen("77", "request-1", "1704908010", "b")


@pytest.mark.parametrize(
    "later",
    [("77", "request-2", "1704908010"), ("77", "request-1", "1704908011"), ("78", "request-1", "1704908010")],
)
def test_id_differs_when_a_later_notification_comes(later: tuple[str, str, str]) -> None:
    assert seen(*later) != seen("77", "request-1", "1704908010")


@given(NOTIFICATIONS, NOTIFICATIONS)
def test_ids_differ_when_any_part_differs(one: Notification, other: Notification) -> None:
    assert (event_id(one, random_id="r") == event_id(other, random_id="r")) == (one == other)


def test_id_is_never_reused_when_the_provider_sent_no_request_id() -> None:
    assert seen("77", None, "1704908010", "a") != seen("77", None, "1704908010", "b")


@pytest.mark.parametrize("data_id", [None, "", "../v1/users", "1;ts:2", "a" * 65, "1 2", "é"])
def test_notification_is_refused_when_it_names_no_payment(data_id: str | None) -> None:
    with pytest.raises(NotificationMalformedError):
        read_notification(data_id=data_id, request_id="r", timestamp="1")


@pytest.mark.parametrize("text", ["a;ts:1", "", "a b", "é", "a" * 129])
def test_request_id_is_refused_when_it_could_pose_as_another_pair(text: str) -> None:
    assert is_request_id("bb56a2f1-6aae:7")
    assert not is_request_id(text)


def test_notification_reads_back_when_sealed() -> None:
    notification = Notification("77", "request-1", "1704908010")
    envelope = seal_notification(notification, random_id="r", now=NOW, traceparent="00-a-b-01")
    assert (envelope.topic, envelope.key, envelope.sequence) == (topics.NOTIFICATION, "77", 0)
    assert envelope.traceparent == "00-a-b-01"
    assert unseal(envelope) == NotificationReceived(
        provider_payment_id="77", received_at=NOW, request_id="request-1"
    )
