"""What the gateway says about the provider's webhooks."""

from __future__ import annotations

import msgspec

from autodeal_contracts.events.base import Instant


class NotificationReceived(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="notification.received"
):
    """The provider says that a payment changed. Only its id is passed on: what changed is asked for."""

    provider_payment_id: str
    received_at: Instant
    request_id: str
    """The provider's `x-request-id`; the same notification sent again carries the same one."""
    schema_version: int = 1
