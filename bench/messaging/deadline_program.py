"""A deadline worker in a process of its own: `python -m bench.messaging.deadline_program <url>`.

Each deadline is claimed and its effect written in one transaction, as a service does. Says when it is
ready, and ends when its input does.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime

import uvloop
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from autodeal_messaging.deadlines import DeadlineWorker
from autodeal_messaging.nudge import Nudge
from autodeal_messaging.postgres.deadline_store import PostgresDeadlineStore
from autodeal_messaging.postgres.write import claim_deadline
from bench.messaging.database_room import driver_url

_ACT = text("INSERT INTO acted (subject) VALUES (:subject)")


async def main(url: str) -> None:
    """Work until the input ends."""
    engine = create_async_engine(driver_url(url), pool_size=20)

    async def act(kind: str, subject: str, due_at: datetime) -> None:
        async with engine.begin() as connection:
            if await claim_deadline(connection, kind, subject, due_at):
                await connection.execute(_ACT, {"subject": subject})

    stop = asyncio.Event()
    worker = DeadlineWorker(PostgresDeadlineStore(engine), act, Nudge())
    running = asyncio.create_task(worker.run(stop))
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    stop.set()
    await running
    await engine.dispose()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
