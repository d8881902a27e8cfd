"""Statements that SQLAlchemy compiles once and the driver runs many times."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any, Protocol

import asyncpg
from sqlalchemy import Executable
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.sql.compiler import SQLCompiler


class Connection(Protocol):
    """The driver's connection, as a pool lends it."""

    def fetchrow(self, query: str, /, *args: Any) -> Awaitable[asyncpg.Record | None]:  # noqa: ANN401
        """Run a statement and return its first row."""
        ...


class CompiledStatement:
    """A Core statement as the text and parameter order that asyncpg takes."""

    def __init__(self, statement: Executable) -> None:
        compiled = statement.compile(dialect=dialect())  # type: ignore[attr-defined,no-untyped-call]  # untyped there
        assert isinstance(compiled, SQLCompiler)
        self.text = str(compiled)
        names = compiled.positiontup or ()
        self.parameters = [(name, compiled.params[name]) for name in names]

    async def fetch_row(self, connection: Connection, values: Mapping[str, Any]) -> asyncpg.Record | None:
        """Run the statement in a transaction of its own, and return its first row."""
        arguments = [values.get(name, constant) for name, constant in self.parameters]
        return await connection.fetchrow(self.text, *arguments)
