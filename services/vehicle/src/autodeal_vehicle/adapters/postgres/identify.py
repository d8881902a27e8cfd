"""Who this process is to PostgreSQL, and which server it takes for PostgreSQL.

Passwords are asked for at each new connection: a token lives for fifteen minutes, a rotated password
comes through its file. Connections that are open stay open, whatever becomes of the password.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import URL, make_url

from autodeal_messaging.postgres.connect import Connect, connector
from autodeal_platform.aws_tokens import database_tokens
from autodeal_vehicle.settings import DatabaseSettings

DEFAULT_PORT = 5432
AnySettings = TypeVar("AnySettings", bound=DatabaseSettings)


def with_database_tokens(settings: AnySettings) -> AnySettings:
    """Return the settings with a source of tokens where IAM authentication wants one.

    To be called once in a process: all its connections share the source's token.
    """
    if not settings.database_iam_authentication or settings.aws_region is None:
        return settings
    url = make_url(settings.database_url.reveal())
    tokens = database_tokens(
        settings.aws_region,
        host=url.host or "",
        port=url.port or DEFAULT_PORT,
        user=url.username or "",
    )
    return replace(settings, database_tokens=tokens)


def sqlalchemy_url(settings: DatabaseSettings) -> URL:
    """Return the address for SQLAlchemy's asyncpg dialect."""
    url = make_url(settings.database_url.reveal()).set(drivername="postgresql+asyncpg")
    if "sslmode" in url.query:
        # libpq's name for it; asyncpg calls it `ssl` and takes the same values.
        url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": url.query["sslmode"]})
    return url


def driver_address(settings: DatabaseSettings) -> str:
    """Return the address for the driver itself."""
    return settings.database_url.reveal().replace("postgresql+asyncpg://", "postgresql://", 1)


def connector_of(settings: DatabaseSettings, name: str) -> Connect:
    """Return an opener of single connections, for locks and notifications."""
    return connector(driver_address(settings), name=name, identity=identity_arguments(settings))


def identity_arguments(settings: DatabaseSettings) -> dict[str, Any]:
    """Return the driver's arguments that say who this is and whom it trusts.

    They win over what the address says.
    """
    arguments: dict[str, Any] = {}
    password = _password(settings)
    if password is not None:
        arguments["password"] = password
    if settings.database_tls == "verify-full":
        # The default context checks the certificate's chain and name.
        arguments["ssl"] = ssl.create_default_context(cafile=settings.database_ca_file)
    return arguments


def _password(settings: DatabaseSettings) -> Callable[[], str | Awaitable[str]] | None:
    if settings.database_iam_authentication:
        if settings.database_tokens is None:
            raise AssertionError("nobody wired the tokens")
        return settings.database_tokens
    given, url = settings.database_password, settings.database_url
    if given is not None:
        return given.reveal
    if make_url(url.reveal()).password is None:
        return None
    return lambda: make_url(url.reveal()).password or ""
