"""The bounded pool of connections, and what its failures mean to the use cases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from autodeal_vehicle.adapters.postgres.identify import (
    driver_address,
    identity_arguments,
    sqlalchemy_url,
)
from autodeal_vehicle.app.errors import StoreUnavailableError
from autodeal_vehicle.settings import DatabaseSettings

SalePool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
CLIENT_GRACE_SECONDS = 2.0
"""How much longer than the server this side waits for a statement, should the network be gone."""
TRANSIENT_SQLSTATES = ("08", "28", "40", "53", "55", "57")
"""Classes: connection, password (it is being rotated), rollback by the server, resources, lock not
available, operator intervention."""


def create_sale_pool(settings: DatabaseSettings, application_name: str) -> SalePool:
    """Make the driver's own pool for the hot path; it must be awaited before it is used.

    Statements go through it in autocommit and leave nothing behind, so a connection is given back
    without the round trip that resets it.
    """
    pool: SalePool = asyncpg.create_pool(
        driver_address(settings),
        min_size=0,
        max_size=settings.database_sale_pool_size,
        reset=_leave_as_is,
        **_connect_arguments(settings, application_name),
    )
    return pool


async def _leave_as_is(_: object) -> None:
    """Reset nothing."""


def create_engine(settings: DatabaseSettings, application_name: str) -> AsyncEngine:
    """Make the pool; nothing connects before it is used."""
    return create_async_engine(
        sqlalchemy_url(settings),
        pool_size=settings.database_pool_size,
        max_overflow=0,
        pool_timeout=settings.database_acquire_timeout_seconds,
        pool_use_lifo=True,
        hide_parameters=True,
        connect_args=_connect_arguments(settings, application_name),
    )


def _connect_arguments(settings: DatabaseSettings, application_name: str) -> dict[str, Any]:
    return {
        "timeout": settings.database_connect_timeout_seconds,
        "command_timeout": settings.database_statement_timeout_ms / 1000 + CLIENT_GRACE_SECONDS,
        "server_settings": {
            "application_name": application_name,
            "timezone": "UTC",
            "jit": "off",
            "statement_timeout": str(settings.database_statement_timeout_ms),
            "lock_timeout": str(settings.database_lock_timeout_ms),
            "idle_in_transaction_session_timeout": str(settings.database_idle_transaction_timeout_ms),
        },
        **identity_arguments(settings),
    }


@contextmanager
def unavailable_when_unreachable() -> Iterator[None]:
    """Turn what the database's absence or overload raises into StoreUnavailableError."""
    try:
        yield
    except (
        TimeoutError,
        PoolTimeoutError,
        OSError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
    ) as error:
        raise StoreUnavailableError from error
    except asyncpg.PostgresError as error:
        if _is_transient(error.sqlstate):
            raise StoreUnavailableError from error
        raise
    except DBAPIError as error:
        if error.connection_invalidated or _is_transient(getattr(error.orig, "sqlstate", None)):
            raise StoreUnavailableError from error
        raise


def _is_transient(sqlstate: object) -> bool:
    # A connection that breaks in mid-sentence has no state to tell.
    return sqlstate is None or str(sqlstate).startswith(TRANSIENT_SQLSTATES)
