"""PostgreSQL for a developer's cluster, with the variables of the official image."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from pathlib import Path

from autodeal_devstack.containers.run_program import run_program
from autodeal_devstack.engines.endpoints import EngineError
from autodeal_devstack.engines.postgres_files import binaries_for

SETTINGS = {
    "listen_addresses": "*",
    "unix_socket_directories": "",
    "max_connections": "300",
    "shared_buffers": "128MB",
    "dynamic_shared_memory_type": "mmap",  # a container's /dev/shm is small
    "timezone": "UTC",
    "log_timezone": "UTC",
}
INITDB_OPTIONS = (
    "--username=postgres",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--no-instructions",
)
ANY_ADDRESS = "host all all all scram-sha-256\n"
TIMEOUT_SECONDS = 120.0


def run_postgres(port: int) -> int:
    """Serve from PGDATA, made when it is empty, with the database POSTGRES_DB; return the exit code.

    POSTGRES_PASSWORD is the password of the role `postgres`. Raises EngineError.
    """
    data, password = Path(require("PGDATA")), require("POSTGRES_PASSWORD")
    binaries = binaries_for(None, data)
    if not (data / "PG_VERSION").exists():
        make_cluster(binaries, data, password, os.environ.get("POSTGRES_DB", "postgres"))
    settings = SETTINGS | {"port": str(port)}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    # SIGINT is its fast shutdown; at SIGTERM it would wait until every client has left.
    return run_program(
        [str(binaries / "postgres"), "-D", str(data), *options],
        environment={"LC_ALL": "C"},
        stop_signal=signal.SIGINT,
    )


def make_cluster(binaries: Path, data: Path, password: str, database: str) -> None:
    """Make a cluster below a private folder and put it in place as a whole, with its database."""
    data.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=data.parent, prefix="initdb-") as workplace:
        secret, cluster = Path(workplace, "password"), Path(workplace, "data")
        secret.write_text(password)
        call([str(binaries / "initdb"), f"--pgdata={cluster}", f"--pwfile={secret}", *INITDB_OPTIONS])
        with (cluster / "pg_hba.conf").open("a") as rules:
            rules.write(ANY_ADDRESS)
        if database != "postgres":
            single = [str(binaries / "postgres"), "--single", "-D", str(cluster), "-j", "postgres"]
            call(single, stdin=f'create database "{database}";\n\n')
        cluster.rename(data)


def call(command: list[str], *, stdin: str = "") -> None:
    """Run one of the server's programs to its end. Raises EngineError with what it said."""
    result = subprocess.run(
        command,
        input=stdin,
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"LC_ALL": "C"},
        timeout=TIMEOUT_SECONDS,
    )
    if result.returncode:
        raise EngineError(f"{Path(command[0]).name} failed: {result.stderr.strip()}")


def require(variable: str) -> str:
    """Return what the environment says. Raises EngineError when it says nothing."""
    value = os.environ.get(variable)
    if not value:
        raise EngineError(f"{variable} is missing")
    return value
