"""From commit to effect: milliseconds at several rates, through relay, Kafka and a consumer's commit."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import msgspec

from bench.measurement import Measurement
from bench.messaging.child_process import child
from bench.messaging.measure_consumer import check_effects, make_effects
from bench.messaging.measure_relay import running_relays
from bench.messaging.message_room import MessageRoom, message_room

SECONDS = 10
WARM_UP_SECONDS = 2
"""Comes first and is not measured: connections are opened, and the broker compiles its code."""
CATCH_UP_SECONDS = 60.0
TOP_RATES = (2_500, 5_000, 7_500, 10_000, 15_000, 20_000)
"""The top rate is the highest of these that the whole chain keeps up with, its writer included."""
WRITER_START_SECONDS = 3.0
"""So much longer than its load a writer may run that keeps its rate."""
KEPT_UP_MILLISECONDS = 1_000.0
STEADY_RATE = 1_000
WANTED_MILLISECONDS = 50


@dataclass(frozen=True)
class Latency:
    """Milliseconds from before an event's commit until after its effect's."""

    p50: float
    p99: float
    slowest: float
    on_time: bool
    """Whether the writer kept its rate."""

    def __str__(self) -> str:
        """Say it in a table."""
        return f"p50 {self.p50:.1f} ms, p99 {self.p99:.1f} ms"


async def measure() -> list[Measurement]:
    """Find the top rate of the chain, then measure below it."""
    async with message_room() as room:
        await run_chain(room, 200, 3)  # warms the broker
        steady = await run_chain(room, STEADY_RATE, SECONDS)
        top = await _find_top(room)
        shares = {share: await run_chain(room, int(top * share), SECONDS) for share in (0.1, 0.5, 0.9)}
    found = [
        Measurement(
            name=f"commit to handled at {STEADY_RATE:,} events/s",
            figure=f"{steady}, slowest {steady.slowest:.0f} ms",
            beside=f"wanted at the 99th percentile: {WANTED_MILLISECONDS} ms",
            ratio=steady.p99 / WANTED_MILLISECONDS,
            wanted="≤ 1.00",
            runs={"p50_p99_slowest_ms": [steady.p50, steady.p99, steady.slowest]},
        )
    ]
    found += [
        Measurement(
            name=f"commit to handled at {share:.0%} of the chain's top rate",
            figure=f"{int(top * share):,} events/s: {latency}",
            beside=f"at {STEADY_RATE:,} events/s: p99 {steady.p99:.1f} ms; top rate {top:,} events/s",
            ratio=latency.p99 / steady.p99,
            wanted="",
            runs={"p50_p99_slowest_ms": [latency.p50, latency.p99, latency.slowest]},
        )
        for share, latency in shares.items()
    ]
    return found


async def run_chain(room: MessageRoom, rate: int, seconds: int) -> Latency:
    """Run writer, relay and consumer at a rate; every event must take effect once."""
    url, topic = await make_effects(room), await room.make_topic()
    settings = msgspec.json.encode(room.kafka).decode()
    room_of_run = (settings, url, topic.name, str(rate * WARM_UP_SECONDS))
    async with (
        running_relays(room, url, 1),
        child("bench.messaging.consumer_program", "together", *room_of_run) as consumer,
    ):
        await asyncio.sleep(2.0)  # the group forms before the first event
        began, load_seconds = time.monotonic(), WARM_UP_SECONDS + seconds
        async with child(
            "bench.messaging.writer_program", url, topic.name, str(rate), str(load_seconds)
        ) as writer:
            await writer.wait_for_line()
        on_time = time.monotonic() - began <= load_seconds + WRITER_START_SECONDS
        events = int(writer.last[0])
        async with asyncio.timeout(CATCH_UP_SECONDS):
            while int(consumer.last[0]) < events:
                await consumer.wait_for_line()
    await check_effects(url, events)
    assert consumer.last[0] == "latency"
    p50, p99, slowest = map(float, consumer.last[1:])
    return Latency(p50, p99, slowest, on_time)


async def _find_top(room: MessageRoom) -> int:
    top = TOP_RATES[0]
    for rate in TOP_RATES:
        latency = await run_chain(room, rate, SECONDS // 2)
        if latency.slowest > KEPT_UP_MILLISECONDS or not latency.on_time:
            break
        top = rate
    return top
