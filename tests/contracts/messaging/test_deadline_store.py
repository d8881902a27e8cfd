"""What every deadline store promises to the worker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

from autodeal_messaging.deadlines import Deadline, DeadlineStore

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class DeadlinesUnderTest(Protocol):
    store: DeadlineStore

    async def schedule(self, kind: str, subject: str, due_at: datetime) -> None: ...

    async def move(self, kind: str, subject: str, due_at: datetime, /, to: datetime) -> None: ...

    async def cancel(self, kind: str, subject: str, due_at: datetime, /) -> None: ...


async def test_the_soonest_come_first_when_many_are_due(deadlines: DeadlinesUnderTest) -> None:
    for number in (3, 1, 5, 2, 4):
        await deadlines.schedule("sale", str(number), NOON + number * MINUTE)
    found = await deadlines.store.earliest(before=NOON + 4 * MINUTE, limit=3)
    assert found == [
        Deadline(due_at=NOON + number * MINUTE, kind="sale", subject=str(number)) for number in (1, 2, 3)
    ]


async def test_a_deadline_counts_when_it_falls_on_the_moment_itself(deadlines: DeadlinesUnderTest) -> None:
    await deadlines.schedule("sale", "1", NOON)
    assert not await deadlines.store.earliest(before=NOON - timedelta(microseconds=1), limit=10)
    assert len(await deadlines.store.earliest(before=NOON, limit=10)) == 1


async def test_only_the_new_time_counts_when_a_deadline_is_moved(deadlines: DeadlinesUnderTest) -> None:
    await deadlines.schedule("sale", "1", NOON)
    await deadlines.move("sale", "1", NOON, to=NOON + 9 * MINUTE)
    assert not await deadlines.store.earliest(before=NOON + 8 * MINUTE, limit=10)
    (found,) = await deadlines.store.earliest(before=NOON + 9 * MINUTE, limit=10)
    assert found.due_at == NOON + 9 * MINUTE


async def test_a_deadline_is_gone_when_it_was_cancelled_twice(deadlines: DeadlinesUnderTest) -> None:
    await deadlines.schedule("sale", "1", NOON)
    await deadlines.schedule("payment", "1", NOON)
    await deadlines.cancel("sale", "1", NOON)
    await deadlines.cancel("sale", "1", NOON)
    (left,) = await deadlines.store.earliest(before=NOON, limit=10)
    assert left.kind == "payment"


async def test_scheduling_again_changes_nothing_when_the_time_is_the_same(
    deadlines: DeadlinesUnderTest,
) -> None:
    await deadlines.schedule("sale", "1", NOON)
    await deadlines.schedule("sale", "1", NOON)
    assert len(await deadlines.store.earliest(before=NOON, limit=10)) == 1
