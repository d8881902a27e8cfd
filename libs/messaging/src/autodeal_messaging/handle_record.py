"""Bringing one record into effect: decode it, call the handler, and try again until it succeeds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import structlog
from aiokafka.structs import ConsumerRecord

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.backoff import Backoff, wait_for_event, worth_logging
from autodeal_messaging.metrics import COMMIT_RECORDS, HANDLED, HELD, LATENCY, RETRIED
from autodeal_messaging.pause import Pause
from autodeal_messaging.record_failures import RecordFailures, RetryForever, Verdict
from autodeal_messaging.share_commit import Outcome, SharedCommit

log = structlog.get_logger(__name__)

Handler = Callable[[Envelope], Awaitable[None]]
"""Brings an event into effect in one transaction with its inbox row, so that repeating it is safe."""
HandlerTogether = Callable[[Sequence[Envelope]], Awaitable[None]]
"""The same for events of different keys, in one transaction for all: if it raises, none took effect."""

FIRST_RETRY_SECONDS = 0.05
MAXIMUM_RETRY_SECONDS = 5.0


class RecordHandler:
    """Tries each record until it takes effect or is parked; no record is ever skipped.

    Where the handler can, records that are ready at the same time share a commit; when one of them
    fails, each is tried on its own. A failing one holds back the later ones of its key and, once the
    window is full, its partition. It occupies none of the slots while it waits for its next attempt, so
    it does not slow other keys. What becomes of it is decided in one place, `on_failure`.
    """

    def __init__(  # noqa: PLR0917  # the consumer's own parameters
        self,
        group: str,
        handler: Handler,
        concurrency: int,
        failures: RecordFailures | None = None,
        together: HandlerTogether | None = None,
        maximum_together: int = 100,
    ) -> None:
        self._group = group
        self._handler = handler
        self._together = together
        self._failures = failures or RetryForever()
        self._slots = asyncio.Semaphore(concurrency)
        self._pause = Pause(group)
        self._shared = SharedCommit(self._attempt_together, maximum_together) if together else None

    async def handle(self, record: ConsumerRecord, closing: asyncio.Event) -> bool:
        """Bring a record into effect; False if the partition was given up before that."""
        backoff = Backoff(first_seconds=FIRST_RETRY_SECONDS, maximum_seconds=MAXIMUM_RETRY_SECONDS)
        try:
            while await self._pause.passed(closing):
                if self._shared is not None and not backoff.failures:
                    outcome = await self._shared.attempt(record, closing)
                    if outcome is not Outcome.FAILED:
                        return outcome is Outcome.DONE
                async with self._slots:
                    if closing.is_set():
                        return False
                    if self._pause.is_on:
                        continue
                    error = await self._attempt(record)
                    verdict = error and await self._judge(record, error, backoff.failures + 1)
                if error is None or verdict is Verdict.PARKED:
                    return True
                if verdict is Verdict.PAUSE:
                    self._pause.begin(error)
                elif await self._rest(record, error, backoff, closing):
                    return False
            return False
        finally:
            if backoff.failures:
                HELD.labels(self._group).dec()

    async def _rest(
        self, record: ConsumerRecord, error: BaseException, backoff: Backoff, closing: asyncio.Event
    ) -> bool:
        """Wait for the next attempt; True if the partition was given up meanwhile."""
        if not backoff.failures:
            HELD.labels(self._group).inc()
        delay_seconds = backoff.next_seconds()
        self._note_failure(record, error, backoff.failures, delay_seconds)
        return await wait_for_event(closing, delay_seconds)

    async def _judge(self, record: ConsumerRecord, error: BaseException, attempts: int) -> Verdict:
        try:
            return await self._failures.on_failure(record, error, attempts)
        except Exception as undecided:  # noqa: BLE001  # nobody could decide, so the record stays here
            log.info("record.undecided", group=self._group, error=repr(undecided))
            return Verdict.PAUSE

    async def _attempt(self, record: ConsumerRecord) -> BaseException | None:
        """Try once; return what went wrong."""
        try:
            if all(await self._failures.take_over([record])):
                return None
            envelope = read_envelope(record)
            await self._handler(envelope)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Something inside the handler was cancelled, not the handler: a failure like any other.
            return error
        except Exception as error:  # noqa: BLE001  # whatever it is, the record must not be skipped
            return error
        self._note_effect([envelope])
        return None

    async def _attempt_together(self, records: Sequence[ConsumerRecord]) -> None:
        """Try many once, in one transaction; raises what went wrong with any of them."""
        assert self._together is not None
        taken_over = await self._failures.take_over(records)
        envelopes = [
            read_envelope(record)
            for record, is_parked in zip(records, taken_over, strict=True)
            if not is_parked
        ]
        if envelopes:
            await self._together(envelopes)
            self._note_effect(envelopes)

    def _note_effect(self, envelopes: Sequence[Envelope]) -> None:
        self._pause.end()
        now = datetime.now(UTC)
        COMMIT_RECORDS.labels(self._group).observe(len(envelopes))
        for envelope in envelopes:
            HANDLED.labels(self._group, envelope.topic).inc()
            latency_seconds = (now - envelope.time).total_seconds()
            LATENCY.labels(self._group, envelope.topic).observe(max(0.0, latency_seconds))

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


def read_envelope(record: ConsumerRecord) -> Envelope:
    """Read the event of a record; raises MalformedEnvelopeError."""
    return Envelope.from_record(
        topic=record.topic, key=record.key, headers=record.headers, value=record.value
    )
