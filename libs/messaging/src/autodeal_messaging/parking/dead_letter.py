"""The copy of a dead record for Kafka tooling: topic `<group>.dlq`, with why, where from and how often."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from autodeal_messaging.parking.headers import readable
from autodeal_messaging.parking.port import ParkedRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """What goes into the outbox, in the commit that declares the record dead."""

    topic: str
    key: str
    encoded_headers: str
    value: bytes


def dead_letter_topic(group: str) -> str:
    """Return the topic of a group's dead letters."""
    return f"{group}.dlq"


def dead_letter(record: ParkedRecord, now: datetime) -> DeadLetter:
    """Return the copy of a record that is dead now."""
    headers = {name: readable(value) for name, value in record.headers}
    headers |= {
        "dlq_group": record.group,
        "dlq_topic": record.topic,
        "dlq_partition": str(record.partition),
        "dlq_offset": str(record.offset),
        "dlq_attempts": str(record.attempts),
        "dlq_error": record.last_error,
        "dlq_parked_at": record.parked_at.isoformat(),
        "dlq_dead_at": now.isoformat(),
    }
    return DeadLetter(
        topic=dead_letter_topic(record.group),
        key=record.key,
        encoded_headers=msgspec.json.encode(headers).decode(),
        value=record.value or b"",
    )
