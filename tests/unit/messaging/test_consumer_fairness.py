"""A hot key has one slot at a time, so the others do not wait until it is through."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest
from aiokafka.structs import ConsumerRecord

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.handle_record import RecordHandler
from autodeal_messaging.partition_lane import PartitionLane

HOT = 200
COLD = 40


def records(event: Callable[..., Envelope]) -> list[ConsumerRecord]:
    """Return all records of the hot key, and behind them one of each cold key."""
    events = [event("hot", number + 1) for number in range(HOT)]
    events += [event(f"cold-{number}", 1) for number in range(COLD)]
    return [
        ConsumerRecord(
            topic=one.topic, partition=0, offset=offset, timestamp=0, timestamp_type=0,
            key=one.key.encode(), value=one.data, checksum=None, serialized_key_size=0,
            serialized_value_size=0, headers=one.headers(),
        )
        for offset, one in enumerate(events)
    ]  # fmt: skip


@pytest.mark.parametrize("together", [False, True], ids=["alone", "together"])
async def test_cold_keys_are_handled_early_when_a_hot_key_fills_the_window(
    event: Callable[..., Envelope], *, together: bool
) -> None:
    handled: list[str] = []

    async def handle(envelope: Envelope) -> None:
        await asyncio.sleep(0)
        handled.append(envelope.key)

    async def handle_together(envelopes: Sequence[Envelope]) -> None:
        await asyncio.sleep(0)
        handled.extend(envelope.key for envelope in envelopes)

    handler = RecordHandler("fair", handle, 4, together=handle_together if together else None)
    lane = PartitionLane(handler.handle)
    lane.add(records(event))
    while lane.unfinished_count:  # noqa: ASYNC110  # the lane tells nobody
        await asyncio.sleep(0)
    last_cold = max(place for place, key in enumerate(handled) if key != "hot")
    # With four slots, or two commits, the hot key takes turns with the others instead of going first.
    assert handled[:last_cold].count("hot") <= COLD
    assert len(handled) == HOT + COLD
