"""The relay beside faststream-outbox, on the same PostgreSQL and to the same Kafka.

The peer lives in an environment of its own: `make bench-peer` installs it.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from statistics import median

from autodeal_devstack.engines.postgres_databases import create_database
from bench.measurement import Measurement
from bench.messaging.child_process import ROOT
from bench.messaging.measure_relay import EVENTS, drain
from bench.messaging.message_room import MessageRoom, message_room
from bench.messaging.verify_order import count_records

PYTHON = ROOT / ".tools" / "peer" / "bin" / "python"
PROGRAM = ROOT / "bench" / "peer" / "relay_faststream.py"
PEER_EVENTS = {"plain": 2_000, "batched": 10_000}
ROUNDS = 3
WANTED = 10


async def measure() -> list[Measurement]:
    """Take turns and compare the medians; nothing when the peer is not installed."""
    if not PYTHON.exists():
        sys.stdout.write("  the peer is not installed: make bench-peer\n")
        return []
    runs: dict[str, list[float]] = {"plain": [], "batched": [], "ours": []}
    async with message_room() as room:
        for _ in range(ROUNDS):
            for way, events in PEER_EVENTS.items():
                runs[way].append(await relay_with_peer(room, way, events))
            runs["ours"].append((await drain(room, relays=1, events=EVENTS)).per_second)
    ours, plain, batched = (median(runs[way]) for way in ("ours", "plain", "batched"))
    return [
        Measurement(
            name="PostgreSQL outbox to Kafka, beside faststream-outbox",
            figure=f"{ours:,.0f} events/s",
            beside=f"faststream-outbox batched: {batched:,.0f}/s, one by one {plain:,.0f}/s",
            ratio=ours / batched,
            wanted=f"≥ {WANTED}",
            runs=runs,
        )
    ]


async def relay_with_peer(room: MessageRoom, way: str, events: int) -> float:
    """Let the peer relay so many events; return how many a second."""
    url = await create_database(room.endpoints.postgres_url, f"b{secrets.token_hex(6)}")
    topic = await room.make_topic()
    brokers = room.kafka.kafka_bootstrap_servers
    process = await asyncio.create_subprocess_exec(
        str(PYTHON), str(PROGRAM), url, brokers, topic.name, str(events), way, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"the peer ended with {process.returncode}")
    assert await count_records(room.kafka, topic) >= events
    return float(output.decode().split()[-1])
