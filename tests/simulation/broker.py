"""The log of every topic, and how far each group has committed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from tests.simulation.wake_up import WakeUp

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.outbox.headers import decode_headers, encode_headers
from autodeal_messaging.outbox.port import OutboxRecord
from autodeal_messaging.relay_round import partition_of

PARTITIONS = 2


@dataclass(frozen=True)
class LogRecord:
    """One record as a consumer reads it."""

    topic: str
    partition: int
    offset: int
    key: bytes
    headers: tuple[tuple[str, bytes], ...]
    value: bytes

    def envelope(self) -> Envelope:
        """Return the event in it."""
        return Envelope.from_record(topic=self.topic, key=self.key, headers=self.headers, value=self.value)


class SimulatedBroker:
    """Keeps what it is given, in the order it is given it."""

    def __init__(self) -> None:
        self.log: defaultdict[tuple[str, int], list[LogRecord]] = defaultdict(list)
        self.committed: defaultdict[tuple[str, str, int], int] = defaultdict(int)
        """By group, topic and partition: the offset of the next record to read."""
        self.owner: dict[tuple[str, str, int], object] = {}
        """By group, topic and partition: who reads it."""
        self.grown = WakeUp()
        self.partition_grown: defaultdict[tuple[str, int], WakeUp] = defaultdict(WakeUp)

    def append(
        self, topic: str, partition: int, key: str, headers: list[tuple[str, bytes]], value: bytes
    ) -> None:
        """Write a record."""
        log = self.log[topic, partition]
        log.append(LogRecord(topic, partition, len(log), key.encode(), tuple(headers), value))
        self.grown.ring()
        self.partition_grown[topic, partition].ring()

    def append_record(self, record: OutboxRecord) -> None:
        """Write a record as a relay sends it."""
        self.append(
            record.topic,
            partition_of(record.key, PARTITIONS),
            record.key,
            decode_headers(record.encoded_headers),
            record.value,
        )

    def append_envelope(self, envelope: Envelope) -> None:
        """Write an event that no outbox held, such as a notification."""
        self.append(
            envelope.topic,
            partition_of(envelope.key, PARTITIONS),
            envelope.key,
            decode_headers(encode_headers(envelope)),
            envelope.data,
        )
