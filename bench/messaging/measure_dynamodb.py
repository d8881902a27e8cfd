"""From DynamoDB Local to Kafka: what each event costs in calls, request units and CPU, and events a second.

DynamoDB Local is a semantic reference and slow; the calls and units for each event are what carries
over to the real one.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from autodeal_contracts.envelope import Envelope
from autodeal_devstack.engines.dynamodb_tables import create_table
from autodeal_devstack.engines.probes import aws_client
from autodeal_messaging.dynamodb.outbox_store import DynamoOutboxStore, Position
from autodeal_messaging.dynamodb.write import outbox_partition, outbox_put
from autodeal_messaging.kafka_clients import make_producer
from autodeal_messaging.nudge import Nudge
from autodeal_messaging.outbox.headers import decode_headers
from autodeal_messaging.relay import Relay
from bench.measurement import Measurement
from bench.messaging.measure_consumer import memory_envelopes
from bench.messaging.message_room import BenchTopic, MessageRoom, message_room
from bench.messaging.verify_order import verify_order

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer
    from types_aiobotocore_dynamodb import DynamoDBClient

TABLE = "bench-table"
SHARDS = 8
EVENTS = 3_000
WRITE_BATCH = 25
PAGE = 100
RELAYS = (1, 2, 4)
WANTED_EVENTS_PER_CALL = 10


class CountingStore(DynamoOutboxStore):
    """Tells when everything was deleted."""

    deleted = 0

    async def delete(self, positions: Sequence[Position]) -> None:
        """Delete, then count."""
        await super().delete(positions)
        self.deleted += len(positions)


class Meter:
    """Counts the calls of a client and the request units that they were charged."""

    def __init__(self, client: DynamoDBClient) -> None:
        self.calls: Counter[str] = Counter()
        self.units: Counter[str] = Counter()
        ask: Any = self._ask_for_units  # the stubs do not know of a hook that answers
        client.meta.events.register("provide-client-params.dynamodb.*", ask)
        client.meta.events.register("after-call.dynamodb.*", self._count)

    def _ask_for_units(self, params: dict[str, Any], **_: object) -> dict[str, Any]:
        return params | {"ReturnConsumedCapacity": "TOTAL"}

    def _count(self, model: Any, parsed: dict[str, Any], **_: object) -> None:  # noqa: ANN401  # botocore's
        self.calls[model.name] += 1
        consumed = parsed.get("ConsumedCapacity") or []
        for found in consumed if isinstance(consumed, list) else [consumed]:
            self.units[model.name] += found.get("CapacityUnits", 0)


async def measure() -> list[Measurement]:
    """Fill an outbox, drain it, and count."""
    async with message_room("dynamodb") as room:
        assert room.endpoints.dynamodb_url is not None
        async with (
            aws_client("dynamodb", room.endpoints.dynamodb_url, timeout_seconds=30) as writing,
            aws_client("dynamodb", room.endpoints.dynamodb_url, timeout_seconds=30) as relaying,
        ):
            await create_table(writing, TABLE)
            await _time_relays(room, writing, relaying, 1)  # warms DynamoDB Local and the broker
            rates = {count: await _time_relays(room, writing, relaying, count) for count in RELAYS}
            bare = await _time_bare_loop(room, writing, relaying)
            return [await _count_costs(room, writing, relaying), _compare(rates, bare)]


def _compare(rates: Mapping[int, float], bare: float) -> Measurement:
    told = " / ".join(f"{rate:,.0f}" for rate in rates.values())
    return Measurement(
        name="DynamoDB outbox to Kafka, several relays in one process",
        figure=f"{told} events/s by {' / '.join(map(str, rates))} relays, order kept",
        beside=f"bare query–send–delete loop {bare:,.0f} events/s",
        ratio=rates[1] / bare,
        wanted="",
        runs={"per_second": list(rates.values()), "bare_per_second": [bare]},
    )


async def _fill_topic(room: MessageRoom, writing: DynamoDBClient) -> tuple[BenchTopic, Counter[str]]:
    topic = await room.make_topic()
    envelopes = memory_envelopes(topic, EVENTS)
    await _fill(writing, envelopes)
    return topic, Counter(envelope.key for envelope in envelopes)


async def _time_relays(
    room: MessageRoom, writing: DynamoDBClient, relaying: DynamoDBClient, count: int
) -> float:
    """Return the events a second of so many relays, which share the shards as they start."""
    topic, keys = await _fill_topic(room, writing)
    stores = [
        CountingStore(relaying, TABLE, owner=f"bench-{number}", shards=SHARDS) for number in range(count)
    ]
    stop = asyncio.Event()
    began = time.perf_counter()
    async with asyncio.TaskGroup() as running:
        for store in stores:
            running.create_task(Relay(store, room.kafka, Nudge(), "bench").run(stop))
        # The relay offers no event, and shall not for this.
        while sum(store.deleted for store in stores) < EVENTS:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        seconds = time.perf_counter() - began
        stop.set()
    await verify_order(room.kafka, topic, keys)
    return EVENTS / seconds


async def _time_bare_loop(room: MessageRoom, writing: DynamoDBClient, relaying: DynamoDBClient) -> float:
    """Return the events a second of the same calls with nothing guarded and nothing overlapping."""
    topic, keys = await _fill_topic(room, writing)
    producer = make_producer(room.kafka)
    await producer.start()
    began = time.perf_counter()
    try:
        while any(await asyncio.gather(*(_move(relaying, producer, shard) for shard in range(SHARDS)))):
            pass
        seconds = time.perf_counter() - began
    finally:
        await producer.stop()
    await verify_order(room.kafka, topic, keys)
    return EVENTS / seconds


async def _move(client: DynamoDBClient, producer: AIOKafkaProducer, shard: int) -> int:
    page = await client.query(
        TableName=TABLE,
        KeyConditionExpression="pk = :shard",
        ExpressionAttributeValues={":shard": {"S": outbox_partition(shard)}},
        ConsistentRead=True,
        Limit=PAGE,
    )
    items = page["Items"]
    sends = [
        await producer.send(
            item["topic"]["S"],
            bytes(item["value"]["B"]),
            key=item["key"]["S"].encode(),
            headers=decode_headers(item["headers"]["S"]),
        )
        for item in items
    ]
    await asyncio.gather(*sends)
    for start in range(0, len(items), WRITE_BATCH):
        deletions: Any = [
            {"DeleteRequest": {"Key": {"pk": item["pk"], "sk": item["sk"]}}}
            for item in items[start : start + WRITE_BATCH]
        ]
        await client.batch_write_item(RequestItems={TABLE: deletions})
    return len(items)


async def _count_costs(room: MessageRoom, writing: DynamoDBClient, relaying: DynamoDBClient) -> Measurement:
    topic, keys = await _fill_topic(room, writing)
    meter = Meter(relaying)
    store = CountingStore(relaying, TABLE, owner="bench", shards=SHARDS)
    stop = asyncio.Event()
    began, cpu_before = time.perf_counter(), time.process_time()
    running = asyncio.create_task(Relay(store, room.kafka, Nudge(), "bench").run(stop))
    while store.deleted < EVENTS:  # noqa: ASYNC110  # as above
        await asyncio.sleep(0.01)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_before
    calls, units = sum(meter.calls.values()), sum(meter.units.values())
    by_name = ", ".join(f"{count} {name}" for name, count in meter.calls.most_common(3))
    stop.set()
    await running
    await verify_order(room.kafka, topic, keys)
    return Measurement(
        name="DynamoDB outbox to Kafka, one relay",
        figure=f"{EVENTS / seconds:,.0f} events/s, {EVENTS / calls:.1f} events a call, {units / EVENTS:.2f}"
        f" capacity units and {cpu_seconds / EVENTS * 1e6:.0f} µs of CPU each",
        beside=f"{EVENTS:,} events, {calls} calls: {by_name}",
        ratio=EVENTS / calls / WANTED_EVENTS_PER_CALL,
        wanted=f"≥ 1.00: {WANTED_EVENTS_PER_CALL} events a call",
        runs={"per_second": [EVENTS / seconds], "calls": [float(calls)], "units": [float(units)]},
    )


async def _fill(client: DynamoDBClient, envelopes: Sequence[Envelope]) -> None:
    for start in range(0, len(envelopes), WRITE_BATCH):
        puts: Any = [
            {"PutRequest": {"Item": outbox_put(TABLE, envelope, SHARDS)["Put"]["Item"]}}
            for envelope in envelopes[start : start + WRITE_BATCH]
        ]
        while puts:
            answer = await client.batch_write_item(RequestItems={TABLE: puts})
            puts = answer["UnprocessedItems"].get(TABLE)
