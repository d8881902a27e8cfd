"""The one clock of a forwarded request: it runs out, the client leaves, or the process stops.

All three reach the waiting code in one way, as a time-out, so that whatever it waits for at that
moment is broken off; `reason` tells them apart afterwards.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from enum import Enum
from types import TracebackType
from typing import Self

from litestar.types import Receive


class Reason(Enum):
    """Why a deadline came."""

    TIME_IS_UP = "time_is_up"
    CLIENT_GONE = "client_gone"
    STOPPED = "stopped"


class Deadline:
    """A context in which TimeoutError is raised when the deadline comes."""

    __slots__ = ("_loop", "_timeout", "_watcher", "reason")

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._timeout = asyncio.timeout(seconds)
        self._watcher: asyncio.Task[None] | None = None
        self.reason = Reason.TIME_IS_UP

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
        await self._timeout.__aexit__(kind, error, traceback)

    def extend(self, seconds: float) -> None:
        """Let the deadline be so long from now, unless it has come."""
        if self.reason is Reason.TIME_IS_UP:
            self._reschedule(self._loop.time() + seconds)

    def stop(self) -> None:
        """Let the deadline come now, because the process ends."""
        self._come(Reason.STOPPED)

    def watch_client(self, receive: Receive) -> None:
        """Let the deadline come when the client leaves.

        Only once the whole body was read: until then, whoever reads it learns of the leaving.
        """
        self._watcher = self._loop.create_task(self._watch(receive))

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._come(Reason.CLIENT_GONE)

    def _come(self, reason: Reason) -> None:
        self.reason = reason
        self._reschedule(self._loop.time())

    def _reschedule(self, when: float) -> None:
        # A deadline that has come, or whose block was left, cannot be moved any more.
        with suppress(RuntimeError):
            self._timeout.reschedule(when)
