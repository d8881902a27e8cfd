"""Parked records are tried again when due, in order, and not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from autodeal_contracts.envelope import Envelope, MalformedEnvelopeError
from autodeal_messaging.failure_kind import FailureKinds
from autodeal_messaging.memory.inbox import MemoryInbox
from autodeal_messaging.memory.parking_store import MemoryParkingStore
from autodeal_messaging.parking.limits import ParkingLimits
from autodeal_messaging.parking.metrics import DEAD_NOW, PARKED_NOW
from autodeal_messaging.parking.park_records import RecordParking
from autodeal_messaging.parking.port import ParkedState
from autodeal_messaging.parking.replay import ReplayWorker

Event = Callable[..., Envelope]
LIMITS = ParkingLimits(attempt_limit=4, run_of_key=3, poll_seconds=0.001, pause_maximum_seconds=0.001)


@dataclass
class Clock:
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Bench:
    """A consumer's parking and a replay worker on one store, with a handler that fails as it is told."""

    store: MemoryParkingStore
    clock: Clock
    errors: dict[str, BaseException] = field(default_factory=dict)
    effects: list[str] = field(default_factory=list)
    attempts: list[str] = field(default_factory=list)
    offset: int = 0

    def __post_init__(self) -> None:
        kinds = FailureKinds()
        self.parking = RecordParking(self.store, kinds, limits=LIMITS, now=self.clock)
        self.worker = ReplayWorker(self.store, self.handle, kinds, limits=LIMITS, now=self.clock)

    async def handle(self, envelope: Envelope) -> None:
        self.attempts.append(envelope.id)
        if envelope.id in self.errors:
            raise self.errors[envelope.id]
        self.effects.append(envelope.id)

    async def park(self, *envelopes: Envelope, headers: Any = None) -> None:
        for envelope in envelopes:
            self.offset += 1
            record = ConsumerRecord(
                topic=envelope.topic, partition=0, offset=self.offset, timestamp=0, timestamp_type=0,
                key=envelope.key.encode(), value=envelope.data, checksum=None, serialized_key_size=0,
                serialized_value_size=0, headers=envelope.headers() if headers is None else headers,
            )  # fmt: skip
            if not all(await self.parking.take_over([record])):
                error = MalformedEnvelopeError("no") if headers is not None else RuntimeError("no")
                await self.parking.on_failure(record, error, LIMITS.attempts_in_place)

    async def replay(self) -> int:
        return await self.worker.replay_due(asyncio.Event())

    def parked(self) -> list[tuple[str | None, ParkedState, int]]:
        return [(one.event_id, one.state, one.attempts) for one in self.store.records.values()]


@pytest.fixture
def bench() -> Bench:
    return Bench(MemoryParkingStore(MemoryInbox(), "replaying"), Clock())


async def test_a_record_is_not_attempted_when_it_is_not_due(bench: Bench, event: Event) -> None:
    await bench.park(event("key", 1))
    assert await bench.replay() == 0
    assert not bench.attempts


async def test_all_of_a_key_come_through_in_order_when_the_first_one_does(bench: Bench, event: Event) -> None:
    await bench.park(*(event("key", number) for number in range(1, 9)), event("other", 1))
    bench.clock.pass_(2)
    while await bench.replay():
        pass
    assert [one for one in bench.effects if one != "other-1"] == [f"key-{number}" for number in range(1, 9)]
    assert not bench.store.records


async def test_another_key_has_its_turn_when_one_has_many_records(bench: Bench, event: Event) -> None:
    await bench.park(*(event("key", number) for number in range(1, 9)))
    bench.clock.pass_(2)
    await bench.replay()
    assert len(bench.effects) == LIMITS.run_of_key


async def test_a_record_is_dead_in_the_end_and_others_go_on_when_it_always_times_out(
    bench: Bench, event: Event
) -> None:
    """The database answers meanwhile, so it is the record that takes too long."""
    await bench.park(event("slow", 1), event("key", 1))
    bench.errors["slow-1"] = TimeoutError("too long")
    for _ in range(LIMITS.attempt_limit):
        bench.clock.pass_(3600)
        await bench.replay()
    assert bench.effects == ["key-1"]
    assert bench.parked() == [("slow-1", ParkedState.DEAD, LIMITS.attempt_limit)]


async def test_later_records_wait_when_the_first_one_fails_again(bench: Bench, event: Event) -> None:
    await bench.park(event("key", 1), event("key", 2))
    bench.errors["key-1"] = RuntimeError("still")
    bench.clock.pass_(2)
    await bench.replay()
    assert bench.attempts == ["key-1"]
    assert bench.parked() == [("key-1", ParkedState.PARKED, 2), ("key-2", ParkedState.PARKED, 0)]
    assert await bench.replay() == 0, "it waits longer"
    bench.errors.clear()
    bench.clock.pass_(LIMITS.retry_maximum_seconds)
    await bench.replay()
    assert bench.effects == ["key-1", "key-2"]


