from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

PROGRAM = Path(__file__).with_name("server_process.py")


@dataclass
class ServerProcess:
    """A running program, what it wrote so far, and where it listens."""

    process: asyncio.subprocess.Process
    lines: list[dict[str, Any]] = field(default_factory=list)
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def read_lines(self) -> None:
        assert self.process.stderr is not None
        async for raw in self.process.stderr:
            async with self._arrived:
                self.lines.append(json.loads(raw))
                self._arrived.notify_all()

    async def wait_for(self, event: str) -> dict[str, Any]:
        """Return the first line of an event, once it is written."""
        async with asyncio.timeout(20), self._arrived:
            while True:
                for line in self.lines:
                    if line["event"] == event:
                        return line
                await self._arrived.wait()

    async def url(self, path: str) -> str:
        return f"http://127.0.0.1:{(await self.wait_for('http.listening'))['port']}{path}"

    async def exit_code(self) -> int:
        async with asyncio.timeout(20):
            return await self.process.wait()


StartServer = Callable[..., Awaitable[ServerProcess]]


@pytest.fixture
async def start_server() -> AsyncIterator[StartServer]:
    """Start the program as `serve`, `work`, …, with settings; it is gone when the test ends."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(kind: str, **settings: str) -> ServerProcess:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                str(PROGRAM),
                kind,
                env={**os.environ, "HTTP_PORT": "0", **settings},
                stderr=asyncio.subprocess.PIPE,
            )
            server = ServerProcess(process)
            reading = asyncio.create_task(server.read_lines())

            async def end() -> None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
                await reading

            stack.push_async_callback(end)
            return server

        yield start


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield session
