from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autodeal_gateway.domain.webhook_signature import (
    WebhookForgedError,
    manifest,
    read_signature_header,
    sign,
    verify_signature,
)

SECRET = b"current-secret"
PREVIOUS = b"previous-secret"
IDS = st.text(alphabet="abcXYZ019-_", min_size=1, max_size=20)
TIMESTAMPS = st.integers(0, 10**14).map(str)
OPTIONAL_IDS = st.none() | IDS


def header(secret: bytes, *, data_id: str | None, request_id: str | None, timestamp: str) -> str:
    digest = sign(secret, data_id=data_id, request_id=request_id, timestamp=timestamp)
    return f"ts={timestamp},v1={digest}"


def test_signature_is_the_documented_one_when_computed() -> None:
    expected = hmac.new(SECRET, b"id:123;request-id:abc;ts:1704908010;", hashlib.sha256).hexdigest()
    assert sign(SECRET, data_id="123", request_id="abc", timestamp="1704908010") == expected


def test_manifest_leaves_pairs_out_when_their_value_is_absent() -> None:
    assert manifest(data_id=None, request_id="r", timestamp="1") == b"request-id:r;ts:1;"
    assert manifest(data_id="7", request_id=None, timestamp="1") == b"id:7;ts:1;"


@given(OPTIONAL_IDS, OPTIONAL_IDS, TIMESTAMPS, st.sampled_from([SECRET, PREVIOUS]))
def test_notification_is_genuine_when_signed_with_either_secret(
    data_id: str | None, request_id: str | None, timestamp: str, secret: bytes
) -> None:
    sent = header(secret, data_id=data_id, request_id=request_id, timestamp=timestamp)
    found = verify_signature(sent, data_id=data_id, request_id=request_id, secrets=(SECRET, PREVIOUS))
    assert found.timestamp == timestamp


@given(IDS, IDS, TIMESTAMPS)
def test_notification_is_genuine_when_the_id_was_signed_in_lower_case(
    data_id: str, request_id: str, timestamp: str
) -> None:
    sent = header(SECRET, data_id=data_id.lower(), request_id=request_id, timestamp=timestamp)
    verify_signature(sent, data_id=data_id, request_id=request_id, secrets=(SECRET,))


@given(st.tuples(IDS, IDS, TIMESTAMPS), st.tuples(IDS, IDS, TIMESTAMPS))
def test_notification_is_forged_when_anything_signed_was_changed(
    signed: tuple[str, str, str], sent: tuple[str, str, str]
) -> None:
    assume((signed[0].lower(), *signed[1:]) != (sent[0].lower(), *sent[1:]))
    digest = sign(SECRET, data_id=signed[0], request_id=signed[1], timestamp=signed[2])
    with pytest.raises(WebhookForgedError):
        verify_signature(f"ts={sent[2]},v1={digest}", data_id=sent[0], request_id=sent[1], secrets=(SECRET,))


@given(st.text(max_size=300))
def test_notification_is_forged_when_the_header_is_rubbish(rubbish: str) -> None:
    with pytest.raises(WebhookForgedError):
        verify_signature(rubbish, data_id="1", request_id="r", secrets=(SECRET,))


@pytest.mark.parametrize(
    "change",
    [
        lambda _: None,
        lambda _: "",
        lambda sent: sent.replace("v1=", "v2="),
        lambda sent: sent.replace("ts=", "t="),
        lambda sent: sent + ",v1=" + "0" * 64,
        lambda sent: "ts=9," + sent,
        lambda sent: sent.replace("ts=1", "ts=-1"),
        lambda sent: sent.replace("ts=1", "ts=１"),
        lambda sent: sent[:-1],
        lambda sent: sent + " " * 600,
        lambda _: "ts=999999999999999,v1=" + "0" * 64,
    ],
)
def test_notification_is_forged_when_the_header_is_not_of_the_form(change: object) -> None:
    sent = header(SECRET, data_id="1", request_id="r", timestamp="1704908010")
    with pytest.raises(WebhookForgedError):
        verify_signature(change(sent), data_id="1", request_id="r", secrets=(SECRET,))  # type: ignore[operator]  # by parameter


def test_notification_is_genuine_when_spaces_and_upper_case_vary() -> None:
    digest = sign(SECRET, data_id="1", request_id="r", timestamp="5").upper()
    verify_signature(f" ts=5 , v1={digest} ", data_id="1", request_id="r", secrets=(SECRET,))


def test_notification_is_forged_when_no_secret_is_known() -> None:
    with pytest.raises(WebhookForgedError):
        verify_signature("ts=1,v1=" + "0" * 64, data_id="1", request_id="r", secrets=())


def test_time_is_read_in_either_unit_when_told_by_magnitude() -> None:
    moment = datetime(2024, 1, 10, 17, 33, 30, tzinfo=UTC)
    digest = "0" * 64
    assert read_signature_header(f"ts=1704908010,v1={digest}").signed_at == moment
    assert read_signature_header(f"ts=1704908010000,v1={digest}").signed_at == moment
