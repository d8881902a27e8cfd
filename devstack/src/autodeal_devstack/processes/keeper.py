"""The owner's end of the keeper: start, watch and stop processes that end when the owner does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from autodeal_devstack.processes import keeper_main

POLL_SECONDS = 0.02
CLOSE_TIMEOUT_SECONDS = 30.0


class KeeperGoneError(RuntimeError):
    """The keeper process has ended although its owner lives; its children ended with it."""


class Keeper:
    """Starts the keeper process on first use; `close` stops every child and removes every registered folder.

    Calls block for well under a millisecond (spawning: a few), so they are made from coroutines directly.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def spawn(
        self,
        args: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        log: Path,
        user: int | None = None,
        group: int | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> KeptProcess:
        """Start a program; `stop_signal` is what it is sent when it or its owner ends."""
        answer = self._ask(
            do="spawn",
            args=list(args),
            env=dict(env),
            cwd=str(cwd),
            log=str(log),
            user=user,
            group=group,
            stop_signal=int(stop_signal),
        )
        return KeptProcess(keeper=self, pid=answer["pid"], log=log, stop_signal=stop_signal)

    def remove_at_end(self, path: Path) -> None:
        """Have a folder or file removed when this keeper closes or its owner dies."""
        self._ask(do="remove_at_end", path=str(path))

    def close(self) -> None:
        """Stop all children and remove the registered folders; returns when that is done. Repeats safely."""
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with contextlib.suppress(BrokenPipeError):  # it was killed
                process.stdin.close()
            process.wait(CLOSE_TIMEOUT_SECONDS)
        finally:
            process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, **request: Any) -> dict[str, Any]:  # noqa: ANN401 requests are JSON objects
        with self._lock:
            process = self._started()
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(json.dumps(request).encode() + b"\n")
                process.stdin.flush()
            except BrokenPipeError as error:
                raise KeeperGoneError("the keeper process is gone") from error
            line = process.stdout.readline()
        if not line:
            raise KeeperGoneError("the keeper process is gone")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            # Its own session: Ctrl-C in a terminal reaches the owner, which then stops things in order.
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", keeper_main.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
                cwd=os.sep,
            )
        return self._process


@dataclass(frozen=True)
class KeptProcess:
    """A running child of the keeper."""

    keeper: Keeper
    pid: int
    log: Path
    stop_signal: signal.Signals

    def code(self) -> int | None:
        """Return the exit code, or None while it runs (a negative code is the signal that ended it)."""
        code: int | None = self.keeper._ask(do="poll", pid=self.pid)["code"]  # noqa: SLF001 one unit
        return code

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        self.keeper._ask(do="signal", pid=self.pid, number=int(number))  # noqa: SLF001 one unit

    async def stop(self, *, timeout_seconds: float) -> int:
        """Ask it to stop, kill it with all its children after the time-out, and return the exit code."""
        self.send(self.stop_signal)
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        while (code := self.code()) is None:
            if asyncio.get_running_loop().time() >= deadline:
                return await self.kill()
            await asyncio.sleep(POLL_SECONDS)
        return code

    async def kill(self) -> int:
        """End it with SIGKILL, as a crash of the machine's memory killer would, and return the exit code."""
        self.keeper._ask(do="kill_group", pid=self.pid)  # noqa: SLF001 one unit
        while (code := self.code()) is None:  # noqa: ASYNC110 another process cannot set an Event
            await asyncio.sleep(POLL_SECONDS)
        return code

    def tail(self, lines: int = 15) -> str:
        """Return the last lines of its log."""
        try:
            text = self.log.read_text(errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])
