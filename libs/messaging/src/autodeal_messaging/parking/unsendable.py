"""Committed events that Kafka will never take as they are: set aside with the later ones of their key."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol

import structlog
from aiokafka.errors import MessageSizeTooLargeError, RecordListTooLargeError

from autodeal_messaging.outbox.port import OutboxRecord
from autodeal_messaging.parking.metrics import SET_ASIDE
from autodeal_messaging.parking.port import ParkedCounts, TopicKey

log = structlog.get_logger(__name__)

REFUSALS = (MessageSizeTooLargeError, RecordListTooLargeError)
"""Errors by which the broker says that it has written nothing and never will."""
BEHIND = "waits behind an earlier event of its key"


class UnsendableStore(Protocol):
    """Where events are set aside, in the database of their outbox."""

    async def held_keys(self) -> frozenset[TopicKey]:
        """Return the keys that have events set aside."""
        ...

    async def set_aside(self, records: Sequence[OutboxRecord], why: str) -> int:
        """Move events out of the outbox, behind those of their key that were moved before.

        Each key's in their order; once the first is moved, `held_keys` names the key. An event that is no
        longer in the outbox is left out. Returns how many were moved.
        """
        ...

    async def counts(self) -> ParkedCounts:
        """Count what is set aside, up to a cap."""
        ...


def outbox_group(relay: str) -> str:
    """Return the name under which operators find what a relay set aside."""
    return f"{relay}.outbox"


class UnsendableGuard:
    """Keeps a relay from sending an event whose earlier siblings were set aside.

    Asked before and after each read. What is held after it was set aside before or during the read, so
    its siblings follow it. What was held only before has been put back meanwhile; the read may have
    missed the earlier ones, so this key is left to the next read.
    """

    def __init__(self, store: UnsendableStore | None) -> None:
        self._store = store
        self._held: frozenset[TopicKey] = frozenset()

    @property
    def is_on(self) -> bool:
        """Whether there is a place for what cannot be sent."""
        return self._store is not None

    async def before_read(self) -> None:
        """Note which keys are held now."""
        if self._store is not None:
            self._held = await self._store.held_keys()

    async def sendable(self, records: Sequence[OutboxRecord]) -> Sequence[OutboxRecord]:
        """Return the records of a read that may be sent, and set their siblings' siblings aside."""
        if self._store is None or not records:
            return records
        held = await self._store.held_keys()
        if not held and not self._held:
            return records
        aside: defaultdict[str, list[OutboxRecord]] = defaultdict(list)
        for record in records:
            if (record.topic, record.key) in held:
                aside[record.topic].append(record)
        for topic, siblings in aside.items():
            SET_ASIDE.labels(topic).inc(await self._store.set_aside(siblings, BEHIND))
        skipped = held | self._held
        return [record for record in records if (record.topic, record.key) not in skipped]

    async def count(self) -> int:
        """Return how many events are set aside."""
        if self._store is None:
            return 0
        counts = await self._store.counts()
        return counts.parked + counts.dead

    async def set_aside(self, record: OutboxRecord, error: Exception) -> bool:
        """Set one event aside that was refused on its own; False when there is nowhere to put it."""
        if self._store is None:
            return False
        why = f"{type(error).__name__}: {len(record.value)} bytes"
        SET_ASIDE.labels(record.topic).inc(await self._store.set_aside([record], why))
        log.error("outbox.set_aside", topic=record.topic, error=type(error).__name__, bytes=len(record.value))
        return True
