"""Start the chosen engines side by side, and leave nothing of them behind."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from autodeal_devstack.engines.choose_engines import CHOICES
from autodeal_devstack.engines.endpoints import Endpoints, EngineChoice, EngineName
from autodeal_devstack.engines.engine import Engine, EngineRoom
from autodeal_devstack.processes import Keeper, together

EVERY_ENGINE = frozenset(EngineName)


class EngineSet:
    """The engines of one owner; more of them can be started as they are needed."""

    def __init__(self, choice: EngineChoice, keeper: Keeper, folder: Path, logs: Path) -> None:
        self.choice = choice
        self.endpoints = Endpoints()
        """Where the engines started so far answer."""
        self.engines: dict[str, Engine] = {}
        """The started engines by name, to kill and restart them."""
        self._room = EngineRoom(keeper=keeper, folder=folder, log=logs)
        self._started: set[EngineName] = set()
        self._lock = asyncio.Lock()

    async def start(self, need: Collection[EngineName | str] = EVERY_ENGINE) -> Endpoints:
        """Start those of the engines that do not run yet, in parallel. Raises EngineError."""
        async with self._lock:
            missing = {EngineName(name) for name in need} - self._started
            made = CHOICES[self.choice](self._room, missing)
            self.engines |= made  # at once, so that `stop` ends also those whose siblings failed
            await together(*(engine.start() for engine in made.values()))
            for engine in made.values():
                self.endpoints = engine.locate(self.endpoints)
            self._started |= missing
            return self.endpoints

    async def stop(self) -> None:
        """Stop all engines in parallel."""
        await asyncio.gather(*(engine.stop() for engine in self.engines.values()))
        self.engines.clear()
        self._started.clear()


@asynccontextmanager
async def running_engines(
    choice: EngineChoice = EngineChoice.EMBEDDED,
    workdir: Path | None = None,
    need: Collection[EngineName | str] = EVERY_ENGINE,
) -> AsyncIterator[Endpoints]:
    """Run the needed engines while the block runs; logs stay in `workdir`, if it is given."""
    async with engine_set(choice, logs=workdir) as engines:
        yield await engines.start(need)


@asynccontextmanager
async def engine_set(
    choice: EngineChoice, *, logs: Path | None = None, keeper: Keeper | None = None
) -> AsyncIterator[EngineSet]:
    """Hold a set of engines while the block runs; none is started yet.

    Their data lies in a temporary folder, which goes with them; so do the logs unless `logs` is given.
    """
    own_keeper = keeper is None
    keeper = keeper or Keeper()
    folder = Path(tempfile.mkdtemp(prefix="autodeal-engines-"))
    try:
        os.chmod(folder, 0o755)  # noqa: PTH101, S103 the server's system user walks through it
        keeper.remove_at_end(folder)
        engines = EngineSet(choice, keeper, folder, logs or folder)
        try:
            yield engines
        finally:
            await engines.stop()
    finally:
        if own_keeper:
            await asyncio.to_thread(keeper.close)
        shutil.rmtree(folder, ignore_errors=True)
