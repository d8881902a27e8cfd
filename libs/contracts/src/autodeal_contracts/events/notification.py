"""What the gateway says about the provider's webhooks."""

from __future__ import annotations

from datetime import datetime

import msgspec


class NotificationReceived(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="notification.received"
):
    """The provider says that a payment changed. Only its id is passed on: what changed is asked for."""

    provider_payment_id: str
    received_at: datetime
    request_id: str
    """The provider's `x-request-id`; the same notification sent again carries the same one."""
    schema_version: int = 1
