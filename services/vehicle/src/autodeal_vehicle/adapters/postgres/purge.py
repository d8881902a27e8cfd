"""Deleting what is kept no longer: a little at a time, so that nobody waits for it."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import BigInteger, Interval, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from autodeal_contracts.topics import INBOX_RETENTION_MS
from autodeal_messaging.postgres.write import purge_inbox

BATCH = 5_000
_PURGE_ANSWERS = text(
    "DELETE FROM idempotency_answer WHERE ctid = ANY (ARRAY("
    "SELECT ctid FROM idempotency_answer WHERE created_at < clock_timestamp() - :age LIMIT :limit))"
).bindparams(bindparam("age", type_=Interval), bindparam("limit", type_=BigInteger))


async def purge_once(engine: AsyncEngine, answer_retention: timedelta) -> int:
    """Delete a batch of answers and of inbox rows past their time; return how many rows went.

    Two processes may do this at once: whoever comes second deletes nothing.
    """
    async with engine.begin() as connection:
        answers = await _purge_answers(connection, answer_retention)
    async with engine.begin() as connection:
        events = await purge_inbox(
            connection, older_than=timedelta(milliseconds=INBOX_RETENTION_MS), limit=BATCH
        )
    return answers + events


async def _purge_answers(connection: AsyncConnection, age: timedelta) -> int:
    found = await connection.execute(_PURGE_ANSWERS, {"age": age, "limit": BATCH})
    return found.rowcount
