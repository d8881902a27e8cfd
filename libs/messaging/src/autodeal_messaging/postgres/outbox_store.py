"""A relay's view of the outbox table: its shards, their rows in order, and the deletes."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Collection, Sequence

import asyncpg
import structlog

from autodeal_messaging.outbox.port import Backlog, Batch, OutboxRecord
from autodeal_messaging.outbox.share_shards import decide_share
from autodeal_messaging.postgres.connect import Connect, as_connector
from autodeal_messaging.postgres.write import OUTBOX_SHARDS

log = structlog.get_logger(__name__)

Position = tuple[int, int]
"""Shard and id of a row."""

DEPTH_CAP = 100_000
"""Counting stops here: a gauge need not read millions of rows to say "far too many"."""
CLOSE_TIMEOUT_SECONDS = 2.0
MEMBER = 32_767
"""Beside the shards: every relay shares this lock, so that one without shards is counted too."""
UNABLE = 32_766
"""Shared by the relays that cannot send."""

# This session runs three statements only, and each must walk the one index: a plan chosen while the
# table was empty would sort the whole backlog on every read once there is one. Planned each time,
# because only an array known to the planner is searched by its hash: a generic plan compared each row
# with each of the thousands in flight, and took twice as long for a read.
PREPARE_SESSION = """
    SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off;
    SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off;
    SET plan_cache_mode = force_custom_plan
"""
_NAMESPACE = "SELECT hashtext('outbox'::regclass::oid::text)"
_JOIN = "SELECT pg_advisory_lock_shared($1, $2), pg_backend_pid()::text AS pid"
_SAY_UNABLE = "SELECT pg_advisory_lock_shared($1, $2)"
_SAY_ABLE = "SELECT pg_advisory_unlock_shared($1, $2)"
_WHO_HOLDS_WHAT = """
    SELECT pid::text, objid::int AS shard FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid::bigint = $1
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_TAKE = "SELECT shard, pg_try_advisory_lock($1, shard) AS taken FROM unnest($2::int[]) AS shard"
_GIVE_UP = "SELECT pg_advisory_unlock($1, shard) FROM unnest($2::int[]) AS shard"
READ = """
    SELECT found.* FROM unnest($1::smallint[]) AS held (shard)
    CROSS JOIN LATERAL (
        SELECT shard, id, topic, key, headers, value, created_at FROM outbox
        WHERE outbox.shard = held.shard AND id <> ALL ($2::bigint[])
        ORDER BY id LIMIT $3
    ) AS found
"""
_DELETE = """
    DELETE FROM outbox USING unnest($1::smallint[], $2::bigint[]) AS sent (shard, id)
    WHERE outbox.shard = sent.shard AND outbox.id = sent.id
"""
_MEASURE = """
    SELECT (SELECT count(*) FROM (
                SELECT FROM unnest($1::smallint[]) AS held (shard) JOIN outbox USING (shard) LIMIT $2
            ) AS counted) AS depth,
           (SELECT extract(epoch FROM clock_timestamp() - min(oldest.created_at))::float8
            FROM unnest($1::smallint[]) AS held (shard)
            CROSS JOIN LATERAL (
                SELECT created_at FROM outbox WHERE outbox.shard = held.shard ORDER BY id LIMIT 1
            ) AS oldest) AS age
"""


