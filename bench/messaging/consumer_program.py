"""A consumer as a process: `python -m bench.messaging.consumer_program <way> <settings> <url> <topic>`.

Its handler is a real one, through SQLAlchemy: the inbox row and one update for each event. `way` is
`together` for commits that are shared, and `each` for a transaction per event. Says on its output how
many events took effect, and at its end how long after their commit they did.
"""

from __future__ import annotations

import asyncio
import sys
import time
from array import array
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import structlog
import uvloop
from sqlalchemy import ARRAY, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.consumer import Consumer
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.postgres.write import claim_all_in_inbox, claim_in_inbox

GROUP = "bench"
AT_A_TIME = 32
REPORT_SECONDS = 0.02
_COUNT_ONE = text("UPDATE effect SET events = events + 1 WHERE key = :key")
_COUNT_MANY = text("UPDATE effect SET events = events + 1 WHERE key = ANY (:keys)").bindparams(
    bindparam("keys", type_=ARRAY(Text))
)


class Effects:
    """Counts events by key, in the transaction of their inbox rows."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.latencies = array("d")
        """Milliseconds from an event's time, taken before its commit, to the end of its effect's commit."""

    async def handle(self, envelope: Envelope) -> None:
        """Bring one event into effect."""
        async with self._engine.begin() as connection:
            if await claim_in_inbox(connection, GROUP, envelope.id):
                await connection.execute(_COUNT_ONE, {"key": envelope.key})
        self._note([envelope])

    async def handle_together(self, envelopes: Sequence[Envelope]) -> None:
        """Bring events of different keys into effect in one transaction."""
        async with self._engine.begin() as connection:
            fresh = await claim_all_in_inbox(connection, GROUP, [envelope.id for envelope in envelopes])
            keys = [envelope.key for envelope in envelopes if envelope.id in fresh]
            await connection.execute(_COUNT_MANY, {"keys": keys})
        self._note(envelopes)

    def _note(self, envelopes: Sequence[Envelope]) -> None:
        now = datetime.now(UTC)
        self.latencies.extend((now - envelope.time).total_seconds() * 1000 for envelope in envelopes)


async def _report(effects: Effects) -> None:
    while True:
        sys.stdout.write(f"{len(effects.latencies)} {time.process_time():.4f}\n")
        sys.stdout.flush()
        await asyncio.sleep(REPORT_SECONDS)


async def main(way: str, settings: str, url: str, topic: str, skip: str = "0") -> None:
    """Consume until the input ends, and say the latencies of all events but the first `skip`."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    kafka = msgspec.json.decode(settings, type=KafkaSettings)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, stop.set)
    engine = create_async_engine(
        url.replace("postgresql://", "postgresql+asyncpg://", 1), pool_size=AT_A_TIME, max_overflow=0
    )
    effects = Effects(engine)
    consumer = Consumer(
        kafka,
        GROUP,
        [topic],
        effects.handle,
        together=effects.handle_together if way == "together" else None,
        concurrency=AT_A_TIME,
    )
    reporting = asyncio.create_task(_report(effects))
    await consumer.run(stop)
    reporting.cancel()
    await engine.dispose()
    if measured := effects.latencies[int(skip) :]:
        ranked = sorted(measured)
        shares = [ranked[min(len(ranked) - 1, int(len(ranked) * share))] for share in (0.5, 0.99, 1.0)]
        sys.stdout.write("latency " + " ".join(f"{found:.2f}" for found in shares) + "\n")


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
