"""Poison of every kind on one partition: others go on, operators see why, and redrive mends it in order."""

from __future__ import annotations

import argparse
import asyncio
import io
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from tests.integration.messaging.parking_stage import ParkingStage

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.failure_kind import FailureKinds
from autodeal_messaging.parking.command_line import add_dlq_command, run_dlq
from autodeal_messaging.parking.park_records import BEHIND
from autodeal_messaging.parking.port import ParkedFilter, ParkingStore

pytestmark = pytest.mark.integration

KINDS = FailureKinds(permanent=(msgspec.DecodeError,))
POISON = 3
"""The event of each key that is poison; two came before it, and five come after."""
EVENTS = 8


class Price(msgspec.Struct):
    cents: int


class Shop:
    """A handler that knows one schema, and one thing that it cannot do, until it is mended."""

    def __init__(self) -> None:
        self.effects: defaultdict[str, list[int]] = defaultdict(list)
        self.is_mended = False

    async def handle(self, event: Envelope) -> None:
        await asyncio.sleep(0)
        price = self._read(event.data)
        if price.cents < 0 and not self.is_mended:
            raise RuntimeError("a negative price")
        if event.sequence not in self.effects[event.key]:
            self.effects[event.key].append(event.sequence)

    async def handle_together(self, events: Sequence[Envelope]) -> None:
        """Bring all into effect, or none."""
        for event in events:
            if self._read(event.data).cents < 0 and not self.is_mended:
                raise RuntimeError("a negative price among them")
        for event in events:
            await self.handle(event)

    def _read(self, data: bytes) -> Price:
        if self.is_mended and not data.startswith(b'{"cents":'):
            return Price(cents=0)
        return msgspec.json.decode(data, type=Price)


GOOD = b'{"cents":1}'
DATA = {
    "no-json": b"\x1f\x8b\xff not JSON at all",
    "wrong-schema": b'{"euros":"twelve"}',
    "always-fails": b'{"cents":-1}',
    "healthy": GOOD,
}
POISONED = sorted(set(DATA) - {"healthy"})


class Shell:
    """What an operator types."""

    def __init__(self, store: ParkingStore) -> None:
        self._store = store
        self._parser = argparse.ArgumentParser()
        add_dlq_command(self._parser.add_subparsers(required=True))

    async def dlq(self, *words: str) -> Any:
        out = io.StringIO()
        arguments = self._parser.parse_args(["dlq", *words, "--json"])
        assert await run_dlq(arguments, self._store, out, io.StringIO()) == 0
        return json.loads(out.getvalue())


async def send_all(parking: ParkingStage) -> None:
    """Send the events of all keys in turn, all of them to one partition, and a record that is no event."""
    for sequence in range(1, EVENTS + 1):
        for key, poison in DATA.items():
            event = parking.topic.event(key, sequence)
            value = poison if sequence == POISON else GOOD
            await parking.send_raw(value, key=key.encode(), headers=event.headers())
        if sequence == POISON:
            await parking.send_raw(b"?", key=b"healthy-too")


async def test_every_poison_is_seen_waited_behind_and_redriven_in_order_when_its_cause_is_mended(
    parking: ParkingStage,
) -> None:
    parking = replace(parking, kinds=KINDS)
    shop, shell = Shop(), Shell(parking.store)
    everything = list(range(1, EVENTS + 1))

    async def has_gone_on() -> bool:
        return shop.effects["healthy"] == everything

    async def all_poison_is_dead() -> bool:
        return len(await shell.dlq("list", "--state", "dead")) == len(POISONED) + 1

    async def all_others_wait() -> bool:
        return (await parking.store.counts()).parked == len(POISONED) * (EVENTS - POISON)

    async def is_through() -> bool:
        return all(shop.effects[key] == everything for key in POISONED)

    await send_all(parking)
    async with (
        parking.consuming(shop.handle, together=shop.handle_together),
        parking.replaying(shop.handle),
    ):
        await parking.until(has_gone_on)
        await parking.until(all_poison_is_dead)
        await parking.until(all_others_wait)
        assert {key: shop.effects[key] for key in POISONED} == {key: [1, 2] for key in POISONED}

        dead = {one["key"]: one for one in await shell.dlq("list", "--state", "dead")}
        assert dead["no-json"]["last_error"].startswith("DecodeError: JSON is malformed")
        assert dead["wrong-schema"]["last_error"].startswith("ValidationError: Object missing")
        assert dead["always-fails"]["last_error"] == "RuntimeError: a negative price"
        assert dead["healthy-too"]["last_error"].startswith("MalformedEnvelopeError: ")
        behind = [one for one in await shell.dlq("list", "--limit", "100") if one["state"] == "parked"]
        assert {(one["key"], one["event_id"]) for one in behind} == {
            (key, f"{key}-{sequence}") for key in POISONED for sequence in range(POISON + 1, EVENTS + 1)
        }
        assert {one["last_error"] for one in behind} == {BEHIND}

        await shell.dlq("redrive", "--key", "always-fails")
        await parking.until(all_poison_is_dead)
        assert shop.effects["always-fails"] == [1, 2]

        await shell.dlq("discard", dead["healthy-too"]["id"], "--reason", "no event")
        shop.is_mended = True
        assert (await shell.dlq("redrive", "--all", "--dry-run"))["records"] == len(POISONED) * 6
        assert (await shell.dlq("redrive", "--all", "--reason", "mended"))["keys"] == len(POISONED)
        await parking.until(is_through)
    assert not await parking.store.find(ParkedFilter())
    assert [entry["act"] for entry in await shell.dlq("audit")].count("redrive") == len(POISONED) + 1
