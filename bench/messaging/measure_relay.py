"""Events a second from PostgreSQL to Kafka, by one relay and by several, beside bare loops."""

from __future__ import annotations

import asyncio
import itertools
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from statistics import median

import asyncpg
import msgspec

from autodeal_messaging.postgres.write import OUTBOX_SHARDS
from bench.measurement import Measurement
from bench.messaging.bare_loops import open_bare, select_and_delete, select_send_delete, send_each, send_only
from bench.messaging.child_process import Child, child
from bench.messaging.message_room import KEYS, BenchTopic, MessageRoom, fill_outbox, key_names, message_room
from bench.messaging.verify_order import verify_order

EVENTS = 100_000
MILLION = 1_000_000
ROUNDS = 3
WANTED_PER_SECOND = 40_000
START_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Drain:
    """One backlog that was worked off."""

    per_second: float
    cpu_microseconds: float
    """Of all relays together, for each event."""
    slowest_tenth: float
    """Events a second during the slowest tenth of the events."""


async def measure() -> list[Measurement]:
    """Take turns between relays and limits, and compare the medians."""
    runs: dict[str, list[float]] = {}

    def note(name: str, per_second: float) -> None:
        runs.setdefault(name, []).append(per_second)

    async with message_room() as room:
        await drain(room, relays=1, events=20_000)  # warms the broker
        cpu: list[float] = []
        for _ in range(ROUNDS):
            await _take_limits(room, note)
            for relays in (1, 2, 4):
                drained = await drain(room, relays=relays, events=EVENTS)
                note(f"{relays}", drained.per_second)
                if relays == 1:
                    cpu.append(drained.cpu_microseconds)
    middle = {name: median(rates) for name, rates in runs.items()}
    bare = f"bare select–send–delete: {middle['bare']:,.0f}/s"
    limits = (
        f"{bare}; select and delete without Kafka {middle['database']:,.0f}/s,"
        f" aiokafka without a database {middle['kafka']:,.0f}/s (one `send` a record {middle['send']:,.0f}/s)"
    )
    return [
        Measurement(
            name=f"PostgreSQL outbox to Kafka, {relays} relay{'s' if relays > 1 else ''}",
            figure=f"{middle[str(relays)]:,.0f} events/s"
            + (f", {median(cpu):.1f} µs of CPU each" if relays == 1 else ""),
            beside=limits if relays == 1 else bare,
            ratio=middle[str(relays)] / middle["bare"],
            wanted=f"≥ 0.60, and ≥ {WANTED_PER_SECOND:,}/s" if relays == 1 else "",
            runs=runs if relays == 1 else {"per_second": runs[str(relays)]},
        )
        for relays in (1, 2, 4)
    ]


async def measure_backlog() -> list[Measurement]:
    """Drain a backlog as an outage leaves it, between two small ones."""
    async with message_room() as room:
        await drain(room, relays=1, events=20_000)  # warms the broker
        shallow = [await drain(room, relays=1, events=EVENTS)]
        deep = await drain(room, relays=1, events=MILLION)
        shallow.append(await drain(room, relays=1, events=EVENTS))
    small = [found.per_second for found in shallow]
    return [
        Measurement(
            name=f"outbox of {MILLION:,} rows drained by one relay",
            figure=f"{deep.per_second:,.0f} events/s, {deep.slowest_tenth:,.0f}/s in its slowest tenth",
            beside=f"{EVENTS:,} rows, before and after: {small[0]:,.0f}/s and {small[1]:,.0f}/s",
            ratio=deep.per_second / (sum(small) / len(small)),
            wanted="≥ 0.80",
            runs={"million": [deep.per_second], "small": small},
        )
    ]


async def drain(room: MessageRoom, *, relays: int, events: int) -> Drain:
    """Let relays find a backlog at once, and time it from then to its last delete."""
    url, topic = await room.make_database(), await room.make_topic()
    connection = await asyncpg.connect(url)
    try:
        async with running_relays(room, url, relays) as running:
            # They stand still while the backlog is written, or their polls would slow that down.
            _signal(running, signal.SIGSTOP)
            await fill_outbox(connection, topic.name, events)
            cpu_before = sum(_cpu(relay) for relay in running)
            _signal(running, signal.SIGCONT)
            times = await _await_deleted(running, events)
            cpu_seconds = sum(_cpu(relay) for relay in running) - cpu_before
        assert await connection.fetchval("SELECT count(*) FROM outbox", timeout=60) == 0
    finally:
        await connection.close()
    await verify_order(room.kafka, topic, dict.fromkeys(key_names(), events // KEYS))
    return Drain(
        per_second=events / (times[-1][0] - times[0][0]),
        cpu_microseconds=cpu_seconds / events * 1e6,
        slowest_tenth=_slowest_tenth(times, events),
    )


@asynccontextmanager
async def running_relays(room: MessageRoom, url: str, count: int) -> AsyncIterator[list[Child]]:
    """Run relays, each a process, that have shared the shards out evenly."""
    settings = msgspec.json.encode(room.kafka).decode()
    async with AsyncExitStack() as stack:
        running = [
            await stack.enter_async_context(child("bench.messaging.relay_program", settings, url))
            for _ in range(count)
        ]
        async with asyncio.timeout(START_TIMEOUT_SECONDS):
            while not _shared_out(running):  # noqa: ASYNC110  # other processes cannot set an Event
                await asyncio.sleep(0.05)
        yield running


def _shared_out(relays: list[Child]) -> bool:
    held = [int(relay.last[1]) if relay.last else 0 for relay in relays]
    return sum(held) == OUTBOX_SHARDS and max(held) - min(held) <= 1


def _signal(relays: list[Child], number: signal.Signals) -> None:
    for relay in relays:
        relay.process.send_signal(number)


def _cpu(relay: Child) -> float:
    return float(relay.last[2])


async def _await_deleted(relays: list[Child], events: int) -> list[tuple[float, int]]:
    """Wait until all is deleted; return the times at which counts were heard, the start first."""
    heard = [(time.perf_counter(), 0)]
    while heard[-1][1] < events:
        assert all(relay.process.returncode is None for relay in relays)
        await asyncio.sleep(0.005)
        heard.append((time.perf_counter(), sum(int(relay.last[0]) for relay in relays)))
    return heard


def _slowest_tenth(heard: list[tuple[float, int]], events: int) -> float:
    marks = [next(at for at, count in heard if count >= events * tenth / 10) for tenth in range(1, 11)]
    marks.insert(0, heard[0][0])
    return min(events / 10 / max(after - before, 1e-9) for before, after in itertools.pairwise(marks))


async def _take_limits(room: MessageRoom, note: Callable[[str, float], None]) -> None:
    for name in ("bare", "database"):
        url, topic = await room.make_database(), await room.make_topic()
        connection = await open_bare(url)
        try:
            await fill_outbox(connection, topic.name, EVENTS)
            if name == "bare":
                note(name, await select_send_delete(connection, room.kafka, topic, EVENTS))
                await verify_order(room.kafka, topic, dict.fromkeys(key_names(), EVENTS // KEYS))
            else:
                rows = await connection.fetch("SELECT key, headers, value, id FROM outbox ORDER BY id")
                note("kafka", await send_only(room.kafka, await _other(room), rows))
                note("send", await send_each(room.kafka, await _other(room), rows))
                del rows
                note(name, await select_and_delete(connection, EVENTS))
        finally:
            await connection.close()


async def _other(room: MessageRoom) -> BenchTopic:
    return await room.make_topic()
