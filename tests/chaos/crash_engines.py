"""Ending an engine as a power cut would, and bringing it back."""

from __future__ import annotations

import asyncio
import signal

import psutil
from tests.chaos.freeze_processes import family, send_signal

from autodeal_devstack.engines.engine import Engine

RESTART_TRIES = 5


def pid_of(engine: Engine) -> int:
    """Return the process that serves the engine now."""
    pid = engine.describe().pid
    assert pid is not None, "only an engine that runs as a process here can be struck"
    return pid


async def crash(engine: Engine) -> None:
    """End all its processes at once."""
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
