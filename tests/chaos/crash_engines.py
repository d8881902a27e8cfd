"""Ending an engine as a power cut would, and bringing it back."""

from __future__ import annotations

import asyncio
import signal

import psutil
from tests.chaos.freeze_processes import family, send_signal

from autodeal_devstack.engines.endpoints import EngineName
from autodeal_devstack.engines.engine import Engine
from autodeal_devstack.engines.run_engines import EngineSet

RESTART_TRIES = 5


def pid_of(engine: Engine) -> int:
    """Return the process that serves the engine now."""
    pid = engine.describe().pid
    assert pid is not None, "only an engine that runs as a process here can be struck"
    return pid


async def crash(engines: EngineSet, name: str) -> None:
    """End all processes of an engine at once, as far as it keeps its promises then.

    DynamoDB Local loses a transaction or two that it has acknowledged in most of its SIGKILLs, which
    DynamoDB does not, and no client could make up for. Asked to end, it keeps them.
    """
    engine = engines.engines[name]
    if name == EngineName.DYNAMODB:
        await engine.stop()
        return
    killed = family(pid_of(engine))
    send_signal(killed, signal.SIGKILL)
    await engine.kill()
    psutil.wait_procs(killed, timeout=0)


async def bring_back(engine: Engine) -> None:
    """Start it again on its port; PostgreSQL refuses while a process of its former life is still going."""
    for tries_left in reversed(range(RESTART_TRIES)):
        try:
            await engine.restart()
        except Exception:
            await engine.kill()
            if not tries_left:
                raise
            await asyncio.sleep(1.0)
        else:
            return
