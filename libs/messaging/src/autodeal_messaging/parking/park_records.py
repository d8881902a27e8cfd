"""What the consumer asks when a record fails: retry it, pause, or park it with all of its key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import structlog
from aiokafka.structs import ConsumerRecord

from autodeal_contracts.envelope import MalformedEnvelopeError
from autodeal_messaging.backoff import Backoff
from autodeal_messaging.failure_kind import FailureKind, FailureKinds, describe_failure
from autodeal_messaging.parking.doubt import kind_after_doubt
from autodeal_messaging.parking.headers import readable
from autodeal_messaging.parking.limits import ParkingLimits
from autodeal_messaging.parking.metrics import PARKED
from autodeal_messaging.parking.port import ParkedRecord, ParkedState, ParkingStore, TopicKey
from autodeal_messaging.record_failures import Verdict

log = structlog.get_logger(__name__)

BEHIND = "waits behind an earlier record of its key"


class RecordParking:
    """Implements RecordFailures on a store.

    Order rests on two rules. A record is handled only after the store said that nothing of its key is
    parked, and a parked one leaves the store only after its effect is committed. So whoever goes on to
    a later record, here or in the replay worker, does so when the earlier ones have taken effect.
    """

    def __init__(
        self,
        store: ParkingStore,
        kinds: FailureKinds,
        *,
        limits: ParkingLimits | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._kinds = kinds
        self._limits = limits or ParkingLimits()
        self._now = now

    async def take_over(self, records: Sequence[ConsumerRecord]) -> Sequence[bool]:
        """Park records whose key has parked ones; one look-up however many there are."""
        parked = await self._store.parked_among([_place(record) for record in records])
        if not parked:
            return [False] * len(records)
        taken = []
        for record in records:
            behind = _place(record) in parked
            if behind:
                now = self._now()
                # Should its key have become free meanwhile, it is due at once.
                await self._park(self._parked(record, now, attempts=0, error=BEHIND, next_attempt_at=now))
                PARKED.labels(self._store.group, record.topic, "behind").inc()
            taken.append(behind)
        return taken

    async def on_failure(self, record: ConsumerRecord, error: BaseException, attempts: int) -> Verdict:
        """Decide by the error's kind, and by how often the record failed here."""
        kind = await kind_after_doubt(self._kinds, error, self._store)
        if kind is FailureKind.SURROUNDINGS:
            return Verdict.PAUSE
        if kind is FailureKind.TRANSIENT and attempts < self._limits.attempts_in_place:
            return Verdict.RETRY
        now = self._now()
        next_attempt_at = None
        if kind is FailureKind.TRANSIENT:
            backoff = Backoff(
                first_seconds=self._limits.retry_first_seconds,
                maximum_seconds=self._limits.retry_maximum_seconds,
            )
            next_attempt_at = now + timedelta(seconds=backoff.next_seconds())
        await self._park(
            self._parked(
                record, now, attempts=1, error=describe_failure(error), next_attempt_at=next_attempt_at
            )
        )
        PARKED.labels(self._store.group, record.topic, kind.value).inc()
        return Verdict.PARKED

    async def _park(self, parked: ParkedRecord) -> None:
        is_new = await self._store.park(parked)
        log.warning(
            "record.parked" if is_new else "record.parked_before",
            group=parked.group,
            topic=parked.topic,
            partition=parked.partition,
            offset=parked.offset,
            state=parked.state,
            error=parked.last_error,
        )

    def _parked(
        self,
        record: ConsumerRecord,
        now: datetime,
        *,
        attempts: int,
        error: str,
        next_attempt_at: datetime | None,
    ) -> ParkedRecord:
        topic, key = _place(record)
        parked = ParkedRecord(
            group=self._store.group,
            topic=topic,
            partition=record.partition,
            offset=record.offset,
            timestamp_ms=record.timestamp,
            key=key,
            record_key=record.key,
            headers=tuple((name, value or b"") for name, value in record.headers),
            value=record.value,
            event_id=None,
            event_type=None,
            state=ParkedState.DEAD if next_attempt_at is None else ParkedState.PARKED,
            attempts=attempts,
            next_attempt_at=next_attempt_at,
            last_error=error,
            parked_at=now,
        )
        return named(parked)


def named(parked: ParkedRecord) -> ParkedRecord:
    """Return the record with its event's id and type, if it is an event at all."""
    try:
        envelope = parked.envelope()
    except MalformedEnvelopeError:
        return parked
    if "\x00" in envelope.id + envelope.type:
        return parked  # No database keeps such a name.
    return msgspec.structs.replace(parked, event_id=envelope.id, event_type=envelope.type)


def _place(record: ConsumerRecord) -> TopicKey:
    """Return what orders a record: its key, or for want of one its own place."""
    if record.key is None:
        return record.topic, f"@{record.partition}/{record.offset}"
    return record.topic, readable(record.key)
