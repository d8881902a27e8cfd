"""What a relay costs while nothing happens, and how soon another takes over from one that was killed."""

from __future__ import annotations

import asyncio
from statistics import median

import asyncpg
import psutil

from bench.measurement import Measurement
from bench.messaging.child_process import child
from bench.messaging.measure_relay import running_relays
from bench.messaging.message_room import MessageRoom, message_room

IDLE_SECONDS = 20.0
SETTLE_SECONDS = 3.0
WANTED_CORE_SHARE = 0.01
HANDOVERS = 5
HANDOVER_RATE = 200
HANDOVER_SECONDS = 8
WANTED_SECONDS = 3.0
_STATEMENTS = "SELECT sum(xact_commit) FROM pg_stat_database WHERE datname = current_database()"


async def measure() -> list[Measurement]:
    """Measure both."""
    async with message_room() as room:
        cpu_share, statements = await watch_idle_relay(room)
        gaps = [await kill_one_of_two(room) for _ in range(HANDOVERS)]
    return [
        Measurement(
            name="idle relay",
            figure=f"{cpu_share:.2%} of a core, {statements:.1f} statements/s",
            beside=f"one core for {IDLE_SECONDS:.0f} s",
            ratio=cpu_share,
            wanted=f"< {WANTED_CORE_SHARE:.2f}",
        ),
        Measurement(
            name="hand-over after SIGKILL of a relay",
            figure=f"{median(gaps):.2f} s, slowest {max(gaps):.2f} s of {HANDOVERS}",
            beside=f"wanted: {WANTED_SECONDS:.0f} s",
            ratio=max(gaps) / WANTED_SECONDS,
            wanted="< 1.00",
            runs={"seconds": gaps},
        ),
    ]


async def watch_idle_relay(room: MessageRoom) -> tuple[float, float]:
    """Return the share of a core that a relay uses, and its statements a second."""
    url = await room.make_database()
    connection = await asyncpg.connect(url)
    try:
        async with running_relays(room, url, 1) as (relay,):
            await asyncio.sleep(SETTLE_SECONDS)
            process = psutil.Process(relay.process.pid)
            before, counted = process.cpu_times(), await connection.fetchval(_STATEMENTS)
            await asyncio.sleep(IDLE_SECONDS)
            after = process.cpu_times()
            statements = await connection.fetchval(_STATEMENTS) - counted
    finally:
        await connection.close()
    used_seconds = after.user + after.system - before.user - before.system
    return used_seconds / IDLE_SECONDS, float(statements) / IDLE_SECONDS


async def kill_one_of_two(room: MessageRoom) -> float:
    """Kill a relay under a steady load; return the longest that any event was late, in seconds."""
    url, topic = await room.make_database(), await room.make_topic()
    connection = await asyncpg.connect(url)
    try:
        async with running_relays(room, url, 2) as (victim, _):
            rate, seconds = str(HANDOVER_RATE), str(HANDOVER_SECONDS)
            async with child("bench.messaging.writer_program", url, topic.name, rate, seconds) as writer:
                await asyncio.sleep(SETTLE_SECONDS)
                victim.process.kill()
                oldest_seconds = 0.0
                while not writer.last:
                    age = await connection.fetchval(
                        "SELECT extract(epoch FROM clock_timestamp() - min(created_at))::float8 FROM outbox"
                    )
                    oldest_seconds = max(oldest_seconds, age or 0.0)
                    await asyncio.sleep(0.01)
            assert await connection.fetchval("SELECT count(*) FROM outbox") < HANDOVER_RATE
    finally:
        await connection.close()
    return oldest_seconds
