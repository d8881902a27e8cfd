"""What is parked, and what a store of it promises to consumers, the replay worker and operators."""

from __future__ import annotations

import enum
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import msgspec

from autodeal_contracts.envelope import Envelope

TopicKey = tuple[str, str]
"""A topic and the key of records in it: what holds together in order."""


class ParkedState(enum.StrEnum):
    """Whether a parked record is tried again by itself."""

    PARKED = "parked"
    """It waits for its next attempt, or behind an earlier record of its key."""
    DEAD = "dead"
    """It waits for an operator, and the later records of its key wait behind it."""


class ParkedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One Kafka record that did not take effect, kept with everything that another attempt needs."""

    id: str = ""
    """The store's name for it, by which operators call it; empty before it is stored."""
    group: str
    """The consumer group that it failed in."""
    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    """Kafka's time stamp, which tells it from a record that an earlier topic of this name held here."""
    key: str
    """What orders it: the key as text; for a record without one, its own place."""
    record_key: bytes | None
    """The key as it was on the wire."""
    headers: tuple[tuple[str, bytes], ...]
    value: bytes | None
    event_id: str | None
    """None when the envelope cannot be read."""
    event_type: str | None
    state: ParkedState
    attempts: int
    """Attempts that counted, the one under way included."""
    next_attempt_at: datetime | None
    """None while it waits behind another, and when dead."""
    last_error: str
    parked_at: datetime

    @property
    def mark(self) -> str:
        """The inbox entry that keeps a second delivery from being parked a second time."""
        place = f"{self.topic}/{self.partition}/{self.offset}@{self.timestamp_ms}"
        return f"parked:{self.event_id or place}"

    def envelope(self) -> Envelope:
        """Return the event; raises MalformedEnvelopeError."""
        return Envelope.from_record(
            topic=self.topic, key=self.record_key, headers=self.headers, value=self.value
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class ParkedFilter:
    """Which parked records an operator means; None is any."""

    topic: str | None = None
    key: str | None = None
    state: ParkedState | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ParkedKey:
    """A key that has parked records: its first one decides when the others come through."""

    topic: str
    key: str
    first: ParkedRecord
    records: int


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditEntry:
    """Who did what to which records, and why; written in the commit of the act."""

    at: datetime
    operator: str
    act: str
    topic: str
    key: str
    record_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ParkedCounts:
    """How many records wait, counted up to a cap of the store's."""

    parked: int
    dead: int


class ParkingStore(Protocol):
    """The parked records of one consumer group, in the database of the handler's effects.

    Only the first record of a key is ever attempted or dead; later ones wait behind it and come
    forward when it has gone. Everything here is conditional or can be repeated: a worker that died in
    the middle, or two that hold the same record, cost attempts and never order or an effect.
    """

    @property
    def group(self) -> str:
        """The consumer group."""
        ...

    async def parked_among(self, keys: Collection[TopicKey]) -> frozenset[TopicKey]:
        """Return those of the keys that have parked records."""
        ...

    async def park(self, record: ParkedRecord) -> bool:
        """Store a record behind those of its key, in one commit with its inbox mark.

        The first of its key is stored as given, with a copy for Kafka tooling when it is dead; a later
        one waits. False if it was parked before, whatever has become of it since.
        """
        ...

    async def claim_due(self, *, now: datetime, until: datetime, limit: int) -> Sequence[ParkedRecord]:
        """Count an attempt at each of the first records that are due, and return them.

        They are due again at `until`, should whoever claimed them die.
        """
        ...

    async def settle(
        self, record: ParkedRecord, *, now: datetime, claim_until: datetime | None
    ) -> ParkedRecord | None:
        """Remove a record that took effect; the next one of its key comes forward.

        With `claim_until` that one is claimed and returned, without it is due at `now`.
        """
        ...

    async def put_off(
        self, record: ParkedRecord, *, next_attempt_at: datetime, last_error: str, counted: bool
    ) -> None:
        """Set the next attempt of a claimed record; the last one does not count if so told."""
        ...

    async def bury(self, record: ParkedRecord, *, last_error: str, now: datetime) -> bool:
        """Declare a claimed record dead, in one commit with its copy for Kafka tooling.

        False when somebody else has dealt with it meanwhile.
        """
        ...

    async def counts(self) -> ParkedCounts:
        """Count what waits."""
        ...

    async def find(
        self, wanted: ParkedFilter, *, after: str = "", limit: int = 100
    ) -> Sequence[ParkedRecord]:
        """Return a page of records, those of a key in order; `after` is the id of the last one seen."""
        ...

    async def get(self, record_id: str) -> ParkedRecord | None:
        """Return one record; None for an id that names none."""
        ...

    async def keys(
        self, wanted: ParkedFilter, *, after: TopicKey | None = None, limit: int = 500
    ) -> Sequence[ParkedKey]:
        """Return a page of the keys with parked records, by topic and key; `after` is the last one seen.

        A state asks about the first record of each.
        """
        ...

    async def revive(self, entry: AuditEntry) -> bool:
        """Make the first record of a key due at once, its attempts forgotten. False if there is none."""
        ...

    async def discard(self, entry: AuditEntry) -> bool:
        """Remove a record for good, with an inbox mark so that it never takes effect; the next comes forward.

        False if there is none of this id.
        """
        ...

    async def audit_trail(self, *, limit: int = 100) -> Sequence[AuditEntry]:
        """Return what operators did, the latest first."""
        ...
