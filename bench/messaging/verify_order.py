"""Reading a topic back: is every event there, and did the first copies of each key come in order?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from autodeal_messaging.kafka_settings import KafkaSettings
from bench.messaging.message_room import BenchTopic

FETCH_BYTES = 8 * 1024 * 1024


class DisorderError(AssertionError):
    """Events were lost or came out of order; a throughput reached that way does not count."""


async def verify_order(kafka: KafkaSettings, topic: BenchTopic, expected: Mapping[str, int]) -> int:
    """Check that events 1..n of each key are there in order; return the count of repeated copies."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.kafka_bootstrap_servers,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=FETCH_BYTES,
    )
    await consumer.start()
    seen: defaultdict[bytes, int] = defaultdict(int)
    repeated = 0
    try:
        partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        for partition in partitions:
            consumer.pause(*consumer.assignment())
            consumer.resume(partition)
            while await consumer.position(partition) < ends[partition]:
                for record in (await consumer.getmany(partition, timeout_ms=1_000)).get(partition, []):
                    repeated += _follow(seen, record.key, _sequence(record.headers))
    finally:
        await consumer.stop()
    found = {key.decode(): count for key, count in seen.items()}
    if found != dict(expected):
        raise DisorderError(f"{sum(expected.values())} events expected, {sum(found.values())} found")
    return repeated


async def count_records(kafka: KafkaSettings, topic: BenchTopic) -> int:
    """Return how many records a topic holds."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.kafka_bootstrap_servers)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        return sum((await consumer.end_offsets(partitions)).values())
    finally:
        await consumer.stop()


def _follow(seen: defaultdict[bytes, int], key: bytes, sequence: int) -> int:
    """Note a record; 1 if it is a copy of an earlier one."""
    if sequence <= seen[key]:
        return 1
    if sequence != seen[key] + 1:
        raise DisorderError(f"{key!r}: event {sequence} came after {seen[key]}")
    seen[key] = sequence
    return 0


def _sequence(headers: tuple[tuple[str, bytes], ...]) -> int:
    return next(int(value) for name, value in headers if name == "ce_sequence")
