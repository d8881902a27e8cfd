"""A relay in a process of its own: `python -m bench.messaging.relay_program postgres <settings> <url>`.

Says on its output how many rows it has deleted, `<count> <CPU seconds>`, every few milliseconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Sequence

import msgspec
import structlog
import uvloop

from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.nudge import Nudge
from autodeal_messaging.postgres.notify import PostgresListener
from autodeal_messaging.postgres.outbox_store import Position, PostgresOutboxStore
from autodeal_messaging.relay import Relay

REPORT_SECONDS = 0.02
QUIET_SECONDS = 0.5
"""How often to look for something to report when nothing is deleted: looking costs CPU, which is measured."""


class CountingStore(PostgresOutboxStore):
    """Counts what was deleted, and so was acknowledged before."""

    deleted = 0

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.busy = asyncio.Event()

    async def delete(self, positions: Sequence[Position]) -> None:
        """Delete, then count."""
        await super().delete(positions)
        self.deleted += len(positions)
        self.busy.set()


async def _report(store: CountingStore) -> None:
    said = (-1, -1)
    while True:
        now = (store.deleted, len(store.held))
        if now != said:
            sys.stdout.write(f"{store.deleted} {len(store.held)} {time.process_time():.4f}\n")
            sys.stdout.flush()
            said = now
        store.busy.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(QUIET_SECONDS):
                await store.busy.wait()
        await asyncio.sleep(REPORT_SECONDS)


async def main(settings: str, url: str) -> None:
    """Relay until killed or told to stop by the end of the input."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    kafka = msgspec.json.decode(settings, type=KafkaSettings)
    store = CountingStore(url)
    nudge = Nudge()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, stop.set)
    listener = PostgresListener(url, lambda _: nudge.ring())
    reporting = asyncio.create_task(_report(store))
    await asyncio.gather(Relay(store, kafka, nudge, "bench").run(stop), listener.run(stop))
    reporting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await reporting


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
