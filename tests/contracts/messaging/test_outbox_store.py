"""What every outbox store promises to the relay."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable
from datetime import UTC, datetime
from typing import Protocol

import pytest

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.outbox.port import OutboxRecord, OutboxStore, shard_of

SHARDS = 8
OpenStore = Callable[[str], Awaitable[OutboxStore]]


class OutboxUnderTest(Protocol):
    async def commit(self, *envelopes: Envelope) -> None: ...

    async def crash(self, store: OutboxStore, /) -> None: ...


def event(key: str, sequence: int, *, data: bytes = b"{}", cause: str | None = None) -> Envelope:
    return Envelope(
        topic="autodeal.test.v1",
        key=key,
        id=f"{key}-{sequence}",
        type="test.happened",
        source="/autodeal/test",
        subject=f"test/{key}",
        time=datetime.now(UTC),
        sequence=sequence,
        correlation_id=key,
        causation_id=cause,
        data=data,
    )


def no_shards() -> Collection[int]:
    return ()


def ids_by_key(records: Iterable[OutboxRecord]) -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for record in records:
        found[record.key].append(dict(record.headers())["ce_id"].decode())
    return dict(found)


async def read(
    store: OutboxStore,
    *,
    limit: int = 1000,
    exclude: Collection[object] = (),
    keys: frozenset[str] | None = None,
) -> list[OutboxRecord]:
    return list((await store.read(limit=limit, exclude=exclude, keys=keys)).records)


async def settle(*stores: OutboxStore) -> None:
    """Let relays look at each other until nobody has a reason to change anything."""
    for _ in range(4):
        for store in stores:
            await store.balance(no_shards)


async def the_only_one(open_store: OpenStore) -> OutboxStore:
    store = await open_store("only")
    await settle(store)
    assert store.held == frozenset(range(SHARDS))
    return store


async def test_records_come_in_order_of_commit_when_keys_are_mixed(
    outbox: OutboxUnderTest, open_store: OpenStore
) -> None:
    for sequence in range(1, 13):
        await outbox.commit(*(event(key, sequence) for key in ("a", "b", "c")))
    store = await the_only_one(open_store)
    assert ids_by_key(await read(store)) == {
        key: [f"{key}-{sequence}" for sequence in range(1, 13)] for key in ("a", "b", "c")
    }


async def test_a_record_is_as_it_was_written_when_it_is_read(
    outbox: OutboxUnderTest, open_store: OpenStore
) -> None:
    written = event("ä key", 7, data=b"\x00\xff not text", cause="cause-1")
    await outbox.commit(written)
    (record,) = await read(await the_only_one(open_store))
    assert record.headers() == written.headers()
    assert (record.topic, record.key, record.value) == (written.topic, written.key, written.data)
    assert record.shard == shard_of(written.key, SHARDS)
    assert record.created_at.tzinfo is not None


async def test_records_stay_when_they_were_read_and_not_deleted(
    outbox: OutboxUnderTest, open_store: OpenStore
) -> None:
    await outbox.commit(event("a", 1))
    store = await the_only_one(open_store)
    assert ids_by_key(await read(store)) == ids_by_key(await read(store)) == {"a": ["a-1"]}


async def test_later_records_come_alone_when_earlier_ones_are_excluded(
    outbox: OutboxUnderTest, open_store: OpenStore
) -> None:
    await outbox.commit(event("a", 1), event("a", 2))
    store = await the_only_one(open_store)
    in_flight = {record.position for record in await read(store)}
    await outbox.commit(event("a", 3))
    assert ids_by_key(await read(store, exclude=in_flight)) == {"a": ["a-3"]}


async def test_deleted_records_are_gone_when_deleted_twice(
    outbox: OutboxUnderTest, open_store: OpenStore
) -> None:
    await outbox.commit(*(event("a", sequence) for sequence in range(1, 61)))
    store = await the_only_one(open_store)
    positions = [record.position for record in await read(store)]
    await store.delete(positions[:59])
    await store.delete(positions[:59])
    assert ids_by_key(await read(store)) == {"a": ["a-60"]}


async def test_a_record_is_read_when_it_was_committed_before_one_already_deleted(
    outbox: OutboxUnderTest, open_store: OpenStore
) -> None:
    """There is no high-water mark, whatever the order of positions is."""
    store = await the_only_one(open_store)
    for key in ("m", "a", "z"):
        await outbox.commit(event(key, 1))
        records = await read(store)
        assert ids_by_key(records) == {key: [f"{key}-1"]}
        await store.delete([record.position for record in records])


@pytest.mark.parametrize("limit", [1, 3, 8, 20])
async def test_every_record_comes_once_and_in_order_when_reads_are_cut_off(
    outbox: OutboxUnderTest, open_store: OpenStore, limit: int
) -> None:
    keys = [f"key-{number}" for number in range(6)]
    for sequence in range(1, 6):
        await outbox.commit(*(event(key, sequence) for key in keys))
    store = await the_only_one(open_store)
    found: list[OutboxRecord] = []
    more = True
    while more:
        batch = await store.read(limit=limit, exclude=[record.position for record in found], keys=None)
        found.extend(batch.records)
        more = batch.more or bool(batch.records)
    assert ids_by_key(found) == {key: [f"{key}-{sequence}" for sequence in range(1, 6)] for key in keys}


async def test_more_is_told_when_a_read_is_cut_off(outbox: OutboxUnderTest, open_store: OpenStore) -> None:
    await outbox.commit(*(event(f"key-{number}", 1) for number in range(80)))
    store = await the_only_one(open_store)
    assert (await store.read(limit=SHARDS, exclude=(), keys=None)).more
    assert not (await store.read(limit=1000, exclude=(), keys=None)).more


async def test_the_rung_key_is_found_when_a_read_is_narrowed_to_it(
    outbox: OutboxUnderTest, open_store: OpenStore
) -> None:
    await outbox.commit(event("a", 1), event("b", 1))
    store = await the_only_one(open_store)
    assert ids_by_key(await read(store, keys=frozenset({"b"})))["b"] == ["b-1"]


async def test_shards_are_shared_evenly_when_relays_join(
    outbox: OutboxUnderTest, open_store: OpenStore
) -> None:
    stores = []
    for number in range(3):
        stores.append(await open_store(f"relay-{number}"))
        await settle(*stores)
    assert sorted(len(store.held) for store in stores) == [2, 3, 3]
    assert frozenset().union(*(store.held for store in stores)) == frozenset(range(SHARDS))


async def test_only_the_own_share_is_read_when_shards_are_shared(
    outbox: OutboxUnderTest, open_store: OpenStore
) -> None:
    first, second = await open_store("first"), await open_store("second")
    await settle(first, second)
    await outbox.commit(*(event(f"key-{number}", 1) for number in range(40)))
    for store in (first, second):
        records = await read(store)
        assert {record.shard for record in records} <= store.held
        assert records
    assert len(await read(first)) + len(await read(second)) == 40


async def test_shards_are_taken_over_when_a_relay_leaves(
    outbox: OutboxUnderTest, open_store: OpenStore
) -> None:
    first, second = await open_store("first"), await open_store("second")
    await settle(first, second)
    await first.close()
    await settle(second)
    assert first.held == frozenset()
    assert second.held == frozenset(range(SHARDS))


async def test_shards_are_taken_over_when_a_relay_dies(
    outbox: OutboxUnderTest, open_store: OpenStore
) -> None:
    first, second = await open_store("first"), await open_store("second")
    await settle(first, second)
    await outbox.commit(*(event(f"key-{number}", 1) for number in range(40)))
    await outbox.crash(first)
    await settle(second)
    assert second.held == frozenset(range(SHARDS))
    assert len(await read(second)) == 40


async def test_shards_go_to_those_that_can_send_and_come_back_when_it_can_again(
    outbox: OutboxUnderTest, open_store: OpenStore
) -> None:
    cut_off = await the_only_one(open_store)
    await cut_off.balance(no_shards, can_send=False)
    assert len(cut_off.held) == SHARDS, "nobody else is there to send"
    other = await open_store("other")
    for _ in range(3):
        await cut_off.balance(no_shards, can_send=False)
        await other.balance(no_shards)
    assert not cut_off.held
    assert len(other.held) == SHARDS
    for _ in range(3):
        await other.balance(no_shards, can_send=False)
        await cut_off.balance(no_shards, can_send=False)
    assert len(other.held) == len(cut_off.held) == SHARDS // 2, "none can send: all keep trying"
    await cut_off.balance(no_shards, can_send=False)
    await outbox.crash(other)
    await settle(cut_off)
    assert len(cut_off.held) == SHARDS


async def test_a_shard_is_kept_from_those_that_can_send_when_records_are_in_flight(
    open_store: OpenStore,
) -> None:
    cut_off = await the_only_one(open_store)
    other = await open_store("other")
    await other.balance(no_shards)
    await cut_off.balance(lambda: [3], can_send=False)
    await other.balance(no_shards)
    assert not cut_off.held, "it reads no more"
    assert other.held == frozenset(range(SHARDS)) - {3}


async def test_a_surplus_shard_is_kept_from_others_when_records_are_in_flight(
    outbox: OutboxUnderTest, open_store: OpenStore
) -> None:
    first = await the_only_one(open_store)
    second = await open_store("second")

    def everything() -> Collection[int]:
        return range(SHARDS)

    for _ in range(3):
        await second.balance(no_shards)
        await first.balance(everything)
    assert len(first.held) == SHARDS // 2, "a shard about to be given up is not read any more"
    assert second.held == frozenset(), "nor is it free while its records are in flight"
    await settle(first, second)
    assert len(second.held) == SHARDS // 2
    assert not first.held & second.held


async def test_nothing_is_read_when_a_relay_holds_no_shard(
    outbox: OutboxUnderTest, open_store: OpenStore
) -> None:
    await outbox.commit(event("a", 1))
    store = await open_store("unbalanced")
    assert await read(store) == []
    assert (await store.measure()).depth == 0


async def test_the_backlog_is_measured_when_records_wait(
    outbox: OutboxUnderTest, open_store: OpenStore
) -> None:
    store = await the_only_one(open_store)
    empty = await store.measure()
    await outbox.commit(event("a", 1), event("b", 1), event("a", 2))
    waiting = await store.measure()
    assert (empty.depth, empty.oldest_age_seconds) == (0, 0)
    assert waiting.depth == 3
    assert 0 <= waiting.oldest_age_seconds < 60
    later = await store.measure()
    assert later.oldest_age_seconds > waiting.oldest_age_seconds


async def test_a_relay_can_return_when_it_was_closed(outbox: OutboxUnderTest, open_store: OpenStore) -> None:
    store = await the_only_one(open_store)
    await store.close()
    await store.open()
    await settle(store)
    assert store.held == frozenset(range(SHARDS))
