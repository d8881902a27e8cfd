"""A handler with an inbox and a count for each key on PostgreSQL: it knows what came twice, late or never.

Run as `python ledger.py <kafka as JSON> <database URL> <group> <topic>` it is a consumer in a process of
its own; it writes "ready" first.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import msgspec
import structlog
from sqlalchemy import ARRAY, Integer, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.consumer import Consumer
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.postgres.write import claim_all_in_inbox

CONSUMER = "ledger"
CREATE = "CREATE TABLE ledger (key text PRIMARY KEY, last integer NOT NULL, skipped integer NOT NULL)"
NOTE = text(
    "INSERT INTO ledger AS known (key, last, skipped)"
    " SELECT key, sequence, (sequence <> 1)::integer FROM unnest(:keys, :sequences) AS new (key, sequence)"
    " ON CONFLICT (key) DO UPDATE SET last = excluded.last,"
    " skipped = known.skipped + (excluded.last <> known.last + 1)::integer"
).bindparams(bindparam("keys", type_=ARRAY(Text)), bindparam("sequences", type_=ARRAY(Integer)))


class Ledger:
    """Handles events alone or together; `skipped` counts each that came out of turn."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def create(self) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(text(CREATE))

    async def handle(self, envelope: Envelope) -> None:
        await self.handle_together([envelope])

    async def handle_together(self, envelopes: Sequence[Envelope]) -> None:
        async with self._engine.begin() as connection:
            await self.note(connection, envelopes)

    async def note(self, connection: AsyncConnection, envelopes: Sequence[Envelope]) -> None:
        claimed = await claim_all_in_inbox(connection, CONSUMER, [envelope.id for envelope in envelopes])
        new = sorted((one for one in envelopes if one.id in claimed), key=lambda one: one.key)
        if new:
            values = {"keys": [one.key for one in new], "sequences": [one.sequence for one in new]}
            await connection.execute(NOTE, values)

    async def total(self) -> int:
        """Return how many events took effect."""
        return await self._number("SELECT count(*) FROM inbox")

    async def skipped(self) -> int:
        """Return how many took effect out of turn."""
        return await self._number("SELECT coalesce(sum(skipped), 0) FROM ledger")

    async def last(self) -> dict[str, int]:
        """Return the last sequence of each key."""
        async with self._engine.connect() as connection:
            rows = await connection.execute(text("SELECT key, last FROM ledger"))
            return {row.key: row.last for row in rows}

    async def _number(self, query: str) -> int:
        async with self._engine.connect() as connection:
            return int(await connection.scalar(text(query)) or 0)


def ledger_consumer(
    settings: KafkaSettings, group: str, topic: str, ledger: Ledger, *, together: bool = True
) -> Consumer:
    return Consumer(
        settings, group, [topic], ledger.handle, together=ledger.handle_together if together else None
    )


async def main(kafka: str, url: str, group: str, topic: str) -> None:
    settings = msgspec.json.decode(kafka, type=KafkaSettings)
    engine = create_async_engine(
        url.replace("postgresql://", "postgresql+asyncpg://", 1),
        pool_size=20,
        # Stopped in the middle of a transaction it would hold its locks, and its keys with them.
        connect_args={"server_settings": {"idle_in_transaction_session_timeout": "2000"}},
    )
    print("ready", flush=True)  # noqa: T201  # the test waits for it
    await ledger_consumer(settings, group, topic, Ledger(engine)).run(asyncio.Event())


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(main(*sys.argv[1:]))
