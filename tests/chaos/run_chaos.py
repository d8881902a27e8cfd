"""A fault run of any length: `python -m tests.chaos.run_chaos --seconds 120 --seed 7`.

Prints the seed, the count of faults and the verdict; ends with 1 when the verdict is not clean.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.chaos.chaos_stage import CURE, GROUP, METADATA, open_postgres, set_stage
from tests.chaos.judge_outcome import Verdict, judge, read_outcome
from tests.chaos.plan_faults import Fault, plan_faults
from tests.chaos.strike_victims import Victims
from tests.chaos.write_events import write_until

from autodeal_devstack.engines.endpoints import EngineChoice
from autodeal_devstack.engines.probes import aws_client
from autodeal_devstack.engines.run_engines import engine_set
from autodeal_devstack.processes import Keeper
from autodeal_messaging.parking.operate import ParkingOperator
from autodeal_messaging.parking.port import ParkedFilter, ParkedState
from autodeal_messaging.postgres.parking_store import PostgresParkingStore

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

SETTLE_SECONDS = 90.0
"""How long after the last fault everything may take to come through."""


@dataclass(frozen=True, kw_only=True)
class ChaosReport:
    """How a run ended."""

    seed: int
    faults: int
    redriven: int
    """Records that an operator brought through after the cause of their failures was mended."""
    settled_seconds: float
    """From the end of the load until the last event took effect."""
    verdict: Verdict

    def __str__(self) -> str:
        """Say it in a few lines."""
        said = "clean" if self.verdict.clean else "NOT CLEAN"
        summary = (
            f"seed {self.seed}: {self.faults} faults, {self.verdict.events} events to handle,"
            f" {self.redriven} redriven, settled after {self.settled_seconds:.1f} s: {said}"
        )
        lines = [summary]
        if self.verdict.missing:
            lines.append(f"  {self.verdict.missing} committed events did not take effect")
        return "\n".join([*lines, *(f"  {wrong}" for wrong in self.verdict.wrongs)])


async def run_chaos(*, seconds: float, seed: int, logs: Path) -> ChaosReport:
    """Load, strike, let settle, and judge."""
    with Keeper() as keeper:
        async with engine_set(EngineChoice.REAL, logs=logs, keeper=keeper) as engines:
            stage = await set_stage(engines)
            victims = Victims(keeper, engines, stage, logs)
            victims.start_workers()
            async with (
                open_postgres(stage, pool_size=24) as engine,
                aws_client("dynamodb", stage.dynamodb_url) as client,
            ):
                await _load_and_strike(victims, engine, client, seed=seed, seconds=seconds)
                report = await _settle(victims, engine, client, seed)
                stopped_badly = await victims.stop_workers()
                # Nothing may still come, after all have stopped in good order.
                verdict = judge(await read_outcome(engine, client))
    wrongs = list(dict.fromkeys([*verdict.wrongs, *report.verdict.wrongs, *stopped_badly]))
    return replace(report, verdict=replace(verdict, wrongs=wrongs))


async def _load_and_strike(
    victims: Victims, engine: AsyncEngine, client: DynamoDBClient, *, seed: int, seconds: float
) -> None:
    enough = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write_until(enough, engine, client, seed))
        began = loop.time()

        async def deal(fault: Fault) -> None:
            await asyncio.sleep(max(0.0, began + fault.at_seconds - loop.time()))
            await victims.strike(fault)

        blows = [tasks.create_task(deal(fault)) for fault in plan_faults(seed, seconds)]
        await asyncio.sleep(seconds)
        await asyncio.gather(*blows)
        enough.set()


async def _settle(victims: Victims, engine: AsyncEngine, client: DynamoDBClient, seed: int) -> ChaosReport:
    """Mend the cause of what fails, redrive, and wait until nothing is missing, or for a long time."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with engine.begin() as connection:
        await connection.execute(insert(CURE).values(id=1))
    operator = ParkingOperator(PostgresParkingStore(engine, GROUP), "chaos")
    redriven = 0
    while True:
        # More than once: some of the dead are still on their way to where they are found.
        keys = await operator.plan(ParkedFilter(state=ParkedState.DEAD))
        async for progress in operator.redrive(keys, records_per_second=None, reason="the cause is mended"):
            if progress.revived_keys == len(keys):
                redriven += progress.revived_records
        verdict = judge(await read_outcome(engine, client))
        waited = loop.time() - began
        left = await _left_over(engine)
        if (verdict.missing == 0 and not left) or waited > SETTLE_SECONDS:
            break
        await asyncio.sleep(0.25)
    dead = [f"{name} ended by itself" for name in victims.dead_workers()]
    return ChaosReport(
        seed=seed,
        faults=victims.faults,
        redriven=redriven,
        settled_seconds=waited,
        verdict=replace(verdict, wrongs=[*verdict.wrongs, *left, *dead]),
    )


async def _left_over(engine: AsyncEngine) -> list[str]:
    """Name the tables that must be empty in the end and are not."""
    async with engine.connect() as connection:
        counts = {
            table: await connection.scalar(select(func.count()).select_from(METADATA.tables[table]))
            for table in ("outbox", "parked_record")
        }
    return [f"{count} rows are left in {table}" for table, count in counts.items() if count]


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="Strike the messaging with faults and judge what is left.")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--logs", type=Path, default=None, help="keep the logs of all processes here")
    chosen = parser.parse_args()
    seed = random.SystemRandom().randrange(1_000_000) if chosen.seed is None else chosen.seed
    sys.stdout.write(f"seed {seed}: {chosen.seconds:.0f} seconds of faults …\n")
    sys.stdout.flush()
    with tempfile.TemporaryDirectory() as folder:
        logs = chosen.logs or Path(folder)
        logs.mkdir(parents=True, exist_ok=True)
        report = asyncio.run(run_chaos(seconds=chosen.seconds, seed=seed, logs=logs))
    sys.stdout.write(f"{report}\n")
    return 0 if report.verdict.clean else 1


if __name__ == "__main__":
    sys.exit(main())
