"""Every way a purchase can end, played side by side through the gateway, and the invariants after it."""

from __future__ import annotations

import pytest

from autodeal_devstack.demo.endings import ENDINGS
from autodeal_devstack.demo.play_endings import play_endings
from autodeal_devstack.demo.print_timelines import Told
from autodeal_devstack.demo.take_snapshot import quiet_snapshot
from autodeal_devstack.stack import Stack

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
async def told(stack: Stack) -> dict[str, Told]:
    return {each.ending.name: each for each in await play_endings(stack)}


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.name)
async def test_purchase_ends_as_it_should_when_played(told: dict[str, Told], ending: object) -> None:
    assert told[ending.name].failure == ""  # type: ignore[attr-defined]


async def test_every_invariant_holds_when_all_endings_were_played(
    stack: Stack, told: dict[str, Told]
) -> None:
    assert len(told) == len(ENDINGS)
    snapshot, found = await quiet_snapshot(stack)
    assert len(snapshot.orders) >= len(ENDINGS)
    assert found == []
