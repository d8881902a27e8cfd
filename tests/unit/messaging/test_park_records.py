"""A record that fails is retried, waited with, or parked with all of its key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from autodeal_contracts.envelope import Envelope, MalformedEnvelopeError
from autodeal_messaging.failure_kind import FailureKinds
from autodeal_messaging.memory.inbox import MemoryInbox
from autodeal_messaging.memory.parking_store import MemoryParkingStore
from autodeal_messaging.parking import doubt
from autodeal_messaging.parking.limits import ParkingLimits
from autodeal_messaging.parking.park_records import BEHIND, RecordParking
from autodeal_messaging.parking.port import ParkedState
from autodeal_messaging.record_failures import Verdict

Event = Callable[..., Envelope]
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def record_of(envelope: Envelope, offset: int = 7, **changes: Any) -> ConsumerRecord:
    fields: dict[str, Any] = {
        "topic": envelope.topic, "partition": 2, "offset": offset, "timestamp": 5, "timestamp_type": 0,
        "key": envelope.key.encode(), "value": envelope.data, "checksum": None, "serialized_key_size": 0,
        "serialized_value_size": 0, "headers": envelope.headers(),
    }  # fmt: skip
    return ConsumerRecord(**fields | changes)


@pytest.fixture
def store() -> MemoryParkingStore:
    return MemoryParkingStore(MemoryInbox(), "group")


@pytest.fixture
def parking(store: MemoryParkingStore) -> RecordParking:
    return RecordParking(store, FailureKinds(), limits=ParkingLimits(attempts_in_place=3), now=lambda: NOW)


def states(store: MemoryParkingStore) -> Sequence[tuple[int, ParkedState, int]]:
    return [(one.offset, one.state, one.attempts) for one in store.records.values()]


async def test_nothing_is_parked_when_the_surroundings_are_away(
    parking: RecordParking, store: MemoryParkingStore, event: Event
) -> None:
    verdict = await parking.on_failure(record_of(event("key", 1)), ConnectionRefusedError(), 1000)
    assert verdict is Verdict.PAUSE
    assert not store.records


async def test_a_record_is_parked_when_it_always_times_out_and_the_database_answers(
    parking: RecordParking, store: MemoryParkingStore, event: Event
) -> None:
    record = record_of(event("key", 1))
    verdicts = [await parking.on_failure(record, TimeoutError("slow"), attempts) for attempts in (1, 2, 3)]
    assert verdicts == [Verdict.RETRY, Verdict.RETRY, Verdict.PARKED]
    assert [one.last_error for one in store.records.values()] == ["TimeoutError: slow"]


@pytest.mark.parametrize("says", [ConnectionRefusedError(), None])
async def test_nothing_is_parked_when_a_record_times_out_and_the_database_is_silent(
    parking: RecordParking,
    store: MemoryParkingStore,
    event: Event,
    monkeypatch: pytest.MonkeyPatch,
    says: Exception | None,
) -> None:
    async def parked_among(_keys: object) -> frozenset[Any]:
        if says is not None:
            raise says
        await asyncio.sleep(3600)
        return frozenset()

    monkeypatch.setattr(store, "parked_among", parked_among)
    monkeypatch.setattr(doubt, "PROBE_TIMEOUT_SECONDS", 0.01)
    assert await parking.on_failure(record_of(event("key", 1)), TimeoutError(), 1000) is Verdict.PAUSE
    assert not store.records


async def test_a_record_is_parked_when_it_failed_so_often_in_place(
    parking: RecordParking, store: MemoryParkingStore, event: Event
) -> None:
    sent = event("key", 1)
    record = record_of(sent)
    verdicts = [await parking.on_failure(record, RuntimeError("no"), attempts) for attempts in (1, 2, 3)]
    assert verdicts == [Verdict.RETRY, Verdict.RETRY, Verdict.PARKED]
    [parked] = store.records.values()
    assert parked.envelope() == sent
    assert (parked.event_id, parked.event_type) == ("key-1", "test.happened")
    assert (parked.topic, parked.partition, parked.offset) == (record.topic, 2, 7)
    assert (parked.attempts, parked.last_error) == (1, "RuntimeError: no")
    assert parked.next_attempt_at is not None
    assert NOW < parked.next_attempt_at <= NOW + timedelta(seconds=1)


async def test_a_record_is_dead_at_once_when_it_can_never_succeed(
    parking: RecordParking, store: MemoryParkingStore, event: Event
) -> None:
    record = record_of(event("key", 1), headers=())
    assert await parking.on_failure(record, MalformedEnvelopeError("what"), 1) is Verdict.PARKED
    assert states(store) == [(7, ParkedState.DEAD, 1)]
    assert [copy.topic for copy in store.dead_letters] == ["group.dlq"]


async def test_later_records_of_a_key_are_taken_over_when_it_is_parked(
    parking: RecordParking, store: MemoryParkingStore, event: Event
) -> None:
    await parking.on_failure(record_of(event("bad", 1)), RuntimeError("no"), 3)
    records = [record_of(event("good", 1), 8), record_of(event("bad", 2), 9)]
    assert await parking.take_over(records) == [False, True]
    assert states(store) == [(7, ParkedState.PARKED, 1), (9, ParkedState.PARKED, 0)]
    later = store.records["2"]
    assert (later.last_error, later.next_attempt_at) == (BEHIND, None)


async def test_a_key_is_free_when_only_another_topic_has_it_parked(
    parking: RecordParking, event: Event
) -> None:
    await parking.on_failure(record_of(event("key", 1)), RuntimeError("no"), 3)
    assert await parking.take_over([record_of(event("key", 1, topic="other.v1"))]) == [False]


async def test_a_record_is_taken_over_once_when_it_comes_again(
    parking: RecordParking, store: MemoryParkingStore, event: Event
) -> None:
    record = record_of(event("key", 1))
    await parking.on_failure(record, RuntimeError("no"), 3)
    assert await parking.take_over([record]) == [True]
    assert await parking.on_failure(record, RuntimeError("no"), 3) is Verdict.PARKED
    assert len(store.records) == 1


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"key": None}, "@2/7"),
        ({"key": b"\xff\x00"}, "\\xff\\x00"),
        ({"key": b""}, ""),
        ({"value": None}, "key"),
        ({"headers": (("ce_id", None),)}, "key"),
        ({"headers": (("ce_id", b"\xff"),)}, "key"),
    ],
)
async def test_any_record_can_be_parked_when_its_parts_are_odd(
    parking: RecordParking, store: MemoryParkingStore, event: Event, changes: dict[str, Any], key: str
) -> None:
    record = record_of(event("key", 1), **changes)
    assert await parking.on_failure(record, MalformedEnvelopeError("odd"), 1) is Verdict.PARKED
    assert [one.key for one in store.records.values()] == [key]
    assert [copy.key for copy in store.dead_letters] == [key]


async def test_records_without_a_key_hold_up_no_other_when_parked(
    parking: RecordParking, event: Event
) -> None:
    await parking.on_failure(record_of(event("x", 1), 7, key=None), RuntimeError(), 3)
    assert await parking.take_over([record_of(event("x", 2), 8, key=None)]) == [False]


async def test_no_name_is_kept_when_no_database_could_keep_it(
    parking: RecordParking, store: MemoryParkingStore, event: Event
) -> None:
    headers = [(name, b"a\x00b" if name == "ce_id" else value) for name, value in event("x", 1).headers()]
    await parking.on_failure(record_of(event("x", 1), headers=headers), RuntimeError(), 3)
    assert [one.event_id for one in store.records.values()] == [None]
