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

from sqlalchemy.ext.asyncio import AsyncEngine
from tests.chaos.chaos_stage import open_postgres, set_stage
from tests.chaos.judge_outcome import Verdict, judge, read_outcome
from tests.chaos.plan_faults import Fault, plan_faults
from tests.chaos.settle_storm import Storm
from tests.chaos.strike_victims import Victims
from tests.chaos.write_events import write_until

from autodeal_devstack.engines.endpoints import EngineChoice
from autodeal_devstack.engines.probes import aws_client
from autodeal_devstack.engines.run_engines import engine_set
from autodeal_devstack.processes import Keeper

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

STUCK_SECONDS = 45.0
"""After the last fault everything has to come through; when nothing moves for so long, it does not."""


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


async def run_chaos(
    *, seconds: float, seed: int, logs: Path, mutation: str = "", stuck_seconds: float = STUCK_SECONDS
) -> ChaosReport:
    """Load, strike, let settle, and judge; with a mutation, let the workers do wrong on purpose."""
    with Keeper() as keeper:
        async with engine_set(EngineChoice.REAL, logs=logs, keeper=keeper) as engines:
            stage = await set_stage(engines, mutation)
            victims = Victims(keeper, engines, stage, logs)
            victims.start_workers()
            async with (
                open_postgres(stage, pool_size=24) as engine,
                aws_client("dynamodb", stage.dynamodb_url) as client,
            ):
                await _load_and_strike(victims, engine, client, seed=seed, seconds=seconds)
                settlement = await Storm(stage, engine, client).settle(stuck_seconds)
                dead = [f"{name} ended by itself" for name in victims.dead_workers()]
                stopped_badly = await victims.stop_workers()
                # Nothing may still come, after all have stopped in good order.
                verdict = judge(await read_outcome(engine, client))
    wrongs = dict.fromkeys([*verdict.wrongs, *settlement.verdict.wrongs, *dead, *stopped_badly])
    return ChaosReport(
        seed=seed,
        faults=victims.faults,
        redriven=settlement.redriven,
        settled_seconds=settlement.seconds,
        verdict=replace(verdict, wrongs=list(wrongs)),
    )


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
