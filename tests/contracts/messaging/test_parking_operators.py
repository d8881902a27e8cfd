"""What every store of parked records promises to operators: to see, to bring back, to discard."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.contracts.messaging.parking_under_test import (
    LATER,
    NOW,
    SOON,
    UNTIL,
    ParkingUnderTest,
    claim_one,
    entry,
    record,
    stored,
)

from autodeal_messaging.parking.port import ParkedCounts, ParkedFilter, ParkedRecord, ParkedState


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
