"""Connections of their own: for locks, which belong to a session, and for notifications."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import asyncpg

Connect = Callable[[], Awaitable[asyncpg.Connection]]
"""Opens a connection; each call may fetch fresh credentials."""

CONNECT_TIMEOUT_SECONDS = 5.0
STATEMENT_TIMEOUT_SECONDS = 30.0


def connector(
    dsn: str, *, name: str = "autodeal-messaging", identity: Mapping[str, Any] | None = None
) -> Connect:
    """Return an opener of connections to a `postgresql://` address.

    `identity` holds the driver's arguments that say who this is and whom it trusts, such as a `password`
    that is asked for at each connection, and `ssl`.

    The server drops a session within about ten seconds once its client's machine is gone, and with it
    the locks it held. A pooler that shares sessions between clients must not stand in between.
    """
    address = dsn.replace("postgresql+asyncpg://", "postgresql://", 1)

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(
            address,
            timeout=CONNECT_TIMEOUT_SECONDS,
            command_timeout=STATEMENT_TIMEOUT_SECONDS,
            server_settings={
                "application_name": name,
                "tcp_keepalives_idle": "4",
                "tcp_keepalives_interval": "2",
                "tcp_keepalives_count": "3",
            },
            **(identity or {}),
        )

    return connect


def as_connector(source: str | Connect, *, name: str) -> Connect:
    """Accept an address where an opener is wanted."""
    return connector(source, name=name) if isinstance(source, str) else source
