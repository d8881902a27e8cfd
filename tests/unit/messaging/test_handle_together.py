"""Records that share a commit, and what becomes of those that fail."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from aiokafka.structs import ConsumerRecord

from autodeal_contracts.envelope import Envelope
from autodeal_messaging import handle_record, pause
from autodeal_messaging.handle_record import RecordHandler
from autodeal_messaging.record_failures import Verdict

Event = Callable[..., Envelope]


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handle_record, "FIRST_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(handle_record, "MAXIMUM_RETRY_SECONDS", 0.002)
    monkeypatch.setattr(pause, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(pause, "MAXIMUM_PAUSE_SECONDS", 0.02)


def record_of(envelope: Envelope, *, broken: bool = False) -> ConsumerRecord:
    return ConsumerRecord(
        topic=envelope.topic, partition=0, offset=7, timestamp=0, timestamp_type=0,
        key=envelope.key.encode(), value=envelope.data, checksum=None, serialized_key_size=0,
        serialized_value_size=0, headers=() if broken else envelope.headers(),
    )  # fmt: skip


class Database:
    """Where events take effect, alone or together."""

    def __init__(self) -> None:
        self.effects: list[str] = []
        self.together: list[list[str]] = []
        self.alone: list[str] = []
        self.bad: set[str] = set()
        self.is_away = False

    async def handle(self, envelope: Envelope) -> None:
        self.alone.append(envelope.key)
        self._commit([envelope])

    async def handle_together(self, envelopes: Sequence[Envelope]) -> None:
        self.together.append([envelope.key for envelope in envelopes])
        self._commit(envelopes)

    def _commit(self, envelopes: Sequence[Envelope]) -> None:
        if self.is_away:
            raise OSError("nobody there")
        keys = [envelope.key for envelope in envelopes]
        if self.bad.intersection(keys):
            raise ValueError("told to fail")
        self.effects += keys


class Failures:
    """Parks what is bad, pauses when the database is away, and takes over what is parked already."""

    def __init__(self, patience: int = 1) -> None:
        self.patience = patience
        self.parked: list[str] = []
        self.asked: list[tuple[str, int]] = []
        self.is_broken = False

    async def take_over(self, records: Sequence[ConsumerRecord]) -> Sequence[bool]:
        return [(each.key or b"").decode() in self.parked for each in records]

    async def on_failure(self, record: ConsumerRecord, error: BaseException, attempts: int) -> Verdict:
        if self.is_broken:
            raise OSError("nobody there either")
        key = (record.key or b"").decode()
        self.asked.append((key, attempts))
        if isinstance(error, OSError):
            return Verdict.PAUSE
        if attempts < self.patience:
            return Verdict.RETRY
        self.parked.append(key)
        return Verdict.PARKED


def make(database: Database, failures: Failures | None = None, *, concurrency: int = 4) -> RecordHandler:
    return RecordHandler("together", database.handle, concurrency, failures, database.handle_together)


async def handle_all(handler: RecordHandler, *records: ConsumerRecord) -> list[bool]:
    closing = asyncio.Event()
    return await asyncio.gather(*(handler.handle(each, closing) for each in records))


async def test_events_of_different_keys_share_a_transaction_when_they_come_together(event: Event) -> None:
    database = Database()
    records = [record_of(event(f"key-{number}", 1)) for number in range(30)]
    assert all(await handle_all(make(database), *records))
    assert [len(keys) for keys in database.together] == [30]
    assert database.alone == []


async def test_each_is_handled_alone_when_one_of_them_fails(event: Event) -> None:
    database, failures = Database(), Failures(patience=3)
    database.bad = {"key-3"}
    records = [record_of(event(f"key-{number}", 1)) for number in range(10)]
    assert all(await handle_all(make(database, failures), *records))
    assert sorted(database.effects) == sorted(f"key-{number}" for number in range(10) if number != 3)
    assert Counter(database.alone)["key-3"] == 3
    assert failures.parked == ["key-3"]
    assert failures.asked == [("key-3", 1), ("key-3", 2), ("key-3", 3)]
    assert len(database.together) == 1, "what fails on its own spoils no further commit"


async def test_others_take_effect_when_one_of_them_cannot_be_decoded(event: Event) -> None:
    database, failures = Database(), Failures()
    records = [record_of(event("bad", 1), broken=True), record_of(event("a", 1)), record_of(event("b", 1))]
    assert all(await handle_all(make(database, failures), *records))
    assert sorted(database.effects) == ["a", "b"]
    assert failures.parked == ["bad"]


async def test_a_record_is_taken_over_and_not_handled_when_its_key_is_parked(event: Event) -> None:
    database, failures = Database(), Failures()
    failures.parked = ["a"]
    records = [record_of(event("a", 2)), record_of(event("b", 1))]
    assert all(await handle_all(make(database, failures), *records))
    assert database.together == [["b"]]


async def test_nothing_is_parked_and_all_take_effect_when_the_database_was_away(event: Event) -> None:
    database, failures = Database(), Failures()
    database.is_away = True
    records = [record_of(event(f"key-{number}", 1)) for number in range(200)]
    handling = asyncio.create_task(handle_all(make(database, failures), *records))
    while len(failures.asked) < 10:  # noqa: ASYNC110  # a list tells nobody
        await asyncio.sleep(0.005)
    database.is_away = False
    attempts_while_away = len(database.alone)
    assert all(await handling)
    assert sorted(database.effects) == sorted(f"key-{number}" for number in range(200))
    assert failures.parked == []
    assert {attempts for _, attempts in failures.asked} == {1}, "an absence counts against nobody"
    assert attempts_while_away < 60, "most of them wait without trying"


async def test_a_record_stays_when_nobody_can_decide_about_it(event: Event) -> None:
    database, failures = Database(), Failures()
    database.bad, failures.is_broken = {"a"}, True
    handling = asyncio.create_task(handle_all(make(database, failures), record_of(event("a", 1))))
    while len(database.alone) < 3:  # noqa: ASYNC110  # a list tells nobody
        await asyncio.sleep(0.005)
    assert not handling.done()
    failures.is_broken = False
    assert await handling == [True]
    assert failures.parked == ["a"]


async def test_it_is_given_up_in_the_middle_of_a_pause_when_its_partition_goes(event: Event) -> None:
    database, failures = Database(), Failures()
    database.is_away = True
    closing = asyncio.Event()
    handling = asyncio.create_task(make(database, failures).handle(record_of(event("a", 1)), closing))
    while not failures.asked:  # noqa: ASYNC110  # a list tells nobody
        await asyncio.sleep(0.005)
    closing.set()
    assert not await handling
