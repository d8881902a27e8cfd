"""Programs of a benchmark in processes of their own, whose output is read line by line."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
STOP_TIMEOUT_SECONDS = 15.0


class Child:
    """A running program and the last line it wrote."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.last: list[str] = []
        """The words of its last line."""
        self.lines: list[list[str]] = []
        self._wrote = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.last = line.decode().split()
            self.lines.append(self.last)
            self._wrote.set()
        self._wrote.set()

    async def wait_for_line(self) -> None:
        """Wait until it writes a line, or has ended."""
        self._wrote.clear()
        if not self._reading.done():
            await self._wrote.wait()
        if self.process.returncode:
            raise RuntimeError(f"a program of the benchmark ended with {self.process.returncode}")

    async def stop(self) -> None:
        """Close its input, which tells it to stop, and read what it says at its end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_SECONDS):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
        await self._reading


@asynccontextmanager
async def child(*command: str, python: str = sys.executable) -> AsyncIterator[Child]:
    """Run `python -m <command>` from the root of the project until the block ends."""
    process = await asyncio.create_subprocess_exec(
        python, "-m", *command, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    running = Child(process)
    try:
        yield running
    finally:
        await running.stop()
