"""Parked records as items.

- A *key item* for each key with parked records, `PARKING#<group>` / `<topic>#<key>`: its version orders
  everything that happens to the key, as a lock would.
- The *records* of a key, `PARKED#<group>#<topic>#<key>` / `<sequence>`.
- A *due item* while the first record of a key has a next attempt, `PARKING_DUE#<group>` / `<time>#…`.
- The *audit trail*, `PARKING_AUDIT#<group>` / `<time>#<random>`.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from autodeal_messaging.dynamodb.parking_values import COPY_BYTES, PIECE_BYTES
from autodeal_messaging.dynamodb.write import outbox_partition, sortable_time
from autodeal_messaging.outbox.port import shard_of
from autodeal_messaging.parking.dead_letter import dead_letter
from autodeal_messaging.parking.headers import keep_headers, restore_headers
from autodeal_messaging.parking.port import AuditEntry, ParkedRecord, ParkedState

Item = dict[str, Any]

LONGEST_NAME = 400
"""Keys that take more bytes than this are named by their digest; DynamoDB's own keys have a limit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyItem:
    """A key with parked records."""

    topic: str
    key: str
    version: int
    records: int
    first: int
    """The sequence of the first record."""
    last: int
    """The sequence of the last one."""
    first_state: ParkedState
    next_attempt_at: datetime | None
    """That of the first record."""
    is_returning: bool = False
    """Whether its records, events that were set aside, are being put back into the outbox."""


def named(key: str) -> str:
    """Return a key as part of an item's own key."""
    encoded = key.encode()
    return key if len(encoded) <= LONGEST_NAME else f"sha256-{hashlib.sha256(encoded).hexdigest()}"


def key_item_key(group: str, topic: str, key: str) -> Item:
    """Return the primary key of a key item."""
    return {"pk": {"S": f"PARKING#{group}"}, "sk": {"S": f"{topic}#{named(key)}"}}


def record_partition(group: str, topic: str, key: str) -> str:
    """Return the partition of a key's records."""
    return f"PARKED#{group}#{topic}#{named(key)}"


def record_key(group: str, topic: str, key: str, sequence: int) -> Item:
    """Return the primary key of a record."""
    return {"pk": {"S": record_partition(group, topic, key)}, "sk": {"S": sort_key(sequence)}}


def sort_key(sequence: int) -> str:
    """Return a sequence so that text order is its order."""
    return f"{sequence:020d}"


def due_partition(group: str) -> str:
    """Return the partition of what has a next attempt."""
    return f"PARKING_DUE#{group}"


def due_key(group: str, topic: str, key: str, at: datetime) -> Item:
    """Return the primary key of a due item."""
    return {"pk": {"S": due_partition(group)}, "sk": {"S": f"{sortable_time(at)}#{topic}#{named(key)}"}}


def audit_partition(group: str) -> str:
    """Return the partition of the audit trail."""
    return f"PARKING_AUDIT#{group}"


def microseconds(moment: datetime) -> int:
    """Return a time as a whole number."""
    return round(moment.timestamp() * 1_000_000)


def record_id(topic: str, key: str, sequence: int) -> str:
    """Return the name by which operators call a record."""
    return f"{topic}:{key}:{sequence}"


def parse_record_id(name: str) -> tuple[str, str, int] | None:
    """Return topic, key and sequence; None for what is no name of a record."""
    topic, _, rest = name.partition(":")
    key, _, sequence = rest.rpartition(":")
    return (topic, key, int(sequence)) if topic and sequence.isdecimal() else None


def sequence_of(record: ParkedRecord) -> int:
    """Return the sequence of a stored record."""
    return int(record.id.rpartition(":")[2])


def write_key_item(group: str, item: KeyItem) -> Item:
    """Return the item of a key."""
    found: Item = {
        **key_item_key(group, item.topic, item.key),
        "topic": {"S": item.topic},
        "key": {"S": item.key},
        "version": {"N": str(item.version)},
        "records": {"N": str(item.records)},
        "first": {"N": str(item.first)},
        "last": {"N": str(item.last)},
        "first_state": {"S": item.first_state.value},
    }
    if item.next_attempt_at is not None:
        found["next_attempt_at"] = {"S": item.next_attempt_at.isoformat()}
    if item.is_returning:
        found["is_returning"] = {"BOOL": True}
    return found


def read_key_item(item: Mapping[str, Any]) -> KeyItem:
    """Return a key from its item."""
    return KeyItem(
        topic=item["topic"]["S"],
        key=item["key"]["S"],
        version=int(item["version"]["N"]),
        records=int(item["records"]["N"]),
        first=int(item["first"]["N"]),
        last=int(item["last"]["N"]),
        first_state=ParkedState(item["first_state"]["S"]),
        next_attempt_at=_read_time(item.get("next_attempt_at")),
        is_returning="is_returning" in item,
    )


