"""Reading deadlines from their table; `write.claim_deadline` takes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from autodeal_messaging.deadlines import Deadline
from autodeal_messaging.postgres.write import DEADLINE


class PostgresDeadlineStore:
    """Reads without locks: whoever acts on a row locks it in the transaction that settles it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def earliest(self, *, before: datetime, limit: int) -> Sequence[Deadline]:
        """Return deadlines due by then, the soonest first."""
        statement = (
            select(DEADLINE.c.due_at, DEADLINE.c.kind, DEADLINE.c.subject)
            .where(DEADLINE.c.due_at <= before)
            .order_by(DEADLINE.c.due_at)
            .limit(limit)
        )
        async with self._engine.connect() as connection:
            rows = await connection.execute(statement)
            return [Deadline(due_at=due_at, kind=kind, subject=subject) for due_at, kind, subject in rows]
