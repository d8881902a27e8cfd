"""What every store of parked records promises to consumers, the replay worker and operators."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import msgspec
import pytest
import pytest_asyncio
from sqlalchemy import MetaData, select
from sqlalchemy.ext.asyncio import AsyncEngine

from autodeal_messaging.dynamodb.parking_store import DynamoParkingStore
from autodeal_messaging.dynamodb.write import inbox_key, outbox_partition
from autodeal_messaging.memory.inbox import MemoryInbox
from autodeal_messaging.memory.parking_store import MemoryParkingStore
from autodeal_messaging.parking.port import (
    AuditEntry,
    ParkedCounts,
    ParkedFilter,
    ParkedRecord,
    ParkedState,
    ParkingStore,
)
from autodeal_messaging.postgres.parking_schema import define_parked_records, define_parking_audit
from autodeal_messaging.postgres.parking_store import PostgresParkingStore
from autodeal_messaging.postgres.write import INBOX, OUTBOX

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

GROUP = "autodeal-test"
TOPIC = "autodeal.test.v1"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SOON = NOW + timedelta(seconds=10)
LATER = NOW + timedelta(seconds=60)
UNTIL = NOW + timedelta(seconds=30)


class ParkingUnderTest(Protocol):
    store: ParkingStore

    async def is_handled(self, event_id: str) -> bool: ...

    async def dead_letters(self) -> list[tuple[str, str, dict[str, str], bytes]]:
        """Return topic, key, headers and value of each copy, in the order of the outbox."""


class MemoryParkingUnderTest:
    def __init__(self) -> None:
        self._inbox = MemoryInbox()
        self._memory = MemoryParkingStore(self._inbox, GROUP)
        self.store: ParkingStore = self._memory

    async def is_handled(self, event_id: str) -> bool:
        return (GROUP, event_id) in self._inbox.handled

    async def dead_letters(self) -> list[tuple[str, str, dict[str, str], bytes]]:
        return [
            (copy.topic, copy.key, msgspec.json.decode(copy.encoded_headers), copy.value)
            for copy in self._memory.dead_letters
        ]


class PostgresParkingUnderTest:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.store: ParkingStore = PostgresParkingStore(engine, GROUP)

    async def is_handled(self, event_id: str) -> bool:
        statement = select(INBOX).where(INBOX.c.consumer == GROUP, INBOX.c.event_id == event_id)
        async with self._engine.connect() as connection:
            return (await connection.execute(statement)).first() is not None

    async def dead_letters(self) -> list[tuple[str, str, dict[str, str], bytes]]:
        async with self._engine.connect() as connection:
            rows = await connection.execute(select(OUTBOX).order_by(OUTBOX.c.id))
            return [(row.topic, row.key, msgspec.json.decode(row.headers), row.value) for row in rows]


class DynamoParkingUnderTest:
    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table
        self.store: ParkingStore = DynamoParkingStore(
            client, table, GROUP, inbox_retention=timedelta(days=14), outbox_shards=1
        )

    async def is_handled(self, event_id: str) -> bool:
        return "Item" in await self._client.get_item(TableName=self._table, Key=inbox_key(GROUP, event_id))

    async def dead_letters(self) -> list[tuple[str, str, dict[str, str], bytes]]:
        page = await self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :shard",
            ExpressionAttributeValues={":shard": {"S": outbox_partition(0)}},
        )
        return [
            (
                item["topic"]["S"],
                item["key"]["S"],
                msgspec.json.decode(item["headers"]["S"]),
                bytes(item["value"]["B"]),
            )
            for item in page["Items"]
        ]


@pytest_asyncio.fixture(loop_scope="session")
async def parking_engine(postgres_engine: AsyncEngine) -> AsyncEngine:
    metadata = MetaData()
    define_parked_records(metadata)
    define_parking_audit(metadata)
    async with postgres_engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    return postgres_engine


@pytest.fixture
def parking(kind_of_store: str, request: pytest.FixtureRequest) -> ParkingUnderTest:
    need = request.getfixturevalue
    if kind_of_store == "postgres":
        return PostgresParkingUnderTest(need("parking_engine"))
    if kind_of_store == "dynamodb":
        return DynamoParkingUnderTest(need("dynamodb_client"), need("created_table"))
    return MemoryParkingUnderTest()


def record(
    key: str = "key-1",
    offset: int = 1,
    *,
    next_attempt_at: datetime | None = NOW,
    event_id: str | None = "",
    topic: str = TOPIC,
) -> ParkedRecord:
    return ParkedRecord(
        group=GROUP,
        topic=topic,
        partition=3,
        offset=offset,
        timestamp_ms=1_700_000_000_000,
        key=key,
        record_key=key.encode(),
        headers=(("ce_id", b"event"), ("odd", b"\xff\x00"), ("empty", b"")),
        value=b'{"a":1}\xff',
        event_id=f"{key}-{offset}" if event_id == "" else event_id,
        event_type="test.happened",
        state=ParkedState.DEAD if next_attempt_at is None else ParkedState.PARKED,
        attempts=1,
        next_attempt_at=next_attempt_at,
        last_error="RuntimeError: no",
        parked_at=NOW,
    )


def entry(act: str, of: ParkedRecord, reason: str = "", at: datetime = NOW) -> AuditEntry:
    return AuditEntry(
        at=at, operator="ana@desk", act=act, topic=of.topic, key=of.key, record_id=of.id, reason=reason
    )


async def stored(parking: ParkingUnderTest) -> list[ParkedRecord]:
    return list(await parking.store.find(ParkedFilter()))


async def claim_one(parking: ParkingUnderTest, now: datetime = NOW, until: datetime = UNTIL) -> ParkedRecord:
    [claimed] = await parking.store.claim_due(now=now, until=until, limit=10)
    return claimed


async def test_a_record_is_kept_exactly_when_it_is_parked(parking: ParkingUnderTest) -> None:
    sent = record()
    assert await parking.store.park(sent)
    [kept] = await stored(parking)
    assert kept.id
    assert msgspec.structs.replace(kept, id="") == sent
    assert await parking.store.get(kept.id) == kept


async def test_a_record_without_key_value_or_event_is_kept_when_it_is_parked(
    parking: ParkingUnderTest,
) -> None:
    sent = msgspec.structs.replace(
        record(event_id=None), record_key=None, value=None, event_type=None, headers=()
    )
    assert await parking.store.park(sent)
    [kept] = await stored(parking)
    assert msgspec.structs.replace(kept, id="") == sent


async def test_a_large_record_is_kept_whole_when_it_is_parked_and_dies(parking: ParkingUnderTest) -> None:
    large = bytes(range(256)) * 4_000
    await parking.store.park(msgspec.structs.replace(record(offset=1), value=large))
    await parking.store.park(msgspec.structs.replace(record(offset=2), value=large))
    claimed = await claim_one(parking)
    assert claimed.value == large
    assert await parking.store.bury(claimed, last_error="too much", now=SOON)
    [copy] = await parking.dead_letters()
    assert large.startswith(copy[3])
    assert await parking.store.revive(entry("redrive", claimed, at=SOON))
    following = await parking.store.settle(await claim_one(parking, SOON, LATER), now=SOON, claim_until=LATER)
    assert following is not None
    assert following.value == large


@pytest.mark.parametrize("event_id", ["", None])
async def test_a_record_is_parked_once_when_it_is_delivered_again(
    parking: ParkingUnderTest, event_id: str | None
) -> None:
    assert await parking.store.park(record(event_id=event_id))
    assert not await parking.store.park(record(event_id=event_id))
    assert len(await stored(parking)) == 1


async def test_a_record_is_parked_once_when_two_do_it_at_once(parking: ParkingUnderTest) -> None:
    results = await asyncio.gather(*(parking.store.park(record()) for _ in range(4)))
    assert sorted(results) == [False, False, False, True]
    assert len(await stored(parking)) == 1


async def test_a_record_is_not_parked_again_when_it_has_been_through(parking: ParkingUnderTest) -> None:
    await parking.store.park(record())
    await parking.store.settle(await claim_one(parking), now=NOW, claim_until=None)
    assert not await parking.store.park(record())
    assert not await stored(parking)


async def test_an_undecodable_record_is_parked_when_an_older_topic_had_one_at_its_place(
    parking: ParkingUnderTest,
) -> None:
    assert await parking.store.park(record(event_id=None))
    assert await parking.store.park(msgspec.structs.replace(record(event_id=None), timestamp_ms=1))


async def test_keys_with_parked_records_are_told_when_asked_for(parking: ParkingUnderTest) -> None:
    await parking.store.park(record("key-1"))
    await parking.store.park(record("key-2", topic="other.v1"))
    asked = [(TOPIC, "key-1"), (TOPIC, "key-2"), ("other.v1", "key-2"), (TOPIC, "key-3")]
    assert await parking.store.parked_among(asked) == {(TOPIC, "key-1"), ("other.v1", "key-2")}
    assert await parking.store.parked_among([]) == frozenset()


async def test_later_records_wait_behind_the_first_when_their_key_is_parked(
    parking: ParkingUnderTest,
) -> None:
    for offset in (1, 2, 3):
        await parking.store.park(record(offset=offset))
    await parking.store.park(record("other", 4))
    due = await parking.store.claim_due(now=NOW, until=UNTIL, limit=10)
    assert sorted((one.key, one.offset) for one in due) == [("key-1", 1), ("other", 4)]


async def test_a_later_record_waits_and_is_not_dead_when_it_could_never_succeed(
    parking: ParkingUnderTest,
) -> None:
    await parking.store.park(record(offset=1))
    await parking.store.park(record(offset=2, next_attempt_at=None))
    assert [one.state for one in await stored(parking)] == [ParkedState.PARKED] * 2
    assert await parking.dead_letters() == []


async def test_an_attempt_is_counted_and_claimed_when_a_record_is_due(parking: ParkingUnderTest) -> None:
    await parking.store.park(record(next_attempt_at=SOON))
    assert not await parking.store.claim_due(now=NOW, until=UNTIL, limit=10)
    claimed = await claim_one(parking, SOON)
    assert claimed.attempts == 2
    assert not await parking.store.claim_due(now=SOON, until=UNTIL, limit=10)
    again = await claim_one(parking, UNTIL, LATER)
    assert again.attempts == 3, "the claim of a dead worker runs out"


async def test_one_worker_claims_when_several_look_at_once(parking: ParkingUnderTest) -> None:
    for number in range(6):
        await parking.store.park(record(f"key-{number}"))
    claims = await asyncio.gather(
        *(parking.store.claim_due(now=NOW, until=UNTIL, limit=10) for _ in range(3))
    )
    claimed = [one.key for found in claims for one in found]
    assert sorted(claimed) == sorted(set(claimed))


async def test_the_most_overdue_come_first_when_more_are_due_than_wanted(parking: ParkingUnderTest) -> None:
    for number, seconds in enumerate((3, 1, 2)):
        await parking.store.park(
            record(f"key-{number}", next_attempt_at=NOW - timedelta(seconds=10 - seconds))
        )
    due = await parking.store.claim_due(now=NOW, until=UNTIL, limit=2)
    assert sorted(one.key for one in due) == ["key-1", "key-2"]


async def test_records_come_forward_in_order_when_the_ones_before_took_effect(
    parking: ParkingUnderTest,
) -> None:
    for offset in (9, 10, 11, 100):
        await parking.store.park(record(offset=offset))
    following: ParkedRecord | None = await claim_one(parking)
    seen = []
    while following is not None:
        seen.append((following.offset, following.attempts))
        following = await parking.store.settle(following, now=NOW, claim_until=UNTIL)
    assert seen == [(9, 2), (10, 2), (11, 2), (100, 2)]
    assert not await stored(parking)
    assert await parking.store.parked_among([(TOPIC, "key-1")]) == frozenset()


async def test_the_next_record_is_due_when_it_comes_forward_unclaimed(parking: ParkingUnderTest) -> None:
    for offset in (1, 2):
        await parking.store.park(record(offset=offset))
    assert await parking.store.settle(await claim_one(parking), now=SOON, claim_until=None) is None
    assert (await claim_one(parking, SOON)).offset == 2


async def test_nothing_comes_forward_twice_when_a_record_is_settled_twice(parking: ParkingUnderTest) -> None:
    for offset in (1, 2, 3):
        await parking.store.park(record(offset=offset))
    first = await claim_one(parking)
    second = await parking.store.settle(first, now=NOW, claim_until=UNTIL)
    assert second is not None
    assert second.offset == 2
    assert await parking.store.settle(first, now=NOW, claim_until=UNTIL) is None
    assert [one.offset for one in await stored(parking)] == [2, 3]


async def test_no_record_is_forgotten_when_it_is_parked_while_the_one_before_leaves(
    parking: ParkingUnderTest,
) -> None:
    for round_number in range(10):
        key = f"key-{round_number}"
        await parking.store.park(record(key, 1))
        first = await claim_one(parking)
        await asyncio.gather(
            parking.store.settle(first, now=NOW, claim_until=None), parking.store.park(record(key, 2))
        )
        assert (await claim_one(parking, SOON, LATER + timedelta(days=1))).offset == 2


async def test_a_record_waits_longer_when_it_failed_again(parking: ParkingUnderTest) -> None:
    await parking.store.park(record())
    claimed = await claim_one(parking)
    await parking.store.put_off(claimed, next_attempt_at=SOON, last_error="again", counted=True)
    [kept] = await stored(parking)
    assert (kept.attempts, kept.next_attempt_at, kept.last_error) == (2, SOON, "again")


async def test_an_attempt_does_not_count_when_the_surroundings_failed(parking: ParkingUnderTest) -> None:
    await parking.store.park(record())
    claimed = await claim_one(parking)
    await parking.store.put_off(claimed, next_attempt_at=SOON, last_error="away", counted=False)
    assert (await stored(parking))[0].attempts == 1


async def test_a_late_word_changes_nothing_when_another_worker_has_the_record(
    parking: ParkingUnderTest,
) -> None:
    await parking.store.park(record())
    late = await claim_one(parking)
    current = await claim_one(parking, UNTIL, LATER)
    await parking.store.put_off(late, next_attempt_at=NOW, last_error="late", counted=True)
    assert not await parking.store.bury(late, last_error="late", now=NOW)
    assert await stored(parking) == [current]
    await parking.store.settle(current, now=NOW, claim_until=None)
    assert not await parking.store.bury(current, last_error="late", now=NOW)
    assert await parking.dead_letters() == []


async def test_a_copy_goes_out_when_a_record_is_dead(parking: ParkingUnderTest) -> None:
    await parking.store.park(record(offset=7))
    await parking.store.park(record(offset=8))
    claimed = await claim_one(parking)
    assert await parking.store.bury(claimed, last_error="ValueError: never", now=SOON)
    [(topic, key, headers, value)] = await parking.dead_letters()
    assert (topic, key, value) == (f"{GROUP}.dlq", "key-1", claimed.value)
    assert (
        headers
        | {
            "ce_id": "event",
            "dlq_group": GROUP,
            "dlq_topic": TOPIC,
            "dlq_partition": "3",
            "dlq_offset": "7",
            "dlq_attempts": "2",
            "dlq_error": "ValueError: never",
            "dlq_dead_at": SOON.isoformat(),
        }
        == headers
    )
    assert [one.state for one in await stored(parking)] == [ParkedState.DEAD, ParkedState.PARKED]
    assert not await parking.store.claim_due(now=LATER, until=LATER, limit=10), "its key waits behind it"


async def test_a_copy_goes_out_at_once_when_a_record_can_never_succeed(parking: ParkingUnderTest) -> None:
    await parking.store.park(record(next_attempt_at=None))
    assert [copy[1] for copy in await parking.dead_letters()] == ["key-1"]
    assert not await parking.store.claim_due(now=LATER, until=LATER, limit=10)


async def test_parked_and_dead_are_counted_when_measured(parking: ParkingUnderTest) -> None:
    assert await parking.store.counts() == ParkedCounts(parked=0, dead=0)
    await parking.store.park(record(offset=1, next_attempt_at=None))
    await parking.store.park(record(offset=2))
    await parking.store.park(record("other"))
    assert await parking.store.counts() == ParkedCounts(parked=2, dead=1)


async def test_records_are_found_by_what_an_operator_asks_for(parking: ParkingUnderTest) -> None:
    await parking.store.park(record("a", 1, next_attempt_at=None))
    await parking.store.park(record("a", 2))
    await parking.store.park(record("b", 3, topic="other.v1"))

    async def offsets(wanted: ParkedFilter) -> list[int]:
        return sorted(one.offset for one in await parking.store.find(wanted))

    assert await offsets(ParkedFilter()) == [1, 2, 3]
    assert await offsets(ParkedFilter(key="a")) == [1, 2]
    assert await offsets(ParkedFilter(topic="other.v1")) == [3]
    assert await offsets(ParkedFilter(state=ParkedState.DEAD)) == [1]
    assert await offsets(ParkedFilter(key="a", state=ParkedState.PARKED)) == [2]
    assert await offsets(ParkedFilter(key="nobody")) == []


async def test_every_record_is_seen_once_when_the_list_is_read_in_pages(parking: ParkingUnderTest) -> None:
    for number in range(7):
        await parking.store.park(record(f"key-{number % 3}", number))
    seen: list[ParkedRecord] = []
    while page := await parking.store.find(ParkedFilter(), after=seen[-1].id if seen else "", limit=2):
        assert len(page) <= 2
        seen.extend(page)
    assert sorted(one.offset for one in seen) == list(range(7))
    for key in ("key-0", "key-1", "key-2"):
        offsets = [one.offset for one in seen if one.key == key]
        assert offsets == sorted(offsets)


@pytest.mark.parametrize("record_id", ["999999", "no such id", "", "a:b:1"])
async def test_nothing_is_returned_when_an_id_names_none(parking: ParkingUnderTest, record_id: str) -> None:
    assert await parking.store.get(record_id) is None


async def test_keys_are_listed_with_their_first_records_when_a_redrive_is_planned(
    parking: ParkingUnderTest,
) -> None:
    await parking.store.park(record("a", 1, next_attempt_at=None))
    await parking.store.park(record("a", 2))
    await parking.store.park(record("b", 3))

    async def planned(wanted: ParkedFilter) -> list[tuple[str, int, int]]:
        keys = await parking.store.keys(wanted)
        return sorted((one.key, one.first.offset, one.records) for one in keys)

    assert await planned(ParkedFilter()) == [("a", 1, 2), ("b", 3, 1)]
    assert await planned(ParkedFilter(state=ParkedState.DEAD)) == [("a", 1, 2)]
    assert await planned(ParkedFilter(state=ParkedState.PARKED)) == [("b", 3, 1)]
    assert await planned(ParkedFilter(key="b")) == [("b", 3, 1)]


async def test_every_key_is_listed_once_when_read_page_by_page_while_they_are_revived(
    parking: ParkingUnderTest,
) -> None:
    names = [f"key-{number}" for number in range(7)]
    for offset, name in enumerate(names):
        await parking.store.park(record(name, offset, next_attempt_at=None))
        await parking.store.park(record(name, offset + 100))
    wanted, after, seen = ParkedFilter(state=ParkedState.DEAD), None, []
    while page := await parking.store.keys(wanted, after=after, limit=3):
        for key in page:
            assert await parking.store.revive(entry("redrive", key.first, at=SOON))
            seen.append((key.key, key.records))
        after = page[-1].topic, page[-1].key
    assert sorted(seen) == [(name, 2) for name in names]


async def test_a_dead_record_is_due_at_once_when_it_is_revived(parking: ParkingUnderTest) -> None:
    await parking.store.park(record(offset=1, next_attempt_at=None))
    await parking.store.park(record(offset=2))
    [dead, _] = await stored(parking)
    assert await parking.store.revive(entry("redrive", dead, at=SOON))
    revived = await claim_one(parking, SOON)
    assert (revived.offset, revived.attempts, revived.state) == (1, 1, ParkedState.PARKED)
    following = await parking.store.settle(revived, now=SOON, claim_until=UNTIL)
    assert following is not None
    assert following.offset == 2
    assert await parking.store.audit_trail() == [entry("redrive", dead, at=SOON)]


async def test_nothing_is_revived_or_audited_when_a_key_has_no_records(parking: ParkingUnderTest) -> None:
    await parking.store.park(record())
    claimed = await claim_one(parking)
    await parking.store.settle(claimed, now=NOW, claim_until=None)
    assert not await parking.store.revive(entry("redrive", claimed))
    assert not await parking.store.discard(entry("discard", claimed, "gone"))
    assert await parking.store.audit_trail() == []


async def test_the_next_record_comes_forward_when_the_first_is_discarded(parking: ParkingUnderTest) -> None:
    await parking.store.park(record(offset=1, next_attempt_at=None))
    await parking.store.park(record(offset=2))
    [dead, _] = await stored(parking)
    assert await parking.store.discard(entry("discard", dead, "sent by mistake", at=SOON))
    assert await parking.is_handled("key-1-1"), "a repeat must not take effect"
    assert (await claim_one(parking, SOON)).offset == 2
    [audited] = await parking.store.audit_trail()
    assert (audited.act, audited.operator, audited.reason) == ("discard", "ana@desk", "sent by mistake")


async def test_the_first_record_keeps_its_turn_when_a_later_one_is_discarded(
    parking: ParkingUnderTest,
) -> None:
    await parking.store.park(record(offset=1, next_attempt_at=LATER))
    await parking.store.park(record(offset=2))
    await parking.store.park(record(offset=3))
    [_, later, _] = await stored(parking)
    assert await parking.store.discard(entry("discard", later, "unwanted"))
    assert not await parking.store.claim_due(now=SOON, until=UNTIL, limit=10)
    first = await claim_one(parking, LATER, LATER)
    following = await parking.store.settle(first, now=LATER, claim_until=LATER)
    assert following is not None
    assert following.offset == 3


async def test_an_undecodable_record_is_gone_when_it_is_discarded(parking: ParkingUnderTest) -> None:
    await parking.store.park(record(event_id=None, next_attempt_at=None))
    [dead] = await stored(parking)
    assert await parking.store.discard(entry("discard", dead, "garbage"))
    assert not await parking.store.park(record(event_id=None, next_attempt_at=None))
    assert not await stored(parking)


async def test_the_latest_act_comes_first_when_the_audit_trail_is_read(parking: ParkingUnderTest) -> None:
    await parking.store.park(record())
    [kept] = await stored(parking)
    for number in range(3):
        await parking.store.revive(entry("redrive", kept, str(number), NOW + timedelta(seconds=number)))
    assert [one.reason for one in await parking.store.audit_trail(limit=2)] == ["2", "1"]