def is_large(value: bytes | None) -> bool:
    """Tell whether a value is kept in pieces."""
    return value is not None and len(value) > PIECE_BYTES


def write_record(record: ParkedRecord) -> Item:
    """Return the item of a record that has an id."""
    found: Item = {
        **record_key(record.group, record.topic, record.key, sequence_of(record)),
        "group": {"S": record.group},
        "topic": {"S": record.topic},
        "partition": {"N": str(record.partition)},
        "offset": {"N": str(record.offset)},
        "timestamp_ms": {"N": str(record.timestamp_ms)},
        "key": {"S": record.key},
        "headers": {"S": keep_headers(record.headers)},
        "state": {"S": record.state.value},
        "attempts": {"N": str(record.attempts)},
        "last_error": {"S": record.last_error},
        "parked_at": {"S": record.parked_at.isoformat()},
    }
    optional: dict[str, Any] = {
        "record_key": None if record.record_key is None else {"B": record.record_key},
        "value": None if record.value is None or is_large(record.value) else {"B": record.value},
        "value_bytes": {"N": str(len(record.value or b""))} if is_large(record.value) else None,
        "event_id": None if record.event_id is None else {"S": record.event_id},
        "event_type": None if record.event_type is None else {"S": record.event_type},
        "next_attempt_at": record.next_attempt_at and {"S": record.next_attempt_at.isoformat()},
    }
    return found | {name: value for name, value in optional.items() if value is not None}


def read_record(item: Mapping[str, Any]) -> ParkedRecord:
    """Return a record from its item."""
    topic, key = item["topic"]["S"], item["key"]["S"]
    return ParkedRecord(
        id=record_id(topic, key, int(item["sk"]["S"])),
        group=item["group"]["S"],
        topic=topic,
        partition=int(item["partition"]["N"]),
        offset=int(item["offset"]["N"]),
        timestamp_ms=int(item["timestamp_ms"]["N"]),
        key=key,
        record_key=bytes(item["record_key"]["B"]) if "record_key" in item else None,
        headers=restore_headers(item["headers"]["S"]),
        value=bytes(item["value"]["B"]) if "value" in item else None,
        event_id=item["event_id"]["S"] if "event_id" in item else None,
        event_type=item["event_type"]["S"] if "event_type" in item else None,
        state=ParkedState(item["state"]["S"]),
        attempts=int(item["attempts"]["N"]),
        next_attempt_at=_read_time(item.get("next_attempt_at")),
        last_error=item["last_error"]["S"],
        parked_at=datetime.fromisoformat(item["parked_at"]["S"]),
    )


def write_audit(group: str, entry: AuditEntry) -> Item:
    """Return the item of an operator's act."""
    return {
        "pk": {"S": audit_partition(group)},
        "sk": {"S": f"{sortable_time(entry.at)}#{uuid.uuid4().hex}"},
        "at": {"S": entry.at.isoformat()},
        "operator": {"S": entry.operator},
        "act": {"S": entry.act},
        "topic": {"S": entry.topic},
        "key": {"S": entry.key},
        "record_id": {"S": entry.record_id},
        "reason": {"S": entry.reason},
    }


def read_audit(item: Mapping[str, Any]) -> AuditEntry:
    """Return an operator's act from its item."""
    return AuditEntry(
        at=datetime.fromisoformat(item["at"]["S"]),
        operator=item["operator"]["S"],
        act=item["act"]["S"],
        topic=item["topic"]["S"],
        key=item["key"]["S"],
        record_id=item["record_id"]["S"],
        reason=item["reason"]["S"],
    )


def write_dead_letter(record: ParkedRecord, now: datetime, shards: int) -> Item:
    """Return the outbox item of a dead record's copy; the times at which a key's records die ascend."""
    if is_large(record.value):
        headers = (*record.headers, ("dlq_value_bytes", str(len(record.value or b"")).encode()))
        value = (record.value or b"")[:COPY_BYTES]
        record = msgspec.structs.replace(record, headers=headers, value=value)
    copy = dead_letter(record, now)
    return {
        "pk": {"S": outbox_partition(shard_of(copy.key, shards))},
        "sk": {"S": f"{copy.topic}#{named(copy.key)}#{sort_key(microseconds(now))}"},
        "topic": {"S": copy.topic},
        "key": {"S": copy.key},
        "headers": {"S": copy.encoded_headers},
        "value": {"B": copy.value},
        "created_at": {"S": now.isoformat()},
    }


def _read_time(value: Mapping[str, str] | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value["S"])
