"""The worker that acts on deadlines."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from autodeal_messaging import deadlines as deadlines_module
from autodeal_messaging.deadlines import Deadline, DeadlineHandler, DeadlineWorker
from autodeal_messaging.memory.deadline_store import MemoryDeadlineStore
from autodeal_messaging.nudge import Nudge


def seconds_from_now(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


@asynccontextmanager
async def running(
    store: MemoryDeadlineStore, handler: DeadlineHandler, nudge: Nudge | None = None, *, concurrency: int = 4
) -> AsyncIterator[None]:
    stop = asyncio.Event()
    worker = DeadlineWorker(store, handler, nudge or Nudge(), concurrency=concurrency)
    task = asyncio.create_task(worker.run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110  # conditions are looked at, not told
        await asyncio.sleep(0.001)


@pytest.fixture
def store() -> MemoryDeadlineStore:
    return MemoryDeadlineStore()


class Settling:
    """A handler that claims what it is given, as a use case does in its transaction."""

    def __init__(self, store: MemoryDeadlineStore) -> None:
        self._store = store
        self.settled: list[str] = []
        self.calls: Counter[str] = Counter()
        self.failures: dict[str, int] = {}

    async def handle(self, kind: str, subject: str, due_at: datetime) -> None:
        self.calls[subject] += 1
        assert due_at <= datetime.now(UTC), "never before its time"
        await asyncio.sleep(0)
        if self.failures.get(subject, 0) > 0:
            self.failures[subject] -= 1
            raise RuntimeError("told to fail")
        if self._store.claim(kind, subject, due_at):
            self.settled.append(subject)


async def test_deadlines_are_handled_soonest_first_when_several_are_due(store: MemoryDeadlineStore) -> None:
    handler = Settling(store)
    for number in range(5):
        store.schedule("sale", str(number), seconds_from_now(-number))
    async with running(store, handler.handle, concurrency=1):
        await until(lambda: not store.deadlines)
    assert handler.settled == ["4", "3", "2", "1", "0"]
    assert set(handler.calls.values()) == {1}


async def test_a_deadline_is_left_alone_when_its_time_has_not_come(store: MemoryDeadlineStore) -> None:
    handler = Settling(store)
    store.schedule("sale", "later", seconds_from_now(3600))
    store.schedule("sale", "soon", seconds_from_now(0.05))
    async with running(store, handler.handle):
        await until(lambda: handler.settled)
    assert handler.settled == ["soon"]
    assert ("sale", "later") in store.deadlines


async def test_a_new_deadline_is_seen_when_the_nudge_is_rung(store: MemoryDeadlineStore) -> None:
    handler, nudge = Settling(store), Nudge()
    async with running(store, handler.handle, nudge):
        await asyncio.sleep(0.01)
        store.schedule("sale", "now", seconds_from_now(0))
        nudge.ring()
        await until(lambda: handler.settled)


async def test_a_new_deadline_is_seen_when_nobody_rings(
    store: MemoryDeadlineStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines_module, "LOOK_AHEAD_SECONDS", 0.02)
    handler = Settling(store)
    async with running(store, handler.handle):
        await asyncio.sleep(0.01)
        store.schedule("sale", "now", seconds_from_now(0))
        await until(lambda: handler.settled)


async def test_a_deadline_is_tried_again_and_holds_up_no_other_when_it_fails(
    store: MemoryDeadlineStore,
) -> None:
    handler = Settling(store)
    handler.failures = {"bad": 2}
    store.schedule("sale", "bad", seconds_from_now(-10))
    for number in range(20):
        store.schedule("sale", str(number), seconds_from_now(-1))
    async with running(store, handler.handle, concurrency=1):
        await until(lambda: len(handler.settled) == 20)
        assert "bad" not in handler.settled
        await until(lambda: not store.deadlines)
    assert handler.calls["bad"] == 3


async def test_others_are_reached_when_more_fail_than_one_read_returns(
    store: MemoryDeadlineStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines_module, "BATCH", 3)
    handler = Settling(store)
    for number in range(10):
        store.schedule("sale", f"bad-{number}", seconds_from_now(-10))
        handler.failures[f"bad-{number}"] = 10**9
    store.schedule("sale", "good", seconds_from_now(-1))
    async with running(store, handler.handle):
        await until(lambda: "good" in handler.settled)


async def test_a_deadline_is_not_handled_in_a_hot_loop_when_it_is_in_other_hands(
    store: MemoryDeadlineStore,
) -> None:
    calls = 0

    async def leave_it(_kind: str, _subject: str, _due_at: datetime) -> None:
        nonlocal calls
        calls += 1

    store.schedule("sale", "1", seconds_from_now(-1))
    async with running(store, leave_it):
        await asyncio.sleep(0.05)
    assert calls == 1


async def test_no_more_run_at_once_than_allowed_when_many_are_due(store: MemoryDeadlineStore) -> None:
    running_now = most = 0

    async def handle(kind: str, subject: str, due_at: datetime) -> None:
        nonlocal running_now, most
        running_now += 1
        most = max(most, running_now)
        await asyncio.sleep(0.001)
        store.claim(kind, subject, due_at)
        running_now -= 1

    for number in range(30):
        store.schedule("sale", str(number), seconds_from_now(-1))
    async with running(store, handle, concurrency=3):
        await until(lambda: not store.deadlines)
    assert most == 3


async def test_what_runs_finishes_when_told_to_stop(store: MemoryDeadlineStore) -> None:
    begun, may_finish, finished = asyncio.Event(), asyncio.Event(), []

    async def handle(_kind: str, subject: str, _due_at: datetime) -> None:
        begun.set()
        await may_finish.wait()
        finished.append(subject)

    store.schedule("sale", "1", seconds_from_now(-1))
    async with running(store, handle):
        await begun.wait()
        asyncio.get_running_loop().call_later(0.02, may_finish.set)
    assert finished == ["1"]


async def test_work_goes_on_when_the_store_could_not_be_read(store: MemoryDeadlineStore) -> None:
    handler = Settling(store)
    reads = 0

    class Flaky(MemoryDeadlineStore):
        async def earliest(self, *, before: datetime, limit: int) -> Sequence[Deadline]:
            nonlocal reads
            reads += 1
            if reads == 1:
                raise ConnectionError("the database is away")
            return await super().earliest(before=before, limit=limit)

    flaky = Flaky()
    flaky.deadlines = store.deadlines
    store.schedule("sale", "1", seconds_from_now(-1))
    async with running(flaky, handler.handle):
        await until(lambda: handler.settled)


async def test_a_deadline_is_handled_at_its_new_time_when_it_was_moved(store: MemoryDeadlineStore) -> None:
    handler = Settling(store)
    store.schedule("sale", "1", seconds_from_now(0.02))
    async with running(store, handler.handle):
        await asyncio.sleep(0)
        store.schedule("sale", "1", seconds_from_now(0.06))
        await until(lambda: handler.settled)
    assert handler.settled == ["1"]
