"""A writer as a process: `python -m bench.messaging.writer_program <url> <topic> <rate> <seconds>`.

Commits events of many keys at an even rate, whether or not the rest keeps up, and rings the relay after
each commit as the services do. Up to a thousand commits a second each event has a commit of its own;
beyond that several share one, as there the disk would be measured. Says at its end how many it wrote.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime

import asyncpg
import uvloop

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.postgres.notify import PostgresNotifier
from autodeal_messaging.postgres.write import outbox_values
from bench.messaging.message_room import EVENT_BYTES, key_names

COMMITS_PER_SECOND = 1_000
CONNECTIONS = 8
_INSERT = """
    INSERT INTO outbox (shard, topic, key, headers, value)
    SELECT * FROM unnest($1::smallint[], $2::text[], $3::text[], $4::text[], $5::bytea[])
"""


class Writer:
    """Numbers the events of each key, and commits them in order."""

    def __init__(self, pool: asyncpg.Pool, notifier: PostgresNotifier, topic: str) -> None:
        self._pool = pool
        self._notifier = notifier
        self._topic = topic
        self._keys = key_names()
        self.written = 0

    async def commit(self, first: int, count: int) -> None:
        """Commit so many events; the keys take turns."""
        columns = ("shard", "topic", "key", "headers", "value")
        async with self._pool.acquire() as connection:
            # The time of the commit, not of the wish for one: a writer may have to wait for its turn.
            now = datetime.now(UTC)
            rows = [outbox_values(self._event(number, now)) for number in range(first, first + count)]
            await connection.execute(_INSERT, *([row[name] for row in rows] for name in columns))
        self._notifier.ring()
        self.written += count

    def _event(self, number: int, now: datetime) -> Envelope:
        key, sequence = self._keys[number % len(self._keys)], number // len(self._keys) + 1
        return Envelope(
            topic=self._topic,
            key=key,
            id=f"{key}-{sequence}",
            type="bench.happened",
            source="/autodeal/bench",
            subject=f"bench/{key}",
            time=now,
            sequence=sequence,
            correlation_id=key,
            data=b"x" * EVENT_BYTES,
        )


async def main(url: str, topic: str, rate: str, seconds: str) -> None:
    """Write for so long."""
    per_commit = -(-int(rate) // COMMITS_PER_SECOND)
    interval_seconds = per_commit / int(rate)
    commits = int(float(seconds) / interval_seconds)
    loop = asyncio.get_running_loop()
    async with (
        asyncpg.create_pool(url, min_size=CONNECTIONS, max_size=CONNECTIONS) as pool,
        PostgresNotifier(url) as notifier,
        asyncio.TaskGroup() as tasks,
    ):
        writer = Writer(pool, notifier, topic)
        began = loop.time()
        for number in range(commits):
            await asyncio.sleep(max(0.0, began + number * interval_seconds - loop.time()))
            tasks.create_task(writer.commit(number * per_commit, per_commit))
    sys.stdout.write(f"{writer.written} {loop.time() - began:.3f}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
