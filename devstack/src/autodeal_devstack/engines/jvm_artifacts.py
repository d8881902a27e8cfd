"""The jars of the JVM engines, brought by Maven once and kept in the project's cache.

Each engine has a pom of its own; another pom makes another folder. Next to the jars lies a class-data
archive, written when an engine first stops in good order: with it a JVM starts in about half the time.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from autodeal_devstack.engines.endpoints import EngineError
from autodeal_devstack.engines.project_folders import engine_cache_folder

DOWNLOAD_TIMEOUT_SECONDS = 600.0
JVM_OPTIONS = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",  # no memory-mapped file in the system's temporary folder
    "-Xss512k",
)


def find_java() -> str:
    """Return the JVM of JAVA_HOME or PATH. Raises EngineError."""
    home = os.environ.get("JAVA_HOME")
    if home and Path(home, "bin", "java").is_file():
        return str(Path(home, "bin", "java"))
    found = shutil.which("java")
    if found is None:
        raise EngineError("ENGINES=real needs a JDK (17 or newer) and Maven: there is no `java` on the PATH")
    return found


@dataclass(frozen=True)
class Artifacts:
    """An engine's jars, and how a JVM is started with them."""

    folder: Path
    java: str

    @property
    def jars(self) -> Path:
        """The folder of jars and native libraries."""
        return self.folder / "lib"

    @property
    def archive(self) -> Path:
        """The class-data archive of this JVM; it may not exist yet."""
        installation = hashlib.sha256(os.path.realpath(self.java).encode()).hexdigest()[:8]
        return self.folder / f"classes-{installation}.jsa"

    def command(
        self, *options: str, main: str, arguments: tuple[str, ...], new_archive: Path | None
    ) -> list[str]:
        """Return the command line; while there is no archive the JVM writes `new_archive` when it ends."""
        sharing: tuple[str, ...] = ()
        if self.archive.exists():
            sharing = (f"-XX:SharedArchiveFile={self.archive}",)
        elif new_archive is not None:
            sharing = (f"-XX:ArchiveClassesAtExit={new_archive}",)
        # The class path is spelled out in a fixed order, for the archive is bound to it.
        class_path = os.pathsep.join(sorted(str(jar) for jar in self.jars.glob("*.jar")))
        quiet = "-Xlog:disable", "-Xlog:all=error:stderr"
        return [self.java, *JVM_OPTIONS, *quiet, *sharing, *options, "-cp", class_path, main, *arguments]

    def keep_archive(self, written: Path) -> None:
        """Put an archive that a JVM wrote at its end to use for the next one."""
        if written.exists() and written.stat().st_size and not self.archive.exists():
            unfinished = self.archive.with_suffix(f".{os.getpid()}")
            shutil.move(written, unfinished)
            unfinished.rename(self.archive)


def artifacts_of(engine: str) -> Artifacts:
    """Return the jars of an engine, fetching them the first time. Raises EngineError in one line."""
    java = find_java()
    pom = importlib.resources.files("autodeal_devstack.engines") / "maven" / engine / "pom.xml"
    text = pom.read_bytes()
    folder = engine_cache_folder() / f"{engine}-{hashlib.sha256(text).hexdigest()[:12]}"
    if not folder.is_dir():
        fetch(engine, text, folder)
    return Artifacts(folder=folder, java=java)


def fetch(engine: str, pom: bytes, folder: Path) -> None:
    """Have Maven copy the dependencies of a pom; others see all of them or none."""
    maven = shutil.which("mvn")
    if maven is None:
        raise EngineError("ENGINES=real needs a JDK (17 or newer) and Maven: there is no `mvn` on the PATH")
    with tempfile.TemporaryDirectory(prefix=f"{engine}-", dir=folder.parent) as workplace:
        Path(workplace, "pom.xml").write_bytes(pom)
        command = [maven, "-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime"]
        result = subprocess.run(
            [*command, "-DoutputDirectory=lib"],
            cwd=workplace,
            check=False,
            capture_output=True,
            text=True,
            timeout=DOWNLOAD_TIMEOUT_SECONDS,
        )
        if result.returncode:
            first = next(
                (line for line in result.stdout.splitlines() if "ERROR" in line), result.stderr.strip()
            )
            raise EngineError(f"Maven could not fetch the artifacts of {engine}: {first}")
        finished = Path(tempfile.mkdtemp(prefix=f"{engine}-", dir=folder.parent))
        Path(workplace, "lib").rename(finished / "lib")
        finished.chmod(0o755)
        try:
            finished.rename(folder)
        except OSError:  # another process was faster
            shutil.rmtree(finished)
