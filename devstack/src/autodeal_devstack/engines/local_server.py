"""An engine that is one server process of this machine, on a free port of 127.0.0.1."""

from __future__ import annotations

from abc import ABC, abstractmethod

from autodeal_devstack.engines.endpoints import Endpoints, EngineError
from autodeal_devstack.engines.engine import EngineProcess, EngineRoom
from autodeal_devstack.processes import KeptProcess, ProcessFailedError, await_ready, find_port

PORT_TRIES = 5
"""How often an engine is started anew on another port because somebody else took the port first."""


class LocalServer(ABC):
    """Starts on a free port and keeps that port through kills and restarts."""

    title: str
    """What messages call it."""
    start_timeout_seconds = 30.0
    stop_timeout_seconds = 5.0

    def __init__(self, room: EngineRoom) -> None:
        self.room = room
        self.port = 0
        self._process: KeptProcess | None = None

    @abstractmethod
    def spawn(self) -> KeptProcess:
        """Start the process on `self.port`."""

    @abstractmethod
    async def probe(self) -> None:
        """Ask it something in its own protocol; raise while it does not answer."""

    @abstractmethod
    def locate(self, endpoints: Endpoints) -> Endpoints:
        """Fill in the addresses that it serves."""

    async def prepare(self) -> None:  # noqa: B027 most servers need nothing
        """Make what it needs before its first start."""

    async def start(self) -> None:
        """Start on a free port and return once it answers. Raises EngineError with its last log lines."""
        await self.prepare()
        for tries_left in reversed(range(PORT_TRIES)):
            self.port = find_port()
            try:
                await self.restart()
            except ProcessFailedError as error:
                port_is_taken = self._process is not None and self._process.code() is not None
                await self.kill()
                if tries_left and port_is_taken:
                    continue
                raise EngineError(str(error)) from error
            else:
                break

    async def restart(self) -> None:
        """Start again on the same port, with the data that its kind keeps."""
        self._process = self.spawn()
        await await_ready(
            self.title,
            self._process,
            port=self.port,
            probe=self.probe,
            timeout_seconds=self.start_timeout_seconds,
        )

    async def kill(self) -> None:
        """End it with SIGKILL."""
        if self._process is not None:
            await self._process.kill()

    async def stop(self) -> None:
        """Ask it to end, by pid, and kill it when it takes too long."""
        if self._process is not None:
            await self._process.stop(timeout_seconds=self.stop_timeout_seconds)

    def describe(self) -> EngineProcess:
        """Return its pid, once it was started, and its port."""
        return EngineProcess(pid=self._process.pid if self._process else None, port=self.port)
