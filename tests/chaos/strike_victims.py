"""Carrying faults out: on workers, which are started again as a supervisor would, and on engines."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import msgspec
from tests.chaos.chaos_stage import Stage
from tests.chaos.crash_engines import bring_back, crash, pid_of
from tests.chaos.freeze_processes import frozen
from tests.chaos.plan_faults import ENGINES, WORKERS, Act, Fault

from autodeal_devstack.engines.engine import plain_environment
from autodeal_devstack.engines.run_engines import EngineSet
from autodeal_devstack.processes import Keeper, KeptProcess, python_command

ROOT = Path(__file__).parents[2]
STOP_TIMEOUT_SECONDS = 30.0


class Victims:
    """Workers and engines of one run, each under at most one fault at a time."""

    def __init__(self, keeper: Keeper, engines: EngineSet, stage: Stage, logs: Path) -> None:
        self._keeper = keeper
        self._engines = engines
        self._stage = msgspec.json.encode(stage).decode()
        self._logs = logs
        self._workers: dict[str, KeptProcess] = {}
        self._struck: set[str] = set()
        self.faults = 0
        """Blows that were dealt."""

    def start_workers(self) -> None:
        """Start every worker."""
        for name in WORKERS:
            self._start(name)

    async def strike(self, fault: Fault) -> None:
        """Deal one blow and heal it; nothing happens to a victim that still suffers an earlier one."""
        if fault.victim in self._struck:
            return
        self._struck.add(fault.victim)
        try:
            self.faults += 1
            if fault.act is Act.FREEZE:
                await self._freeze(fault)
            elif fault.victim in ENGINES:
                await self._crash_engine(fault)
            else:
                await self._workers[fault.victim].kill()
                await asyncio.sleep(fault.away_seconds)
                self._start(fault.victim)
        finally:
            self._struck.discard(fault.victim)

    async def stop_workers(self) -> list[str]:
        """Ask every worker to stop; name those that did not end well by themselves."""
        codes = await asyncio.gather(
            *(worker.stop(timeout_seconds=STOP_TIMEOUT_SECONDS) for worker in self._workers.values())
        )
        return [f"{name} ended with {code}" for name, code in zip(self._workers, codes, strict=True) if code]

    def dead_workers(self) -> list[str]:
        """Name the workers that have ended without being told to."""
        return [name for name, worker in self._workers.items() if worker.code() is not None]

    def _start(self, name: str) -> None:
        kind = name.rpartition("-")[0]
        # A name for this life: the leases of the former one are somebody else's.
        life = f"{name}-{uuid.uuid4().hex[:6]}"
        self._workers[name] = self._keeper.spawn(
            python_command("tests.chaos.chaos_worker", kind, life, self._stage),
            env=plain_environment(),
            cwd=ROOT,
            log=self._logs / f"{name}.log",
        )

    async def _freeze(self, fault: Fault) -> None:
        with frozen(self._pid(fault.victim)):
            await asyncio.sleep(fault.away_seconds)

    async def _crash_engine(self, fault: Fault) -> None:
        await crash(self._engines, fault.victim)
        await asyncio.sleep(fault.away_seconds)
        await bring_back(self._engines.engines[fault.victim])

    def _pid(self, victim: str) -> int:
        if victim in ENGINES:
            return pid_of(self._engines.engines[victim])
        return self._workers[victim].pid
