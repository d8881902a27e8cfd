"""Bringing one record into effect: decode it, call the handler, and try again until it succeeds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import structlog
from aiokafka.structs import ConsumerRecord

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.backoff import Backoff, wait_for_event, worth_logging
from autodeal_messaging.metrics import HANDLED, HELD, LATENCY, RETRIED
from autodeal_messaging.record_failures import RecordFailures, RetryForever, Verdict

log = structlog.get_logger(__name__)

Handler = Callable[[Envelope], Awaitable[None]]
"""Brings an event into effect in one transaction with its inbox row, so that repeating it is safe."""

FIRST_RETRY_SECONDS = 0.05
MAXIMUM_RETRY_SECONDS = 5.0


class RecordHandler:
    """Tries each record until it takes effect; no record is ever skipped.

    A failing one holds back the later ones of its key and, once the window is full, its partition. It
    occupies none of the slots while it waits for its next attempt, so it does not slow other keys.
    This is also what happens to a record that cannot be decoded, and when the database is away.
    """

    def __init__(
        self, group: str, handler: Handler, concurrency: int, failures: RecordFailures | None = None
    ) -> None:
        self._group = group
        self._failures = failures or RetryForever()
        self._handler = handler
        self._slots = asyncio.Semaphore(concurrency)

    async def handle(self, record: ConsumerRecord, closing: asyncio.Event) -> bool:
        """Bring a record into effect; False if the partition was given up before that."""
        backoff = Backoff(first_seconds=FIRST_RETRY_SECONDS, maximum_seconds=MAXIMUM_RETRY_SECONDS)
        try:
            while True:
                async with self._slots:
                    if closing.is_set():
                        return False
                    error = await self._attempt(record)
                    if error is None or await self._parked(record, error, backoff.failures + 1):
                        return True
                if not backoff.failures:
                    HELD.labels(self._group).inc()
                delay_seconds = backoff.next_seconds()
                self._note_failure(record, error, backoff.failures, delay_seconds)
                if await wait_for_event(closing, delay_seconds):
                    return False
        finally:
            if backoff.failures:
                HELD.labels(self._group).dec()

    async def _parked(self, record: ConsumerRecord, error: BaseException, attempts: int) -> bool:
        try:
            return await self._failures.on_failure(record, error, attempts) is Verdict.PARKED
        except Exception as undecided:  # noqa: BLE001  # nobody could decide, so the record stays here
            log.warning("record.undecided", group=self._group, error=repr(undecided))
            return False

    async def _attempt(self, record: ConsumerRecord) -> BaseException | None:
        """Try once; return what went wrong."""
        try:
            if all(await self._failures.take_over([record])):
                return None
            envelope = Envelope.from_record(
                topic=record.topic, key=record.key, headers=record.headers, value=record.value
            )
            await self._handler(envelope)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Something inside the handler was cancelled, not the handler: a failure like any other.
            return error
        except Exception as error:  # noqa: BLE001  # whatever it is, the record must not be skipped
            return error
        HANDLED.labels(self._group, record.topic).inc()
        latency_seconds = (datetime.now(UTC) - envelope.time).total_seconds()
        LATENCY.labels(self._group, record.topic).observe(max(0.0, latency_seconds))
        return None

    def _note_failure(
        self, record: ConsumerRecord, error: BaseException, failures: int, delay_seconds: float
    ) -> None:
        RETRIED.labels(self._group, record.topic, type(error).__name__).inc()
        if worth_logging(failures):
            log.warning(
                "record.failed",
                group=self._group,
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                failures=failures,
                retry_in_seconds=round(delay_seconds, 3),
                exc_info=error,
            )
