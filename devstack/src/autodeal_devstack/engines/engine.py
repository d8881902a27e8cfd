"""What every engine has in common."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from autodeal_devstack.engines.endpoints import Endpoints
from autodeal_devstack.processes import Keeper


class Engine(Protocol):
    """One engine: started once, then perhaps killed and restarted on the same address, then stopped."""

    async def start(self) -> None:
        """Start it and return once it answers its protocol. Raises EngineError."""

    async def stop(self) -> None:
        """End it in good order, by pid."""

    async def kill(self) -> None:
        """End it as a crash would."""

    async def restart(self) -> None:
        """Start it again on the same address, with the data that its kind keeps."""

    def locate(self, endpoints: Endpoints) -> Endpoints:
        """Fill in the addresses that this engine serves."""

    def describe(self) -> EngineProcess:
        """Say by which process it is served now."""


@dataclass(frozen=True)
class EngineProcess:
    """The process behind an engine."""

    pid: int | None
    """None when it is no process of this machine's user: a container, or somebody else's engine."""
    port: int | None


@dataclass(frozen=True)
class EngineRoom:
    """Where an engine runs: the keeper of its processes, the folder for its data, and its log."""

    keeper: Keeper
    folder: Path
    log: Path
    """The file that the engine's output is appended to; before `for_engine`, the folder of all logs."""

    def for_engine(self, name: str) -> EngineRoom:
        """Make the engine's own folder below this one."""
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        return replace(self, folder=folder, log=self.log / f"{name}.log")


def plain_environment(**extra: str) -> dict[str, str]:
    """Return an environment in which no variable of the caller configures an engine by accident."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    return kept | extra
