"""Databases on a running server, made and dropped."""

from __future__ import annotations

from urllib.parse import urlsplit

import asyncpg

TIMEOUT_SECONDS = 30.0


def url_of_database(server_url: str, name: str) -> str:
    """Return the server's URL with another database in it."""
    return urlsplit(server_url)._replace(path=f"/{name}").geturl()


async def create_database(server_url: str, name: str) -> str:
    """Create an empty database and return its URL."""
    await run(server_url, f'create database "{name}"')
    return url_of_database(server_url, name)


async def ensure_database(server_url: str, name: str) -> str:
    """Create a database unless it exists, and return its URL."""
    try:
        return await create_database(server_url, name)
    except asyncpg.DuplicateDatabaseError:
        return url_of_database(server_url, name)


async def drop_database(server_url: str, name: str) -> None:
    """Drop a database, ending the sessions that still use it."""
    await run(server_url, f'drop database if exists "{name}" with (force)')


async def run(server_url: str, statement: str) -> None:
    """Run one statement outside a transaction."""
    connection = await asyncpg.connect(server_url, timeout=TIMEOUT_SECONDS)
    try:
        await connection.execute(statement, timeout=TIMEOUT_SECONDS)
    finally:
        await connection.close(timeout=TIMEOUT_SECONDS)
