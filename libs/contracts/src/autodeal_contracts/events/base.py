"""What all events share."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""A moment with its offset; a local time without one is refused."""


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """A fact about one order. The tag is the event's type on the wire."""

    order_id: int
    schema_version: int = 1
    """Raised when fields are added; readers accept any version of the same type."""
