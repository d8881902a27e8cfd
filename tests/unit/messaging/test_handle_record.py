"""A record is tried until it takes effect, and never skipped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from autodeal_contracts.envelope import Envelope
from autodeal_messaging import handle_record
from autodeal_messaging.handle_record import RecordHandler
from autodeal_messaging.metrics import HANDLED, HELD, RETRIED

Event = Callable[..., Envelope]


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handle_record, "FIRST_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(handle_record, "MAXIMUM_RETRY_SECONDS", 0.002)


def record_of(envelope: Envelope, headers: Any = None) -> ConsumerRecord:
    return ConsumerRecord(
        topic=envelope.topic, partition=0, offset=7, timestamp=0, timestamp_type=0,
        key=envelope.key.encode(), value=envelope.data, checksum=None, serialized_key_size=0,
        serialized_value_size=0, headers=envelope.headers() if headers is None else headers,
    )  # fmt: skip


class Failing:
    """A handler that fails a number of times first."""

    def __init__(self, times: int, error: BaseException) -> None:
        self.left = times
        self.error = error
        self.handled: list[Envelope] = []

    async def handle(self, envelope: Envelope) -> None:
        if self.left:
            self.left -= 1
            raise self.error
        self.handled.append(envelope)


async def test_the_handler_gets_the_event_when_a_record_comes(event: Event) -> None:
    handler = Failing(0, RuntimeError())
    sent = event("key", 3)
    counter = HANDLED.labels("plain", sent.topic)
    assert await RecordHandler("plain", handler.handle, 1).handle(record_of(sent), asyncio.Event())
    assert handler.handled == [sent]
    assert counter._value.get() == 1


@pytest.mark.parametrize("error", [RuntimeError("no"), TimeoutError(), asyncio.CancelledError()])
async def test_it_is_tried_again_until_it_succeeds_when_the_handler_fails(
    event: Event, error: BaseException
) -> None:
    handler = Failing(5, error)
    sent = event("key", 1)
    retried = RETRIED.labels("failing", sent.topic, type(error).__name__)
    before = retried._value.get()
    assert await RecordHandler("failing", handler.handle, 1).handle(record_of(sent), asyncio.Event())
    assert handler.handled == [sent]
    assert retried._value.get() == before + 5


async def test_it_is_given_up_between_attempts_when_the_partition_goes(event: Event) -> None:
    handler = Failing(10**9, RuntimeError("always"))
    closing = asyncio.Event()
    handling = asyncio.create_task(
        RecordHandler("closing", handler.handle, 1).handle(record_of(event("key", 1)), closing)
    )
    await asyncio.sleep(0.01)
    assert HELD.labels("closing")._value.get() == 1
    closing.set()
    assert not await handling
    assert HELD.labels("closing")._value.get() == 0


async def test_it_does_not_begin_when_the_partition_went_while_it_waited_for_a_slot(event: Event) -> None:
    busy, begun = asyncio.Event(), []

    async def handle(envelope: Envelope) -> None:
        begun.append(envelope.key)
        await busy.wait()

    records = RecordHandler("waiting", handle, 1)
    closing = asyncio.Event()
    first = asyncio.create_task(records.handle(record_of(event("first", 1)), closing))
    await asyncio.sleep(0)
    second = asyncio.create_task(records.handle(record_of(event("second", 1)), closing))
    await asyncio.sleep(0)
    closing.set()
    busy.set()
    assert await first, "what ran has finished"
    assert not await second
    assert begun == ["first"]


async def test_a_failing_record_leaves_its_slot_to_others_when_it_rests(
    event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handle_record, "FIRST_RETRY_SECONDS", 3600.0)
    monkeypatch.setattr(handle_record, "MAXIMUM_RETRY_SECONDS", 3600.0)

    async def handle(envelope: Envelope) -> None:
        if envelope.key == "bad":
            raise RuntimeError("no")

    records = RecordHandler("sharing", handle, 1)
    closing = asyncio.Event()
    resting = asyncio.create_task(records.handle(record_of(event("bad", 1)), closing))
    await asyncio.sleep(0)
    assert await records.handle(record_of(event("good", 1)), closing)
    closing.set()
    assert not await resting


async def test_a_record_is_not_skipped_when_its_headers_are_missing(event: Event) -> None:
    handler = Failing(0, RuntimeError())
    sent = event("key", 1)
    retried = RETRIED.labels("undecodable", sent.topic, "MalformedEnvelopeError")
    closing = asyncio.Event()
    handling = asyncio.create_task(
        RecordHandler("undecodable", handler.handle, 1).handle(record_of(sent, headers=()), closing)
    )
    while retried._value.get() < 3:  # noqa: ASYNC110  # a counter tells nobody
        await asyncio.sleep(0.001)
    assert not handling.done()
    closing.set()
    assert not await handling
    assert not handler.handled


async def test_it_ends_when_its_own_task_is_cancelled(event: Event) -> None:
    async def hang(_envelope: Envelope) -> None:
        await asyncio.Event().wait()

    handling = asyncio.create_task(
        RecordHandler("cancelled", hang, 1).handle(record_of(event("key", 1)), asyncio.Event())
    )
    await asyncio.sleep(0)
    handling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await handling
