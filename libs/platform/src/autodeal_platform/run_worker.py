"""Runs a process's long loops (relay, consumer, deadlines) beside a small server for probes.

On SIGTERM or SIGINT every loop is told to stop and may finish what it holds within the drain
timeout. A loop that ends by itself, with an error or without, ends the process: half a worker
that looks healthy is worse than one that is restarted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from autodeal_platform.health import Health
from autodeal_platform.http_app import create_app
from autodeal_platform.logs import get_logger
from autodeal_platform.run_http import end_server, handling_signals, make_server, start_server
from autodeal_platform.settings import HttpSettings

Loop = Callable[[asyncio.Event], Awaitable[None]]
"""Runs until the event is set, then finishes what it holds and returns."""

_log = get_logger(__name__)


class LoopEndedError(Exception):
    """A loop ended though nobody asked it to."""

    code = "loop_ended"


async def run_worker(
    tasks: Sequence[Loop], settings: HttpSettings, health: Health, *, stop: asyncio.Event | None = None
) -> None:
    """Run the loops until SIGTERM, SIGINT or `stop`; return once they are drained.

    Raises LoopEndedError, from the loop's own error, when one of them ended early, and
    ServerStartError when the probes' port cannot be had.
    """
    stop = stop or asyncio.Event()
    server = make_server(create_app(service="worker", routes=[], settings=settings, health=health), settings)
    loops: list[asyncio.Task[None]] = []

    def on_signal() -> None:
        if stop.is_set():
            server.force_exit = True
            for loop in loops:
                loop.cancel()
        stop.set()

    with handling_signals(on_signal):
        serving = asyncio.create_task(start_server(server), name="serve-probes")
        loops += [asyncio.create_task(_run(task, stop), name=_name_of(task)) for task in tasks]
        stopping = asyncio.create_task(stop.wait(), name="wait-for-stop")
        await asyncio.wait({serving, stopping, *loops}, return_when=asyncio.FIRST_COMPLETED)
        ended = None if stop.is_set() else next((loop for loop in loops if loop.done()), None)
        stopping.cancel()
        health.start_draining()
        stop.set()
        await _drain(loops, settings.http_drain_timeout_seconds)
        server.should_exit = True
        # Nobody's work hangs on these connections: they are probes.
        server.config.timeout_graceful_shutdown = 1
        await end_server(serving, 1.0)
    _raise_failure(loops, ended)
    _log.info("worker.stopped")


async def _run(task: Loop, stop: asyncio.Event) -> None:
    await task(stop)


async def _drain(loops: Sequence[asyncio.Task[None]], timeout_s: float) -> None:
    """Give the loops their time, then cancel those that still run; all they do can be done again."""
    if not loops:
        return
    _log.info("worker.draining", loops=len(loops))
    _, late = await asyncio.wait(loops, timeout=timeout_s)
    for loop in late:
        _log.warning("worker.loop_cancelled", loop=loop.get_name())
        loop.cancel()
    for loop in late:
        with suppress(asyncio.CancelledError, Exception):
            await loop


def _raise_failure(loops: Sequence[asyncio.Task[None]], ended: asyncio.Task[None] | None) -> None:
    failed = [loop for loop in loops if not loop.cancelled() and loop.exception() is not None]
    for loop in failed:
        _log.error("worker.loop_failed", loop=loop.get_name(), exc_info=loop.exception())
    if failed:
        raise LoopEndedError(f"{failed[0].get_name()} failed") from failed[0].exception()
    if ended is not None:
        raise LoopEndedError(f"{ended.get_name()} ended by itself")


def _name_of(task: Loop) -> str:
    return getattr(task, "__qualname__", type(task).__name__)
