"""An engine is gone for a while under load: what still can goes on, nothing is lost, all mends itself.

Each outage lasts some seconds here and a minute in `make outages SECONDS=60`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.chaos.crash_engines import bring_back, crash
from tests.outages.carry_load import Load, pay, prepare_load
from tests.outages.watch_stack import Offsets, Probes, metric, probing, read_offsets

from autodeal_contracts.topics import NOTIFICATION, PAYMENT, SALE
from autodeal_devstack.demo.stage import Purchase, Stage
from autodeal_devstack.demo.take_snapshot import quiet_snapshot
from autodeal_devstack.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.real, pytest.mark.timeout(600)]

SETTLE_SECONDS = 2.0
"""What was under way when the engine went may still commit its offset."""
BUYERS_AT_A_TIME = 8
VEHICLE_ROUTES = ("GET /vehicles", "GET /orders/{id}", "POST initialize-sale")
EVERY_ROUTE = (*VEHICLE_ROUTES, "GET /payment")


@asynccontextmanager
async def away(stack: Stack, engine: str) -> AsyncIterator[None]:
    """End an engine, and start it again after the block."""
    await crash(stack.engines, engine)
    try:
        yield
    finally:
        await bring_back(stack.engines.engines[engine])


async def finish(stack: Stack, load: Load) -> float:
    """Let every purchase come to its end; return after how many seconds. Every invariant holds then."""
    began = time.monotonic()
    # Each of them asks twenty times a second how far its order is: all at once they would be a load test.
    slots = asyncio.Semaphore(BUYERS_AT_A_TIME)

    async def pay_in_turn(purchase: Purchase) -> None:
        async with slots:
            await pay(load.stage, purchase)

    await asyncio.gather(*(pay_in_turn(purchase) for purchase in load.bought))
    await asyncio.gather(*(purchase.wait_for_status("sold") for purchase in load.before))
    took_seconds = time.monotonic() - began
    _, found = await quiet_snapshot(stack)
    assert found == []
    return took_seconds


async def stay_away(
    stack: Stack, seconds: float, *, group: str, topics: tuple[str, ...], worker: str
) -> Offsets:
    """Wait out an outage; its group commits nothing although records wait, parks nothing, and pauses."""
    await asyncio.sleep(SETTLE_SECONDS)
    before, lag = await read_offsets(stack, group, topics)
    until = time.monotonic() + seconds - SETTLE_SECONDS
    while time.monotonic() < until:
        await asyncio.sleep(1.0)
        offsets, lag = await read_offsets(stack, group, topics)
        assert offsets == before
    assert lag > 0, "nothing waited, so nothing was shown"
    assert await metric(stack, worker, "consumer_paused", group=group) == 1
    assert await metric(stack, worker, "consumer_parked_records_total", group=group) == 0
    return before


def expect_unready(probes: Probes, names: set[str], check: str) -> None:
    """Only these said that they are not ready, in the end they did, and they named what is away."""
    assert probes.dead() == []
    assert probes.ever_unready() == names
    for name in names:
        status, checks = probes.ready[name][-1]
        assert (status, checks[check]) == (503, checks[check])
        assert checks[check] in {"failed", "timed out"}


async def test_selling_goes_on_when_kafka_is_away(
    stack: Stack, stage: Stage, outage_seconds: float, capsys: pytest.CaptureFixture[str]
) -> None:
    load = await prepare_load(stage, seconds=outage_seconds)
    async with load.flowing(), probing(stack) as probes, away(stack, "kafka"):
        approvals = [stage.provider.approve(f"{purchase.order_id}-1") for purchase in load.before]
        await asyncio.gather(*approvals)
        await asyncio.sleep(outage_seconds)
        backlog = await metric(stack, "vehicle-work", "outbox_depth")
    took_seconds = await finish(stack, load)
    report(capsys, "Kafka", outage_seconds, load, took_seconds)
    assert load.failed(EVERY_ROUTE) == []
    assert load.bought
    assert backlog > 0, "nothing waited, so nothing was shown"
    expect_unready(probes, set(), "")


async def test_no_offset_moves_and_sales_end_when_postgresql_is_away(
    stack: Stack, stage: Stage, outage_seconds: float, capsys: pytest.CaptureFixture[str]
) -> None:
    load = await prepare_load(stage, seconds=outage_seconds)
    async with load.flowing(), away(stack, "postgres"), probing(stack) as probes:
        approvals = [stage.provider.approve(f"{purchase.order_id}-1") for purchase in load.before]
        await asyncio.gather(*approvals)
        await stay_away(
            stack, outage_seconds, group="autodeal-vehicle", topics=(PAYMENT,), worker="vehicle-work"
        )
    took_seconds = await finish(stack, load)
    report(capsys, "PostgreSQL", outage_seconds, load, took_seconds)
    assert load.unsound() == []
    assert load.failed(["GET /payment"]) == []
    assert load.failed(VEHICLE_ROUTES)
    expect_unready(probes, {"vehicle-serve", "vehicle-work"}, "database")
    assert await metric(stack, "vehicle-work", "consumer_paused") == 0


async def test_no_offset_moves_and_selling_goes_on_when_dynamodb_is_away(
    stack: Stack, stage: Stage, outage_seconds: float, capsys: pytest.CaptureFixture[str]
) -> None:
    load = await prepare_load(stage, seconds=outage_seconds)
    async with load.flowing(), away(stack, "dynamodb"), probing(stack) as probes:
        approvals = [stage.provider.approve(f"{purchase.order_id}-1") for purchase in load.before]
        await asyncio.gather(*approvals)
        await stay_away(
            stack,
            outage_seconds,
            group="autodeal-payment",
            topics=(SALE, NOTIFICATION),
            worker="payment-work",
        )
    took_seconds = await finish(stack, load)
    report(capsys, "DynamoDB", outage_seconds, load, took_seconds)
    assert load.unsound() == []
    assert load.failed(VEHICLE_ROUTES) == []
    assert load.failed(["GET /payment"])
    expect_unready(probes, {"payment-serve", "payment-work"}, "dynamodb")
    assert await metric(stack, "payment-work", "consumer_paused") == 0


def report(
    capsys: pytest.CaptureFixture[str], engine: str, seconds: float, load: Load, took_seconds: float
) -> None:
    """Say what happened, also when all is well."""
    slowest = max(seen.seconds for seen in load.seen)
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{engine} away for {seconds:.0f} s: {len(load.bought)} cars bought meanwhile, all purchases at"
            f" their end {took_seconds:.1f} s after it; slowest answer {slowest:.1f} s; {load.tally()}"
        )
