"""Wait for a process to answer its protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from autodeal_devstack.processes.find_port import listens_on
from autodeal_devstack.processes.keeper import KeptProcess

FIRST_PAUSE_SECONDS = 0.01
LONGEST_PAUSE_SECONDS = 0.1


class ProcessFailedError(RuntimeError):
    """A process ended or stayed silent while it was waited for; the message ends with its last log lines."""


async def await_ready(
    name: str,
    process: KeptProcess,
    *,
    port: int,
    probe: Callable[[], Awaitable[None]],
    timeout_seconds: float,
) -> None:
    """Return once the process listens on `port` and `probe` (which raises while it is not ready) returns."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_seconds
    pause = FIRST_PAUSE_SECONDS
    last = "it opened no port"
    while True:
        if (code := process.code()) is not None:
            raise ProcessFailedError(f"{name} ended with code {code} while starting:\n{process.tail()}")
        if listens_on(process.pid, port):
            try:
                async with asyncio.timeout_at(deadline):
                    await probe()
            except Exception as error:  # noqa: BLE001 whatever the probe's client raises means “not yet”
                last = f"{type(error).__name__}: {error}"
            else:
                return
        if loop.time() >= deadline:
            raise ProcessFailedError(
                f"{name} was not ready after {timeout_seconds:.0f} s ({last}):\n{process.tail()}"
            )
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)
