"""An outbox in memory, and a relay's view of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.outbox.headers import encode_headers
from autodeal_messaging.outbox.port import Backlog, Batch, OutboxRecord, shard_of
from autodeal_messaging.outbox.share_shards import decide_share


class MemoryOutbox:
    """What the table or the items are to the real stores: shared by writers and relays."""

    def __init__(self, shards: int = 8, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.shards = shards
        self.now = now
        self.records: dict[int, OutboxRecord] = {}
        self.members: set[str] = set()
        self.unable: set[str] = set()
        """Members that cannot send."""
        self.holders: dict[int, str] = {}
        self._next_position = 1

    def add(self, envelopes: Iterable[Envelope]) -> None:
        """Commit events."""
        for envelope in envelopes:
            self.records[self._next_position] = OutboxRecord(
                position=self._next_position,
                shard=shard_of(envelope.key, self.shards),
                topic=envelope.topic,
                key=envelope.key,
                encoded_headers=encode_headers(envelope),
                value=envelope.data,
                created_at=self.now(),
            )
            self._next_position += 1

    def forget_member(self, name: str) -> None:
        """Release what a member holds, as a store does for one that died."""
        self.members.discard(name)
        self.unable.discard(name)
        self.holders = {shard: holder for shard, holder in self.holders.items() if holder != name}


class MemoryOutboxStore:
    """One relay's view of an outbox in memory."""

    balance_interval_seconds = 0.05

    def __init__(self, outbox: MemoryOutbox, name: str) -> None:
        self._outbox = outbox
        self._name = name
        self._leaving: set[int] = set()

    async def open(self) -> None:
        """Join the sharing."""
        self._outbox.members.add(self._name)

    async def close(self) -> None:
        """Leave the sharing."""
        self._outbox.forget_member(self._name)
        self._leaving.clear()

    async def balance(self, busy: Callable[[], Collection[int]], *, can_send: bool = True) -> None:
        """Take and give up shards."""
        if can_send:
            self._outbox.unable.discard(self._name)
        else:
            self._outbox.unable.add(self._name)
        share = decide_share(
            shards=self._outbox.shards,
            me=self._name,
            members=self._outbox.members,
            holders=self._outbox.holders,
            unable=self._outbox.unable,
        )
        self._outbox.holders.update(dict.fromkeys(share.take, self._name))
        self._leaving = set(share.surplus)
        for shard in self._leaving - set(busy()):
            del self._outbox.holders[shard]
            self._leaving.discard(shard)

    @property
    def held(self) -> frozenset[int]:
        """The shards that are read."""
        mine = {shard for shard, holder in self._outbox.holders.items() if holder == self._name}
        return frozenset(mine - self._leaving)

    async def read(self, *, limit: int, exclude: Collection[int], keys: frozenset[str] | None) -> Batch:
        """Return records in order of their commit; with `keys` those of their shards, and no others."""
        if not self._outbox.records:
            return Batch([], more=False)
        shards = self.held
        if keys is not None:
            shards &= {shard_of(key, self._outbox.shards) for key in keys}
        found = [
            record
            for position, record in sorted(self._outbox.records.items())
            if record.shard in shards and position not in exclude
        ]
        return Batch(found[:limit], more=len(found) > limit)

    async def delete(self, positions: Sequence[int]) -> None:
        """Delete records."""
        for position in positions:
            self._outbox.records.pop(position, None)

    async def measure(self) -> Backlog:
        """Measure the held shards."""
        waiting = [record for record in self._outbox.records.values() if record.shard in self.held]
        oldest = min((record.created_at for record in waiting), default=None)
        age = (self._outbox.now() - oldest).total_seconds() if oldest else 0.0
        return Backlog(depth=len(waiting), oldest_age_seconds=age)
