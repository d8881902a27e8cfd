"""A process with one relay or one consumer in it, for tests that kill it.

Run as `python killable.py relay <kafka as JSON> <database URL>` or
`python killable.py consumer <kafka as JSON> <group> <topic>`. The consumer writes a line for each
effect; both write "ready" first.
"""

from __future__ import annotations

import asyncio
import sys

import msgspec
import structlog

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.consumer import Consumer
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.nudge import Nudge
from autodeal_messaging.postgres.outbox_store import PostgresOutboxStore
from autodeal_messaging.relay import Relay


async def handle(envelope: Envelope) -> None:
    await asyncio.sleep(0.001)
    print(f"{envelope.key} {envelope.sequence}", flush=True)  # noqa: T201  # this is what the test reads


async def main(kind: str, kafka: str, *rest: str) -> None:
    settings = msgspec.json.decode(kafka, type=KafkaSettings)
    print("ready", flush=True)  # noqa: T201  # the test waits for it
    if kind == "relay":
        store = PostgresOutboxStore(rest[0], balance_interval_seconds=0.1)
        await Relay(store, settings, Nudge(), "killable").run(asyncio.Event())
    else:
        group, topic = rest
        await Consumer(settings, group, [topic], handle).run(asyncio.Event())


structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
asyncio.run(main(*sys.argv[1:]))
