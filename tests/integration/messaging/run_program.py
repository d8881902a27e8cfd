"""A relay or a consumer in a process of its own, to which a test does what it likes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from autodeal_messaging.kafka_settings import KafkaSettings


@asynccontextmanager
async def program(path: Path, *words: str | KafkaSettings) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program until the block ends, and then end it with SIGKILL, unless the block did so.

    Settings are handed over as JSON; the block begins when the program has said that it is ready.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(path),
        *(word if isinstance(word, str) else msgspec.json.encode(word).decode() for word in words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