class PostgresOutboxStore:
    """Holds shards by session advisory locks on a connection of its own, which also does the reading.

    So a relay that lost its locks cannot read either: both end with the session, when the process dies
    or the connection breaks, and the others see the shards free at their next look. Members and
    holders are read from `pg_locks`; nothing is written and nothing expires.

    Reads start from the lowest id each time. There is no high-water mark that a transaction with a
    lower id could commit behind.
    """

    def __init__(
        self,
        source: str | Connect,
        *,
        shards: int = OUTBOX_SHARDS,
        balance_interval_seconds: float = 1.0,
    ) -> None:
        self._connect = as_connector(source, name="autodeal-relay")
        self._shards = shards
        self._balance_interval_seconds = balance_interval_seconds
        self._one_at_a_time = asyncio.Lock()
        self._connection: asyncpg.Connection | None = None
        self._namespace = 0
        self._me = ""
        self._said_unable = False
        self._held: set[int] = set()
        self._leaving: set[int] = set()

    async def open(self) -> None:
        """Connect and become a member."""
        self._connection = connection = await self._connect()
        await connection.execute(PREPARE_SESSION)
        self._namespace = await connection.fetchval(_NAMESPACE)
        self._said_unable = False
        self._me = await connection.fetchval(_JOIN, self._namespace, MEMBER, column=1)

    async def close(self) -> None:
        """End the session; the server releases every lock with it."""
        self._held.clear()
        self._leaving.clear()
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                await connection.close(timeout=CLOSE_TIMEOUT_SECONDS)

    @property
    def balance_interval_seconds(self) -> float:
        """How often to look for shards that were left, or that others lack."""
        return self._balance_interval_seconds

    @property
    def held(self) -> frozenset[int]:
        """The shards that are read."""
        return frozenset(self._held - self._leaving)

    async def balance(self, busy: Callable[[], Collection[int]], *, can_send: bool = True) -> None:
        """Take and give up shards by what all members hold now."""
        async with self._one_at_a_time:
            connection = self._session()
            if can_send == self._said_unable:
                await connection.execute(_SAY_ABLE if can_send else _SAY_UNABLE, self._namespace, UNABLE)
                self._said_unable = not can_send
            locks = await connection.fetch(_WHO_HOLDS_WHAT, self._namespace % 2**32)
            members = {lock["pid"] for lock in locks if lock["shard"] == MEMBER}
            unable = {lock["pid"] for lock in locks if lock["shard"] == UNABLE}
            holders = {lock["shard"]: lock["pid"] for lock in locks if lock["shard"] < self._shards}
            share = decide_share(
                shards=self._shards, me=self._me, members=members, holders=holders, unable=unable
            )
            if share.take:
                tried = await connection.fetch(_TAKE, self._namespace, share.take)
                self._held.update(row["shard"] for row in tried if row["taken"])
            self._leaving = set(share.surplus)
            idle = self._leaving - set(busy())
            if idle:
                self._held -= idle
                self._leaving -= idle
                await connection.execute(_GIVE_UP, self._namespace, list(idle))

    async def read(
        self,
        *,
        limit: int,
        exclude: Collection[Position],
        keys: frozenset[str] | None,  # noqa: ARG002  # one index walk sees all shards
    ) -> Batch:
        """Return rows of the held shards, each shard's in order of id, an equal part of each."""
        async with self._one_at_a_time:
            held = list(self.held)
            if not held:
                return Batch([], more=False)
            share = -(-limit // len(held))
            rows = await self._session().fetch(READ, held, [row_id for _, row_id in exclude], share)
        records = [
            OutboxRecord(
                position=(shard, row_id),
                shard=shard,
                topic=topic,
                key=key,
                encoded_headers=headers,
                value=value,
                created_at=created_at,
            )
            for shard, row_id, topic, key, headers, value, created_at in rows
        ]
        full = max(Counter(record.shard for record in records).values(), default=0) == share
        return Batch(records, more=full)

    async def delete(self, positions: Sequence[Position]) -> None:
        """Delete rows, all in one statement."""
        if positions:
            async with self._one_at_a_time:
                await self._session().execute(
                    _DELETE, [shard for shard, _ in positions], [row_id for _, row_id in positions]
                )

    async def measure(self) -> Backlog:
        """Count the waiting rows up to a cap, and take the age of the oldest."""
        async with self._one_at_a_time:
            row = await self._session().fetchrow(_MEASURE, list(self.held), DEPTH_CAP)
        assert row is not None
        return Backlog(depth=row["depth"], oldest_age_seconds=row["age"] or 0.0)

    def _session(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            raise ConnectionError("the session that holds the shards has ended")
        return self._connection
