"""The read side of an outbox, as the relay sees it, and the shard rule both sides share."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import msgspec

from autodeal_messaging.outbox.headers import decode_headers


class OutboxRecord(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One committed event on its way to Kafka."""

    position: Any
    """The store's own name of the row, by which it is deleted; opaque to the relay, and hashable."""
    shard: int
    topic: str
    key: str
    encoded_headers: str
    """As kept in the outbox. Decoded only when sent: thousands of waiting records would otherwise hold
    ten small objects each, which the garbage collector walks again and again."""
    value: bytes
    created_at: datetime
    """When the row was written, in UTC by the database's clock (the writer's, on DynamoDB)."""

    def headers(self) -> list[tuple[str, bytes]]:
        """Return the record headers."""
        return decode_headers(self.encoded_headers)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one read returned."""

    records: Sequence[OutboxRecord]
    more: bool
    """Whether it was cut off by its limit, so that another read would find more."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in the shards that one relay holds."""

    depth: int
    """Rows, counted up to a cap of the store's."""
    oldest_age_seconds: float
    """The age of the oldest row by the clock that stamped it; 0 when nothing waits."""


class OutboxStore(Protocol):
    """Committed events in shards, of which each relay holds some.

    What keeps order is the read: **a record is never returned before an earlier one of its key and
    topic that is still stored and not excluded**. Shares merely save work. If two relays held one
    shard for a moment, both would send contiguous runs that begin at the oldest unacknowledged record,
    so the first copy of each record still comes in order, and the inbox drops the second.
    """

    async def open(self) -> None:
        """Connect and start to take part in the sharing. May be called again after `close`."""
        ...

    async def close(self) -> None:
        """Give up every shard and disconnect; never raises."""
        ...

    async def balance(self, busy: Callable[[], Collection[int]], *, can_send: bool = True) -> None:
        """Take free shards, also those of the dead, up to a fair share, and give up what is above it.

        A surplus shard is no longer read from the moment this decides so, and is given up by the first
        call that does not find it among the `busy` ones, which have records in flight. `busy` is asked
        at that moment, while no read is under way.

        A relay that says it cannot send has no share as long as another one can; what it holds is surplus.
        """
        ...

    @property
    def balance_interval_seconds(self) -> float:
        """How often `balance` wants to be called."""
        ...

    @property
    def held(self) -> frozenset[int]:
        """The shards that `read` reads."""
        ...

    async def read(self, *, limit: int, exclude: Collection[Any], keys: frozenset[str] | None) -> Batch:
        """Return about `limit` records of the held shards in order per key, without the excluded ones.

        `exclude` holds positions in flight. `keys` narrows the look to their shards where that is
        cheaper; None looks everywhere.
        """
        ...

    async def delete(self, positions: Sequence[Any]) -> None:
        """Delete acknowledged records; one already gone is no error."""
        ...

    async def measure(self) -> Backlog:
        """Measure what waits in the held shards."""
        ...


def shard_of(key: str, shards: int) -> int:
    """Return the shard of a key: the same in every process and release."""
    return zlib.crc32(key.encode()) % shards