async def test_a_record_is_dead_when_it_failed_too_often(bench: Bench, event: Event) -> None:
    await bench.park(event("key", 1), event("key", 2))
    bench.errors["key-1"] = RuntimeError("always")
    for _ in range(20):
        bench.clock.pass_(LIMITS.retry_maximum_seconds)
        await bench.replay()
    assert len(bench.attempts) == LIMITS.attempt_limit - 1
    assert bench.parked() == [("key-1", ParkedState.DEAD, 4), ("key-2", ParkedState.PARKED, 0)]
    assert [copy.key for copy in bench.store.dead_letters] == ["key"]


async def test_a_record_is_dead_at_once_when_another_attempt_cannot_help(bench: Bench, event: Event) -> None:
    await bench.park(event("key", 1))
    bench.errors["key-1"] = MalformedEnvelopeError("never")
    bench.clock.pass_(2)
    await bench.replay()
    assert bench.parked() == [("key-1", ParkedState.DEAD, 2)]


async def test_no_attempt_counts_when_the_surroundings_are_away(bench: Bench, event: Event) -> None:
    await bench.park(event("key", 1))
    bench.errors["key-1"] = ConnectionRefusedError("away")
    for _ in range(20):
        bench.clock.pass_(LIMITS.retry_maximum_seconds)
        with pytest.raises(ConnectionRefusedError):
            await bench.replay()
    assert bench.parked() == [("key-1", ParkedState.PARKED, 1)]
    bench.errors.clear()
    bench.clock.pass_(LIMITS.retry_maximum_seconds)
    await bench.replay()
    assert bench.effects == ["key-1"]


async def test_other_keys_come_through_when_one_fails(bench: Bench, event: Event) -> None:
    await bench.park(*(event(f"key-{number}", 1) for number in range(5)))
    bench.errors["key-2-1"] = asyncio.CancelledError()
    bench.clock.pass_(2)
    await bench.replay()
    assert sorted(bench.effects) == ["key-0-1", "key-1-1", "key-3-1", "key-4-1"]
    assert [one[0] for one in bench.parked()] == ["key-2-1"]


async def test_a_record_is_dead_when_it_kills_each_process_that_tries_it(bench: Bench, event: Event) -> None:
    """It is claimed, and so counted, before it is tried."""
    await bench.park(event("key", 1))
    for _ in range(LIMITS.attempt_limit - 1):
        bench.clock.pass_(LIMITS.claim_seconds + 1)
        until = bench.clock.now + timedelta(seconds=LIMITS.claim_seconds)
        await bench.store.claim_due(now=bench.clock.now, until=until, limit=1)
    assert bench.parked() == [("key-1", ParkedState.PARKED, LIMITS.attempt_limit)]
    bench.clock.pass_(LIMITS.claim_seconds + 1)
    await bench.replay()
    assert not bench.attempts
    assert bench.parked() == [("key-1", ParkedState.DEAD, LIMITS.attempt_limit + 1)]


async def test_the_worker_goes_on_when_the_store_was_away(
    bench: Bench, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.park(event("key", 1))
    bench.clock.pass_(2)
    claim, left = bench.store.claim_due, 3

    async def away_at_first(**arguments: Any) -> Any:
        nonlocal left
        left -= 1
        if left >= 0:
            raise ConnectionRefusedError
        return await claim(**arguments)

    monkeypatch.setattr(bench.store, "claim_due", away_at_first)
    stop = asyncio.Event()
    working = asyncio.create_task(bench.worker.run(stop))
    while not bench.effects:  # noqa: ASYNC110  # the fake tells nobody
        await asyncio.sleep(0.001)
    stop.set()
    await working
    assert bench.effects == ["key-1"]


async def test_what_waits_is_measured_when_the_worker_runs(bench: Bench, event: Event) -> None:
    await bench.park(event("key", 1), event("key", 2))
    await bench.park(event("bad", 1), headers=())
    stop = asyncio.Event()
    working = asyncio.create_task(bench.worker.run(stop))
    while not DEAD_NOW.labels("replaying")._value.get():  # noqa: ASYNC110  # a gauge tells nobody
        await asyncio.sleep(0.001)
    assert PARKED_NOW.labels("replaying")._value.get() == 2
    stop.set()
    await working


async def test_what_is_under_way_is_finished_when_told_to_stop(bench: Bench, event: Event) -> None:
    await bench.park(event("key", 1), event("key", 2))
    bench.clock.pass_(2)
    stop = asyncio.Event()
    stop.set()
    await bench.worker.replay_due(stop)
    assert bench.effects == ["key-1"]
    await bench.replay()
    assert bench.effects == ["key-1", "key-2"], "the next one is due at once"
