"""An engine that is a JVM process."""

from __future__ import annotations

import importlib.resources
from abc import abstractmethod
from pathlib import Path

from autodeal_devstack.engines.engine import EngineRoom, plain_environment
from autodeal_devstack.engines.jvm_artifacts import Artifacts, artifacts_of
from autodeal_devstack.engines.local_server import LocalServer
from autodeal_devstack.processes import KeptProcess, in_thread

ARCHIVE_TIMEOUT_SECONDS = 40.0
"""A JVM that ends for the first time writes its class-data archive, which takes seconds."""


class JvmServer(LocalServer):
    """Starts a JVM with the jars of one pom."""

    artifact_name: str
    main_class: str
    archives_classes = True
    start_timeout_seconds = 90.0
    stop_timeout_seconds = 15.0

    def __init__(self, room: EngineRoom) -> None:
        super().__init__(room)
        self.artifacts = Artifacts(folder=Path(), java="")

    @abstractmethod
    def jvm_options(self) -> tuple[str, ...]:
        """Return what this engine tells its JVM."""

    @abstractmethod
    def arguments(self) -> tuple[str, ...]:
        """Return the arguments of its main class."""

    async def prepare(self) -> None:
        """Fetch the jars, the first time."""
        self.artifacts = await in_thread(artifacts_of, self.artifact_name)

    def spawn(self) -> KeptProcess:
        """Start the JVM on `self.port`."""
        logging = importlib.resources.files("autodeal_devstack.engines") / "maven" / "log4j2.xml"
        command = self.artifacts.command(
            *self.jvm_options(),
            f"-Dlog4j2.configurationFile={logging}",
            "-Dlog4j2.disableJmx=true",
            main=self.main_class,
            arguments=self.arguments(),
            new_archive=self._new_archive,
        )
        return self.room.keeper.spawn(
            command, env=plain_environment(), cwd=self.room.folder, log=self.room.log
        )

    async def stop(self) -> None:
        """Stop it; if it wrote a class-data archive, keep that for the next start."""
        new_archive = self._new_archive
        if new_archive is None or self.artifacts.archive.exists():
            return await super().stop()
        self.stop_timeout_seconds = ARCHIVE_TIMEOUT_SECONDS
        await super().stop()
        return await in_thread(self.artifacts.keep_archive, new_archive)

    @property
    def _new_archive(self) -> Path | None:
        return self.room.folder / "classes.jsa" if self.archives_classes else None
