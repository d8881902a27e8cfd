"""SIGKILL any process in the middle of purchases: they end the same, and every invariant holds."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from autodeal_devstack.demo.endings import ENDINGS
from autodeal_devstack.demo.play_endings import play_endings
from autodeal_devstack.demo.public_client import PublicClient
from autodeal_devstack.demo.stage import Purchase, Stage
from autodeal_devstack.demo.take_snapshot import quiet_snapshot
from autodeal_devstack.stack import Stack

pytestmark = pytest.mark.e2e

BUYERS = 6
WORKERS = ("vehicle-work", "payment-work")
SERVERS = ("vehicle-serve", "payment-serve", "gateway-serve")


@pytest.mark.parametrize("name", WORKERS)
@pytest.mark.parametrize("after_ms", [5, 40, 150])
async def test_purchases_end_the_same_when_a_worker_is_killed(
    stack: Stack, stage: Stage, name: str, after_ms: int
) -> None:
    """The worker dies while sales, payments and approvals are between its hands."""
    purchases = [await Purchase.begin(stage, f"{name} {number}") for number in range(BUYERS)]
    await asyncio.sleep(after_ms / 1000)
    await stack.kill(name)
    await stack.restart(name)
    await asyncio.gather(*(_pay(stage, purchase) for purchase in purchases))
    _, found = await quiet_snapshot(stack)
    assert found == []


@pytest.mark.parametrize("name", WORKERS)
async def test_purchases_end_the_same_when_a_worker_is_killed_while_money_moves(
    stack: Stack, stage: Stage, name: str
) -> None:
    purchases = [await Purchase.begin(stage, f"{name} money {number}") for number in range(BUYERS)]
    payments = await asyncio.gather(*(purchase.wait_for_instructions() for purchase in purchases))
    approvals = asyncio.gather(*(stage.provider.approve(payment) for payment in payments))
    await asyncio.sleep(0.02)
    await stack.kill(name)
    await approvals
    await stack.restart(name)
    await asyncio.gather(*(purchase.wait_for_status("sold") for purchase in purchases))
    _, found = await quiet_snapshot(stack)
    assert found == []


@pytest.mark.parametrize("name", SERVERS)
async def test_purchases_end_the_same_when_a_server_is_killed(stack: Stack, stage: Stage, name: str) -> None:
    """Buyers see errors while it is away and simply repeat themselves, with the same key."""
    cars = [await stage.new_car(f"{name} {number}") for number in range(BUYERS)]
    buying = [asyncio.create_task(_insist(stage.buyer, car, key=f"{name}-{car}")) for car in cars]
    await asyncio.sleep(0.01)
    await stack.kill(name)
    await stack.restart(name)
    orders = await asyncio.gather(*buying)
    purchases = [Purchase(stage, stage.buyer, order, car) for order, car in zip(orders, cars, strict=True)]
    assert len({purchase.order_id for purchase in purchases}) == BUYERS
    await asyncio.gather(*(_pay(stage, purchase) for purchase in purchases))
    _, found = await quiet_snapshot(stack)
    assert found == []


@pytest.mark.parametrize("name", [*WORKERS, "payment-serve"])
async def test_every_ending_is_right_when_a_process_dies_behind_it(stack: Stack, name: str) -> None:
    """The demonstration itself, with a death in the middle."""
    endings = tuple(ending for ending in ENDINGS if ending.name not in NEED_IT[name])
    playing = asyncio.create_task(play_endings(stack, endings))
    await asyncio.sleep(0.4)
    await stack.kill(name)
    await stack.restart(name)
    told = await playing
    assert [(each.ending.name, each.failure) for each in told if each.failure] == []
    _, found = await quiet_snapshot(stack)
    assert found == []


NEED_IT: dict[str, set[str]] = {
    "vehicle-work": set(),
    "payment-work": set(),
    # Choosing another payment is a request to this very process, and a person repeats it.
    "payment-serve": {"declined_then_paid"},
}


async def _insist(buyer: PublicClient, car: int, *, key: str) -> int:
    for _ in range(200):
        try:
            answer = await buyer.initialize_sale(car, key=key)
        except (aiohttp.ClientError, OSError):
            answer = None
        if answer is not None and answer.status == 201:
            order_id: int = answer.body["order_id"]
            return order_id
        assert answer is None or answer.status in {502, 503, 504}, answer
        await asyncio.sleep(0.1)
    raise AssertionError(f"nobody sold car {car}")


async def _pay(stage: Stage, purchase: Purchase) -> None:
    await stage.provider.approve(await purchase.wait_for_instructions())
    await purchase.wait_for_status("sold")
