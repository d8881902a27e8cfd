"""Runs an HTTP application until the process is told to stop, and then stops politely.

On SIGTERM or SIGINT: readiness fails at once; after the drain delay nothing new is accepted;
what is in flight may finish within the drain timeout; the process ends with 0. A second signal
does not wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final

import uvicorn
from litestar import Litestar

from autodeal_platform.health import Health
from autodeal_platform.logs import get_logger
from autodeal_platform.settings import HttpSettings

KEEP_ALIVE_SECONDS: Final = 75
"""Longer than our own clients keep an idle connection, so that they never write to one just closed."""
BACKLOG: Final = 2048
CLOSE_TIMEOUT_SECONDS = 8.0
"""How long the application may take to disconnect from everything once its requests have ended. With what
comes after it, a process ends within ten seconds of its drain; docs/settings.md promises that."""

_log = get_logger(__name__)


class ServerStartError(Exception):
    """The server could not start: its port is taken, or the application's start-up failed."""

    code = "server_start_failed"


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to us and says when it listens."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            _log.info("http.listening", host=host, port=port)


async def run_http(
    app: Litestar, settings: HttpSettings, health: Health, *, stop: asyncio.Event | None = None
) -> None:
    """Serve until SIGTERM, SIGINT or `stop`; return once drained.

    Raises ServerStartError when the server cannot start.
    """
    stop = stop or asyncio.Event()
    server = make_server(app, settings)

    def on_signal() -> None:
        if stop.is_set():
            server.force_exit = True
        stop.set()

    with handling_signals(on_signal):
        serving = asyncio.create_task(start_server(server), name="serve-http")
        stopping = asyncio.create_task(stop.wait(), name="wait-for-stop")
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        health.start_draining()
        if not serving.done():
            _log.info("http.draining", delay_seconds=settings.http_drain_delay_seconds)
            await asyncio.wait({serving}, timeout=settings.http_drain_delay_seconds)
            server.should_exit = True
        await end_server(serving, settings.http_drain_timeout_seconds)
        _log.info("http.stopped")


def make_server(app: Litestar, settings: HttpSettings) -> uvicorn.Server:
    """Return the server for an application, not started."""
    return _Server(
        uvicorn.Config(
            app,
            host=settings.http_host,
            port=settings.http_port,
            http="httptools",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=settings.http_drain_timeout_seconds,  # type: ignore[arg-type]  # it goes to wait_for, which takes fractions
        )
    )


async def start_server(server: uvicorn.Server) -> None:
    """Run the server to its end; raises ServerStartError when it never started."""
    try:
        await server.serve()
    except SystemExit:
        raise ServerStartError("the server could not listen") from None
    if not server.started:
        raise ServerStartError("the application's start-up failed")


async def end_server(serving: asyncio.Task[None], drain_timeout_seconds: float) -> None:
    """Wait until a server that was told to stop has stopped, but not for ever; raises its error."""
    await asyncio.wait({serving}, timeout=drain_timeout_seconds + CLOSE_TIMEOUT_SECONDS)
    if serving.done():
        await serving
        return
    _log.warning("http.close_timed_out")
    serving.cancel()
    await asyncio.wait({serving}, timeout=1.0)


@contextlib.contextmanager
def handling_signals(on_signal: Callable[[], None]) -> Iterator[None]:
    """Call `on_signal` for SIGTERM and SIGINT instead of dying, for the length of a block."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def run_process(main: Coroutine[Any, Any, int | None]) -> int:
    """Run a process's main coroutine on uvloop; return its exit code: its own or 0, and 1 when it failed."""
    import uvloop

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(main) or 0
    except Exception as error:  # noqa: BLE001  the last place that can tell what ended the process
        _log.critical("process.failed", error=type(error).__name__, exc_info=error)
        return 1
