"""Start the chosen engines side by side, and leave nothing of them behind."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from autodeal_devstack.engines.choose_engines import CHOICES
from autodeal_devstack.engines.endpoints import Endpoints, EngineChoice, EngineError, EngineName
from autodeal_devstack.engines.engine import Engine, EngineRoom
from autodeal_devstack.processes import Keeper

EVERY_ENGINE = frozenset(EngineName)


class EngineSet:
    """The engines of one owner; more of them can be started as they are needed."""

    def __init__(self, choice: EngineChoice, keeper: Keeper, folder: Path) -> None:
        self.choice = choice
        self.endpoints = Endpoints()
        """Where the engines started so far answer."""
        self.engines: dict[str, Engine] = {}
        """The started engines by name, to kill and restart them."""
        self._room = EngineRoom(keeper=keeper, folder=folder)
        self._started: set[EngineName] = set()
        self._lock = asyncio.Lock()

    async def start(self, need: Collection[EngineName | str] = EVERY_ENGINE) -> Endpoints:
        """Start those of the engines that do not run yet, in parallel. Raises EngineError."""
        async with self._lock:
            missing = {EngineName(name) for name in need} - self._started
            made = CHOICES[self.choice](self._room, missing)
            try:
                async with asyncio.TaskGroup() as starting:
                    for engine in made.values():
                        starting.create_task(engine.start())
            except* EngineError as group:
                raise first_of(group) from None
            for engine in made.values():
                self.endpoints = engine.locate(self.endpoints)
            self.engines |= made
            self._started |= missing
            return self.endpoints

    async def stop(self) -> None:
        """Stop all engines in parallel."""
        await asyncio.gather(*(engine.stop() for engine in self.engines.values()))
        self.engines.clear()
        self._started.clear()


def first_of(group: BaseExceptionGroup[EngineError]) -> EngineError:
    """Return the first error of a group, however deep it lies."""
    error = group.exceptions[0]
    return first_of(error) if isinstance(error, BaseExceptionGroup) else error


@asynccontextmanager
async def running_engines(
    choice: EngineChoice = EngineChoice.EMBEDDED,
    workdir: Path | None = None,
    need: Collection[EngineName | str] = EVERY_ENGINE,
) -> AsyncIterator[Endpoints]:
    """Run the needed engines while the block runs; data and logs go to `workdir`, or nowhere for ever."""
    async with engine_set(choice, workdir) as engines:
        yield await engines.start(need)


@asynccontextmanager
async def engine_set(choice: EngineChoice, workdir: Path | None = None) -> AsyncIterator[EngineSet]:
    """Hold a set of engines while the block runs; none is started yet."""
    keeper = Keeper()
    folder = workdir or Path(tempfile.mkdtemp(prefix="autodeal-engines-"))
    try:
        if workdir is None:
            folder.chmod(0o755)  # the server's system user walks through it
            keeper.remove_at_end(folder)
        engines = EngineSet(choice, keeper, folder)
        try:
            yield engines
        finally:
            await engines.stop()
    finally:
        await asyncio.to_thread(keeper.close)
        if workdir is None:
            shutil.rmtree(folder, ignore_errors=True)
