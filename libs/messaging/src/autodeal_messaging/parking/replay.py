"""Replays parked records when they are due, in the order of each key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from autodeal_messaging.backoff import Backoff, wait_for_event
from autodeal_messaging.end_in_time import end_in_time
from autodeal_messaging.failure_kind import FailureKind, FailureKinds, describe_failure
from autodeal_messaging.handle_record import Handler
from autodeal_messaging.parking.doubt import kind_after_doubt
from autodeal_messaging.parking.limits import ParkingLimits
from autodeal_messaging.parking.metrics import DEAD_NOW, PARKED_NOW, REPLAYED
from autodeal_messaging.parking.port import ParkedRecord, ParkingStore

log = structlog.get_logger(__name__)

MEASURE_INTERVAL_SECONDS = 5.0


class ReplayWorker:
    """Hands parked records to the consumer's own handler; any number of workers may run.

    The handler claims the event in its transaction as ever, and the record is removed afterwards: a
    crash in between costs one more attempt, which the inbox turns away. Attempts are counted before
    they are made, so that a record which kills its process is dead in the end, too.
    """

    def __init__(
        self,
        store: ParkingStore,
        handler: Handler,
        kinds: FailureKinds,
        *,
        limits: ParkingLimits | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._handler = handler
        self._kinds = kinds
        self._limits = limits or ParkingLimits()
        self._now = now
        self._pause = Backoff(first_seconds=0.2, maximum_seconds=self._limits.pause_maximum_seconds)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop; what is being attempted then may finish within the drain time-out."""
        await end_in_time(self._replay(stop), stop, self._limits.drain_timeout_seconds)

    async def _replay(self, stop: asyncio.Event) -> None:
        measuring = asyncio.create_task(self._measure_regularly())
        try:
            while not stop.is_set():
                try:
                    found = await self.replay_due(stop)
                except Exception as error:  # noqa: BLE001  # the database may be away for any reason
                    pause_seconds = self._pause.next_seconds()
                    log.warning(
                        "replay.paused",
                        group=self._store.group,
                        error=describe_failure(error),
                        retry_in_seconds=round(pause_seconds, 3),
                    )
                    await wait_for_event(stop, pause_seconds)
                else:
                    self._pause.reset()
                    if not found:
                        await wait_for_event(stop, self._limits.poll_seconds)
        finally:
            measuring.cancel()
            await asyncio.gather(measuring, return_exceptions=True)

    async def replay_due(self, stop: asyncio.Event) -> int:
        """Attempt what is due now; return how many keys that were.

        Raises the failure when the surroundings are away, once everything begun has ended.
        """
        now = self._now()
        claimed = await self._store.claim_due(
            now=now, until=self._claim_until(), limit=self._limits.concurrency
        )
        results = await asyncio.gather(
            *(self._replay_key(record, stop) for record in claimed), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return len(claimed)

    async def _replay_key(self, record: ParkedRecord, stop: asyncio.Event) -> None:
        """Attempt a record and, as long as they succeed, those behind it."""
        following: ParkedRecord | None = record
        for left in reversed(range(self._limits.run_of_key)):
            if following is None or not await self._attempt(following):
                return
            goes_on = left > 0 and not stop.is_set()
            following = await self._store.settle(
                following, now=self._now(), claim_until=self._claim_until() if goes_on else None
            )

    async def _attempt(self, record: ParkedRecord) -> bool:
        """Attempt one record; tell whether it took effect."""
        if record.attempts > self._limits.attempt_limit:
            await self._bury(record, f"attempts that never ended; before them: {record.last_error}")
            return False
        try:
            await self._handler(record.envelope())
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Something inside the handler was cancelled, not the worker: a failure like any other.
            await self._note_failure(record, error)
            return False
        except Exception as error:
            if await self._note_failure(record, error) is FailureKind.SURROUNDINGS:
                raise
            return False
        REPLAYED.labels(self._store.group, "handled").inc()
        log.info("record.replayed", **_named(record))
        return True

    async def _note_failure(self, record: ParkedRecord, error: BaseException) -> FailureKind:
        """Bury a record or set its next attempt; return what the failure says about it."""
        kind, why = await kind_after_doubt(self._kinds, error, self._store), describe_failure(error)
        if kind is FailureKind.PERMANENT or (
            kind is FailureKind.TRANSIENT and record.attempts >= self._limits.attempt_limit
        ):
            await self._bury(record, why)
            return kind
        counted = kind is FailureKind.TRANSIENT
        backoff = Backoff(
            first_seconds=self._limits.retry_first_seconds, maximum_seconds=self._limits.retry_maximum_seconds
        )
        backoff.failures = record.attempts if counted else 0
        pause_seconds = backoff.next_seconds()
        await self._store.put_off(
            record,
            next_attempt_at=self._now() + timedelta(seconds=pause_seconds),
            last_error=why,
            counted=counted,
        )
        REPLAYED.labels(self._store.group, "failed" if counted else "put_off").inc()
        log.warning("record.failed_again", error=why, retry_in_seconds=pause_seconds, **_named(record))
        return kind

    async def _bury(self, record: ParkedRecord, why: str) -> None:
        if await self._store.bury(record, last_error=why, now=self._now()):
            REPLAYED.labels(self._store.group, "dead").inc()
            log.error("record.dead", error=why, **_named(record))

    def _claim_until(self) -> datetime:
        return self._now() + timedelta(seconds=self._limits.claim_seconds)

    async def _measure_regularly(self) -> None:
        while True:
            try:
                counts = await self._store.counts()
            except Exception as error:  # noqa: BLE001  # a gauge may be stale for a while
                log.info("parking.unmeasured", group=self._store.group, error=describe_failure(error))
            else:
                PARKED_NOW.labels(self._store.group).set(counts.parked)
                DEAD_NOW.labels(self._store.group).set(counts.dead)
            await asyncio.sleep(MEASURE_INTERVAL_SECONDS)


def _named(record: ParkedRecord) -> dict[str, object]:
    return {
        "group": record.group,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "attempts": record.attempts,
    }
