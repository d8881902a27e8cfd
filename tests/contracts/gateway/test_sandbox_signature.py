"""The sandbox signs as the gateway checks, so that trying it out proves something about the provider."""

from __future__ import annotations

from autodeal_devstack.sandbox.sign_webhook import sign_webhook
from autodeal_gateway.domain.webhook_signature import verify_signature


def test_notification_is_genuine_when_the_sandbox_signed_it() -> None:
    for timestamp in (1704908010, 1704908010123):
        sent = sign_webhook("secret", data_id="77", request_id="r-1", timestamp=timestamp)
        found = verify_signature(sent, data_id="77", request_id="r-1", secrets=(b"secret",))
        assert found.signed_at.year == 2024
