"""Who cannot reach Kafka leaves the shards to those who can."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.messaging.relay_in_memory import QUICK, SETTINGS, Event, add, expected, running, until

from autodeal_messaging import relay as relay_module
from autodeal_messaging.memory.outbox_store import MemoryOutbox, MemoryOutboxStore
from autodeal_messaging.nudge import Nudge
from autodeal_messaging.relay import Relay

pytestmark = pytest.mark.usefixtures("producers_of_the_fake")


class TwoWays:
    """Relays of which one has a way to Kafka of its own, which can be cut."""

    def __init__(self, outbox: MemoryOutbox, kafka: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cut = type(kafka)()
        """What the one relay sees of Kafka: the same log, and a network of its own."""
        self.cut.log = kafka.log
        ways = {"cut": self.cut, "well": kafka}
        monkeypatch.setattr(
            relay_module, "make_producer", lambda settings: ways[settings.kafka_client_id].producer()
        )
        self.relays = {
            name: Relay(
                MemoryOutboxStore(outbox, name),
                replace(SETTINGS, kafka_client_id=name),
                Nudge(),
                name,
                limits=SOON,
            )
            for name in ways
        }


SOON = replace(QUICK, give_up_seconds=0.03, aside_first_seconds=0.04, aside_maximum_seconds=0.08)


@pytest.fixture
def ways(outbox: MemoryOutbox, kafka: Any, monkeypatch: pytest.MonkeyPatch) -> TwoWays:
    return TwoWays(outbox, kafka, monkeypatch)


@pytest.mark.parametrize(
    "fault", ["not found", "found, and sends are lost", "found, and sends get no answer"]
)
async def test_another_relay_sends_everything_when_one_cannot_reach_kafka(
    outbox: MemoryOutbox, kafka: Any, event: Event, ways: TwoWays, fault: str
) -> None:
    async def lose(_partition: int, _ids: object) -> str:
        await asyncio.sleep(0.02 if fault.endswith("no answer") else 0)
        return "written, but the answer is lost" if ways.cut.starts == 1 else "lost"

    ways.cut.reachable = fault != "not found"
    ways.cut.treat = lose
    add(outbox, event, keys=20, events=5)
    async with running(ways.relays["cut"]):
        await until(lambda: len(outbox.holders) == outbox.shards)
        async with running(ways.relays["well"]):
            await until(lambda: not outbox.records)
    assert kafka.first_copies() == expected(20, 5)


async def test_a_relay_has_its_share_again_when_its_way_to_kafka_is_mended(
    outbox: MemoryOutbox, kafka: Any, event: Event, ways: TwoWays
) -> None:
    ways.cut.reachable = False
    async with running(*ways.relays.values()):
        await until(lambda: set(outbox.holders.values()) == {"well"} and len(outbox.holders) == outbox.shards)
        ways.cut.reachable = True
        await until(lambda: sorted(outbox.holders.values()) == ["cut", "cut", "well", "well"])
        kafka.reachable = False
        add(outbox, event, keys=20, events=5)
        await until(lambda: not outbox.records)
    assert kafka.first_copies() == expected(20, 5)


async def test_shards_settle_and_stay_held_when_kafka_is_away_for_all(
    outbox: MemoryOutbox, kafka: Any, event: Event, ways: TwoWays
) -> None:
    """They are still held, so that what waits is measured, and all go on by themselves."""
    ways.cut.reachable = kafka.reachable = False
    changes, before = 0, dict(outbox.holders)
    add(outbox, event, keys=20, events=5)
    async with running(*ways.relays.values()):
        await until(lambda: outbox.unable == {"cut", "well"})
        for _ in range(300):
            await asyncio.sleep(0.001)
            changes += before != outbox.holders
            before = dict(outbox.holders)
        assert sorted(outbox.holders.values()) == ["cut", "cut", "well", "well"]
        assert changes <= 4
        ways.cut.reachable = kafka.reachable = True
        await until(lambda: not outbox.records)
    assert kafka.first_copies() == expected(20, 5)


async def test_a_relay_keeps_its_shards_when_it_is_kafka_that_refuses(
    outbox: MemoryOutbox, kafka: Any, event: Event, ways: TwoWays
) -> None:
    """The others would be refused, too."""
    kafka.missing_topics = ways.cut.missing_topics = {"missing.v1"}
    outbox.add(event(f"key-{number}", 1, topic="missing.v1") for number in range(20))
    async with running(*ways.relays.values()):
        await until(lambda: min(kafka.starts, ways.cut.starts) > 20)
        assert not outbox.unable
