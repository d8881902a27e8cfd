"""The folder `.autodeal/`: the lock that one running platform holds, its state, and the latest logs."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil

from autodeal_devstack.engines.project_folders import project_folder


class NotRunningError(RuntimeError):
    """There is no running platform to talk to."""


class AlreadyRunningError(RuntimeError):
    """Another `up` holds the lock."""


class RunningProcess(msgspec.Struct, frozen=True, kw_only=True):
    """One process as it was when the state was written."""

    name: str
    kind: str
    """service or engine."""
    pid: int | None
    """None: an engine that is no process of this machine."""
    port: int | None
    started_at: float
    """Seconds since the epoch."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What other commands need to know of the running platform. It contains no secret."""

    owner_pid: int
    owner_started_at: float
    engines: str
    gateway_url: str
    sandbox_url: str
    cognito_url: str | None
    aws_region: str
    user_pool_id: str
    client_id: str
    processes: tuple[RunningProcess, ...]


class Home:
    """The folder and what lies in it."""

    def __init__(self, folder: Path | None = None) -> None:
        chosen = os.environ.get("AUTODEAL_HOME")
        self.folder = folder or (Path(chosen).resolve() if chosen else project_folder() / ".autodeal")

    @property
    def logs(self) -> Path:
        """The folder of the latest logs."""
        return self.folder / "logs"

    @property
    def _state(self) -> Path:
        return self.folder / "state.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the one running platform. Raises AlreadyRunningError.

        The lock goes with the process that holds it, however that ends, so that a state without a
        lock is known to be stale.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyRunningError from None
            self._state.unlink(missing_ok=True)
            try:
                yield
            finally:
                self._state.unlink(missing_ok=True)

    def fresh_logs(self) -> Path:
        """Empty the folder of logs and return it."""
        self.logs.mkdir(parents=True, exist_ok=True)
        for log in self.logs.glob("*.log"):
            log.unlink()
        return self.logs

    def write_header(self, name: str, token: str) -> Path:
        """Store a header for `curl -H @file` that only this user may read, and return the file."""
        file = self.folder / f"{name}.header"
        file.unlink(missing_ok=True)
        file.touch(mode=0o600)
        file.write_text(f"authorization: Bearer {token}\n")
        return file

    def write(self, state: State) -> None:
        """Store the state for other commands; they see the old one or the new one."""
        unfinished = self._state.with_suffix(".new")
        unfinished.write_bytes(msgspec.json.encode(state))
        unfinished.replace(self._state)

    def read(self) -> State | None:
        """Return the state of the running platform; a stale one is removed and counts as none."""
        try:
            state = msgspec.json.decode(self._state.read_bytes(), type=State)
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError:
            self._state.unlink(missing_ok=True)
            return None
        if not is_alive(state.owner_pid, state.owner_started_at):
            self._state.unlink(missing_ok=True)
            return None
        return state

    def require(self) -> State:
        """Return the state of the running platform. Raises NotRunningError."""
        state = self.read()
        if state is None:
            raise NotRunningError("nothing is running; `autodeal up` starts it")
        return state


def started_at(pid: int | None) -> float:
    """Return when a process started, or now if it cannot be told."""
    try:
        return psutil.Process(pid).create_time() if pid else time.time()
    except psutil.Error:
        return time.time()


def is_alive(pid: int, began: float) -> bool:
    """Tell whether that very process runs: a pid may have been given to another one since."""
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - began) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
