"""What every place for events that cannot be sent promises to the relay and to operators."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

import pytest

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.dynamodb.unsendable_store import DynamoUnsendableStore
from autodeal_messaging.outbox.port import OutboxRecord, OutboxStore
from autodeal_messaging.parking.operate import ParkingOperator
from autodeal_messaging.parking.port import ParkedCounts, ParkedFilter, ParkedState, ParkingStore
from autodeal_messaging.parking.unsendable import BEHIND, UnsendableGuard, UnsendableStore, outbox_group
from autodeal_messaging.postgres.unsendable_store import PostgresUnsendableStore

pytestmark = pytest.mark.integration

OpenStore = Callable[[str], Awaitable[OutboxStore]]
TOPIC = "autodeal.test.v1"
GROUP = outbox_group("relay")
SHARDS = 8
"""As the outbox fixture has it."""


class OutboxUnderTest(Protocol):
    async def commit(self, *envelopes: Envelope) -> None: ...


class Unsendable(UnsendableStore, ParkingStore, Protocol):
    """Both sides of a store."""


@pytest.fixture(params=["postgres", "dynamodb"])
def kind_of_store(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def store(kind_of_store: str, request: pytest.FixtureRequest) -> Unsendable:
    need = request.getfixturevalue
    if kind_of_store == "postgres":
        return PostgresUnsendableStore(need("parking_engine"), GROUP, outbox_shards=SHARDS)
    return DynamoUnsendableStore(need("dynamodb_client"), need("created_table"), GROUP, outbox_shards=SHARDS)


@pytest.fixture
def read(open_store: OpenStore) -> Callable[[], Awaitable[list[OutboxRecord]]]:
    opened: list[OutboxStore] = []

    async def read() -> list[OutboxRecord]:
        if not opened:
            opened.append(await open_store("relay"))
            await opened[0].balance(set)
        return list((await opened[0].read(limit=1_000, exclude=(), keys=None)).records)

    return read


Read = Callable[[], Awaitable[list[OutboxRecord]]]


def event(key: str, sequence: int, data: bytes = b'{"n":1}') -> Envelope:
    return Envelope(
        topic=TOPIC,
        key=key,
        id=f"{key}-{sequence}",
        type="test.happened",
        source="/autodeal/test",
        subject=f"test/{key}",
        time=datetime.now(UTC),
        sequence=sequence,
        correlation_id=key,
        data=data,
    )


def ids(records: list[OutboxRecord], key: str) -> list[str]:
    return [dict(one.headers())["ce_id"].decode() for one in records if one.key == key]


async def redrive(store: ParkingStore, reason: str = "limit raised") -> None:
    operator = ParkingOperator(store, "ana@desk")
    keys = await operator.plan(ParkedFilter())
    async for _ in operator.redrive(keys, records_per_second=None, reason=reason):
        pass


async def test_events_are_out_of_the_relays_way_when_set_aside(
    outbox: OutboxUnderTest, store: Unsendable, read: Read
) -> None:
    for number in (1, 2):
        await outbox.commit(event("bad", number))
        await outbox.commit(event("good", number))
    bad = [record for record in await read() if record.key == "bad"]
    assert await store.held_keys() == frozenset()
    assert await store.set_aside(bad[:1], "too large") == 1
    assert await store.set_aside(bad, BEHIND) == 1
    assert await store.held_keys() == {(TOPIC, "bad")}
    left = await read()
    assert ids(left, "bad") == []
    assert ids(left, "good") == ["good-1", "good-2"]
    found = await store.find(ParkedFilter())
    assert [(one.event_id, one.state, one.last_error) for one in found] == [
        ("bad-1", ParkedState.DEAD, "too large"),
        ("bad-2", ParkedState.PARKED, BEHIND),
    ]
    assert await store.counts() == ParkedCounts(parked=1, dead=1)


async def test_events_are_as_they_were_and_before_later_ones_when_redriven(
    outbox: OutboxUnderTest, store: Unsendable, read: Read
) -> None:
    for number in (1, 2, 3):
        await outbox.commit(event("bad", number, b"\x00\xff" * number))
    before = await read()
    await store.set_aside(before[:2], "too large")
    await outbox.commit(event("bad", 4))
    await redrive(store)
    after = await read()
    assert ids(after, "bad") == ["bad-1", "bad-2", "bad-3", "bad-4"]
    assert [(one.position, one.shard, one.value, one.headers()) for one in after[:3]] == [
        (one.position, one.shard, one.value, one.headers()) for one in before
    ]
    assert await store.held_keys() == frozenset()
    assert [entry.reason for entry in await store.audit_trail()] == ["limit raised"]
    assert not await store.find(ParkedFilter())


async def test_all_come_back_when_they_are_more_than_one_transaction_holds(
    outbox: OutboxUnderTest, store: Unsendable, read: Read
) -> None:
    for number in range(1, 36):
        await outbox.commit(event("bad", number))
    await store.set_aside(await read(), "too large")
    assert await read() == []
    await redrive(store)
    assert ids(await read(), "bad") == [f"bad-{number}" for number in range(1, 36)]
    assert await store.held_keys() == frozenset()


async def test_a_large_event_comes_back_whole_when_redriven(
    outbox: OutboxUnderTest, store: Unsendable, read: Read
) -> None:
    large = bytes(range(256)) * 1_400
    await outbox.commit(event("bad", 1, large))
    await store.set_aside(await read(), "too large")
    [parked] = await store.find(ParkedFilter())
    assert parked.value == large
    await redrive(store)
    assert [one.value for one in await read()] == [large]


async def test_the_others_go_back_when_the_one_that_is_too_large_is_discarded(
    outbox: OutboxUnderTest, store: Unsendable, read: Read
) -> None:
    for number in (1, 2, 3):
        await outbox.commit(event("bad", number))
    await store.set_aside(await read(), "too large")
    operator = ParkingOperator(store, "ana@desk")
    [first, second, _] = await operator.find(ParkedFilter())
    await operator.discard(second.id, "nobody wants it")
    assert await read() == []
    await operator.discard(first.id, "far too large")
    assert ids(await read(), "bad") == ["bad-3"]
    assert await store.held_keys() == frozenset()
    assert [entry.act for entry in await store.audit_trail()] == ["discard", "discard"]


async def test_the_key_is_free_when_its_only_event_is_discarded(
    outbox: OutboxUnderTest, store: Unsendable, read: Read
) -> None:
    await outbox.commit(event("bad", 1))
    await store.set_aside(await read(), "too large")
    [only] = await store.find(ParkedFilter())
    await ParkingOperator(store, "ana").discard(only.id, "far too large")
    assert await store.held_keys() == frozenset()
    assert await read() == []


async def test_nothing_is_set_aside_when_another_relay_has_deleted_it(
    outbox: OutboxUnderTest, store: Unsendable, read: Read
) -> None:
    await outbox.commit(event("bad", 1))
    records = await read()
    assert await store.set_aside(records, "too large") == 1
    assert await store.set_aside(records, "too large") == 0
    assert len(await store.find(ParkedFilter())) == 1


async def test_the_guard_lets_nothing_past_when_its_key_is_held(
    outbox: OutboxUnderTest, store: Unsendable, read: Read
) -> None:
    await outbox.commit(event("bad", 1))
    await store.set_aside(await read(), "too large")
    await outbox.commit(event("bad", 2))
    await outbox.commit(event("good", 1))
    guard = UnsendableGuard(store)
    await guard.before_read()
    assert ids(list(await guard.sendable(await read())), "good") == ["good-1"]
    assert await guard.count() == 2
    assert [one.event_id for one in await store.find(ParkedFilter())] == ["bad-1", "bad-2"]


@pytest.mark.parametrize("kind_of_store", ["dynamodb"])
async def test_the_relay_waits_and_the_next_redrive_goes_on_when_one_died_half_way(
    outbox: OutboxUnderTest, store: Unsendable, read: Read
) -> None:
    """One transaction of DynamoDB has no room for all events of a key."""
    assert isinstance(store, DynamoUnsendableStore)
    for number in range(1, 26):
        await outbox.commit(event("bad", number))
    await store.set_aside(await read(), "too large")
    key = await store._place.read(TOPIC, "bad")
    assert key is not None
    await store._place.write(key, replace(key, is_returning=True))
    assert await store._back._put_some_back(key)
    half = await read()
    assert 0 < len(half) < 25
    guard = UnsendableGuard(store)
    await guard.before_read()
    assert await guard.sendable(half) == []
    assert len(await read()) == len(half)
    [left] = (await ParkingOperator(store, "ana").plan(ParkedFilter())).first_keys
    assert left.first.event_id == "bad-1"
    await redrive(store)
    assert ids(await read(), "bad") == [f"bad-{number}" for number in range(1, 26)]
