"""The verdict: what took effect, held against what was committed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.chaos.chaos_stage import COMMITTED, DYNAMODB_TABLE, EFFECT
from tests.chaos.handle_events import effects_key
from tests.chaos.write_events import dynamodb_keys

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

SHOWN = 5

Events = Mapping[str, Sequence[str]]
"""Ids of events by key, in order."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Both sides of the comparison."""

    committed: Events
    effects: Events


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is wrong, in words; empty when nothing is."""

    events: int
    """Committed, counted once for each group that handles them."""
    missing: int
    """Committed and not in effect: lost, unless still on the way."""
    wrongs: Sequence[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether every committed event took effect once and in order, and nothing else did."""
        return not self.missing and not self.wrongs


def judge(outcome: Outcome) -> Verdict:
    """Compare key by key; a key whose later events are still on the way is merely missing them."""
    wrongs: list[str] = []
    missing = 0
    for key in sorted(outcome.committed.keys() | outcome.effects.keys()):
        committed, effects = list(outcome.committed.get(key, [])), list(outcome.effects.get(key, []))
        missing += len(set(committed) - set(effects))
        if len(set(effects)) != len(effects):
            wrongs.append(f"{key}: {len(effects) - len(set(effects))} events took effect twice")
        if foreign := len(set(effects) - set(committed)):
            wrongs.append(f"{key}: {foreign} events took effect that were rolled back")
        known = set(committed)
        firsts = [event for event in dict.fromkeys(effects) if event in known]
        if firsts != committed[: len(firsts)]:
            wrongs.append(f"{key}: effects came out of order, or past a gap: {_deviation(committed, firsts)}")
    events = sum(len(found) for found in outcome.committed.values())
    return Verdict(events=events, missing=missing, wrongs=wrongs)


def _deviation(committed: Sequence[str], effects: Sequence[str]) -> str:
    """Say where effects first leave the order, in the sequence numbers of the events."""
    sequences = {event: number for number, event in enumerate(committed, 1)}
    came = [sequences[event] for event in effects]
    first = next(place for place, number in enumerate(came) if number != place + 1)
    return f"… {', '.join(map(str, came[max(0, first - 2) : first + SHOWN]))} … of {len(committed)}"


async def read_outcome(engine: AsyncEngine, client: DynamoDBClient) -> Outcome:
    """Read what was committed, on both stores, and what took effect."""
    committed: defaultdict[str, list[str]] = defaultdict(list)
    effects: defaultdict[str, list[str]] = defaultdict(list)
    for key in dynamodb_keys():
        committed[key] = await _read_ledger(client, key)
        # Two groups handle these events, each into a store of its own.
        committed[f"{key}, handled in DynamoDB"] = committed[key]
        effects[f"{key}, handled in DynamoDB"] = await _read_effects(client, key)
    async with engine.connect() as connection:
        in_order = select(COMMITTED).order_by(COMMITTED.c.key, COMMITTED.c.sequence)
        for row in await connection.execute(in_order):
            committed[row.key].append(row.event_id)
        for row in await connection.execute(select(EFFECT).order_by(EFFECT.c.position)):
            effects[row.key].append(row.event_id)
    return Outcome(committed=committed, effects=effects)


async def _read_effects(client: DynamoDBClient, key: str) -> list[str]:
    found = await client.get_item(TableName=DYNAMODB_TABLE, Key=effects_key(key), ConsistentRead=True)
    return [event["S"] for event in found["Item"]["events"]["L"]] if "Item" in found else []


async def _read_ledger(client: DynamoDBClient, key: str) -> list[str]:
    found: list[str] = []
    more: dict[str, Any] = {}
    while True:
        page = await client.query(
            TableName=DYNAMODB_TABLE,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :event)",
            ExpressionAttributeValues={":pk": {"S": f"AGGREGATE#{key}"}, ":event": {"S": "EVENT#"}},
            ConsistentRead=True,
            **more,
        )
        found += [item["event_id"]["S"] for item in page["Items"]]
        if "LastEvaluatedKey" not in page:
            return found
        more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
