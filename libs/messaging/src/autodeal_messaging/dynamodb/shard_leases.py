"""Leases on the shards of an outbox, as items beside it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import structlog

from autodeal_messaging.outbox.share_shards import decide_share

if TYPE_CHECKING:  # the stubs are not installed in production
    from types_aiobotocore_dynamodb import DynamoDBClient

log = structlog.get_logger(__name__)

PARTITION = "OUTBOX#LEASES"
MEMBER_PREFIX = "MEMBER#"
SHARD_PREFIX = "SHARD#"
KEEP_DEAD_SECONDS = 3600


class ShardLeases:
    """One member's leases: an item of its own that it renews, and one per shard that names its holder.

    A renewal is one write however many shards are held, and everything is read, in one query, before
    anything else is written: a member that has its share writes nothing but its renewal. A lease whose
    holder did not renew for `lease_seconds` is free. Clocks that differ by less than that do no harm;
    if they differ by more, two members may read one shard for a while, which costs duplicates, not order.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        *,
        shards: int,
        owner: str,
        lease_seconds: float,
        now: Callable[[], float],
    ) -> None:
        self._client = client
        self._table = table
        self._shards = shards
        self._owner = owner
        self._lease_seconds = lease_seconds
        self._now = now
        self._mine: set[int] = set()
        self._leaving: set[int] = set()

    @property
    def held(self) -> frozenset[int]:
        """The shards to read: those held and not about to be given up."""
        return frozenset(self._mine - self._leaving)

    async def renew_and_balance(self, busy: Callable[[], Collection[int]], *, can_send: bool) -> None:
        """Renew, look at everyone's leases, and take or give up shards."""
        await self._renew(can_send=can_send)
        members, unable, holders = await self._look()
        self._mine = {shard for shard, holder in holders.items() if holder == self._owner}
        living = {shard: holder for shard, holder in holders.items() if holder in members}
        share = decide_share(
            shards=self._shards, me=self._owner, members=members, holders=living, unable=unable
        )
        for shard in share.take:
            if await self._change_holder(shard, seen=holders.get(shard), holder=self._owner):
                self._mine.add(shard)
        self._leaving = set(share.surplus)
        for shard in self._leaving - set(busy()):
            self._mine.discard(shard)
            self._leaving.discard(shard)
            await self._change_holder(shard, seen=self._owner, holder=None)

    async def leave(self) -> None:
        """Remove the own item, by which every shard it held becomes free."""
        self._mine.clear()
        self._leaving.clear()
        await self._client.delete_item(TableName=self._table, Key=self._key(MEMBER_PREFIX + self._owner))

    async def _renew(self, *, can_send: bool) -> None:
        now = self._now()
        unable: dict[str, Any] = {} if can_send else {"cannot_send": {"BOOL": True}}
        await self._client.put_item(
            TableName=self._table,
            Item={
                **self._key(MEMBER_PREFIX + self._owner),
                "renewed_at": {"N": f"{now:.3f}"},
                "expires_at": {"N": str(int(now) + KEEP_DEAD_SECONDS)},
                **unable,
            },
        )

    async def _look(self) -> tuple[set[str], set[str], dict[int, str]]:
        """Return the living members, those of them that cannot send, and who was last to take each shard."""
        found = await self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :leases",
            ExpressionAttributeValues={":leases": {"S": PARTITION}},
            ConsistentRead=True,
        )
        oldest = self._now() - self._lease_seconds
        members: set[str] = set()
        unable: set[str] = set()
        holders: dict[int, str] = {}
        for item in found["Items"]:
            name = item["sk"]["S"]
            if name.startswith(MEMBER_PREFIX):
                if float(item["renewed_at"]["N"]) >= oldest:
                    members.add(name.removeprefix(MEMBER_PREFIX))
                    if "cannot_send" in item:
                        unable.add(name.removeprefix(MEMBER_PREFIX))
            elif "holder" in item:
                holders[int(name.removeprefix(SHARD_PREFIX))] = item["holder"]["S"]
        return members, unable, holders

    async def _change_holder(self, shard: int, *, seen: str | None, holder: str | None) -> bool:
        """Name another holder if it is still the one that was seen; tell whether it was."""
        values: dict[str, Any] = {}
        if seen is not None:
            values[":seen"] = {"S": seen}
        if holder is not None:
            values[":holder"] = {"S": holder}
        request: dict[str, Any] = {
            "TableName": self._table,
            "Key": self._key(f"{SHARD_PREFIX}{shard:03d}"),
            "UpdateExpression": "REMOVE holder" if holder is None else "SET holder = :holder",
            "ConditionExpression": "attribute_not_exists(holder)" if seen is None else "holder = :seen",
        }
        if values:
            request["ExpressionAttributeValues"] = values
        try:
            await self._client.update_item(**request)
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _key(self, name: str) -> dict[str, Any]:
        return {"pk": {"S": PARTITION}, "sk": {"S": name}}
