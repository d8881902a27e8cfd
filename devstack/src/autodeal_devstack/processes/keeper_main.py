"""The keeper: a tiny parent process of every engine and service that one owner starts.

It does what its owner says in JSON lines on standard input, and answers each line with one line.
When the input ends – the owner closed it, crashed or was killed with SIGKILL – it stops every child
and removes every folder it was told about. Being the parent it knows its children's pids for sure:
no pid is signalled after it was reaped, and no child starts that the keeper does not know of.
Should the keeper itself be killed, Linux passes each child's own stop signal on to it.

Standard library only: it is run as a file with `python -I -S`, so it starts in a few milliseconds.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
GRACE_SECONDS = 4.0
"""How long children may take to stop by themselves once the owner is gone."""
PARENT_CHECK_SECONDS = 0.5


class Child:
    """One child process and the signal that makes it stop in good order."""

    def __init__(self, process: subprocess.Popen[bytes], stop_signal: int) -> None:
        self.process = process
        self.stop_signal = stop_signal

    def kill_group(self) -> None:
        """Kill the child and what it started; only while its pid is certainly still its own."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)


def die_with_parent(stop_signal: int) -> Callable[[], None] | None:
    """Return what a new child calls first, so that it gets its stop signal when the keeper dies (Linux)."""
    if not sys.platform.startswith("linux"):
        return None
    import ctypes

    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask_for_signal() -> None:
        prctl(PR_SET_PDEATHSIG, stop_signal)

    return ask_for_signal


class KeeperProcess:
    """The children and folders of one owner."""

    def __init__(self) -> None:
        self.children: dict[int, Child] = {}
        self.paths: list[Path] = []

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do one request. Errors travel back as text."""
        try:
            return getattr(self, f"do_{request.pop('do')}")(**request)  # type: ignore[no-any-return]
        except Exception as error:  # noqa: BLE001 the owner raises it again
            return {"error": f"{type(error).__name__}: {error}"}

    def do_spawn(
        self,
        *,
        args: list[str],
        env: dict[str, str],
        cwd: str,
        log: str,
        user: int | None,
        group: int | None,
        stop_signal: int,
    ) -> dict[str, Any]:
        """Start a program in a session of its own, its output appended to `log`."""
        with Path(log).open("ab") as output:
            process = subprocess.Popen(
                args,
                env=env,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=user,
                group=group,
                extra_groups=None if group is None else [],
                preexec_fn=die_with_parent(stop_signal),  # noqa: PLW1509 this process has one thread
            )
        self.children[process.pid] = Child(process, stop_signal)
        return {"pid": process.pid}

    def do_poll(self, *, pid: int) -> dict[str, Any]:
        """Say the exit code, or null while it runs."""
        return {"code": self.children[pid].process.poll()}

    def do_signal(self, *, pid: int, number: int) -> dict[str, Any]:
        """Send a signal, unless the child has ended."""
        self.children[pid].process.send_signal(number)
        return {}

    def do_kill_group(self, *, pid: int) -> dict[str, Any]:
        """Kill a child with all it started."""
        self.children[pid].kill_group()
        return {}

    def do_remove_at_end(self, *, path: str) -> dict[str, Any]:
        """Remember a folder or file to remove when the owner is gone."""
        self.paths.append(Path(path))
        return {}

    def end(self) -> None:
        """Stop every child, the last started first, then remove what it was told to remove."""
        running = [child for child in reversed(self.children.values()) if child.process.poll() is None]
        for child in running:
            child.process.send_signal(child.stop_signal)
        deadline = time.monotonic() + GRACE_SECONDS
        for child in running:
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill_group()
                child.process.wait()
        for path in self.paths:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def main() -> None:
    """Serve the owner until it is gone."""
    # Handlers that do nothing, for children would inherit ignored signals and then never stop on them.
    for unheeded in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(unheeded, lambda *_: None)
    keeper = KeeperProcess()
    try:
        serve_owner(keeper, os.getppid())
    finally:
        keeper.end()


def serve_owner(keeper: KeeperProcess, owner: int) -> None:
    """Answer requests until the input ends or the parent is another: a forked copy may hold the pipe open."""
    pending = b""
    while os.getppid() == owner:
        readable, _, _ = select.select([0], [], [], PARENT_CHECK_SECONDS)
        if not readable:
            continue
        received = os.read(0, 65536)
        if not received:
            return
        *lines, pending = (pending + received).split(b"\n")
        for line in lines:
            answer = json.dumps(keeper.answer(json.loads(line))).encode()
            with contextlib.suppress(BrokenPipeError):  # the owner died while it waited
                os.write(1, answer + b"\n")


if __name__ == "__main__":
    main()
