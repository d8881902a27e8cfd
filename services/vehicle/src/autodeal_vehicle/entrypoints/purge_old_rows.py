"""Keeps the tables of answers and handled events from growing for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from autodeal_platform.logs import get_logger

_log = get_logger(__name__)


class PurgeLoop:
    """Purges now and then, again at once while there is more, and never minds a failure."""

    def __init__(self, purge_once: Callable[[], Awaitable[int]], interval_seconds: float) -> None:
        self._purge_once = purge_once
        self._interval_seconds = interval_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop."""
        while not stop.is_set():
            purged = 0
            try:
                purged = await self._purge_once()
            except Exception as error:  # noqa: BLE001  whatever is wrong, the next round tries again
                _log.warning("purge.failed", error=type(error).__name__)
            if purged:
                _log.info("purge.done", rows=purged)
                continue
            try:
                async with asyncio.timeout(self._interval_seconds):
                    await stop.wait()
            except TimeoutError:
                continue
