"""What every store of parked records promises to consumers and the replay worker."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import pytest
from tests.contracts.messaging.parking_under_test import (
    GROUP,
    LATER,
    NOW,
    SOON,
    TOPIC,
    UNTIL,
    ParkingUnderTest,
    claim_one,
    entry,
    record,
    stored,
)

from autodeal_messaging.parking.port import ParkedRecord, ParkedState


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
