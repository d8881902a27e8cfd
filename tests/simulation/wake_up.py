"""A bell that several can wait for; who comes late finds what he waits for already there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence


class WakeUp:
    """Wakes everybody who waits. Nothing is remembered: look first, then wait."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[None]] = []
        self.listeners: dict[object, Callable[[], None]] = {}
        """Those that have bells of their own, by whom they belong to."""

    def ring(self) -> None:
        """Wake everybody."""
        if self.listeners:
            for ring in list(self.listeners.values()):
                ring()
        if not self.waiting:
            return
        waiting, self.waiting = self.waiting, []
        for woken in waiting:
            if not woken.done():
                woken.set_result(None)

    def wait(self, timeout_seconds: float | None = None) -> Awaitable[None]:
        """Wait for a ring, or for as long as is said."""
        return wait_for_any((self,), timeout_seconds)


def wait_for_any(bells: Sequence[WakeUp], timeout_seconds: float | None = None) -> Awaitable[None]:
    """Wait for the first ring of several, or for as long as is said."""
    loop = asyncio.get_running_loop()
    woken: asyncio.Future[None] = loop.create_future()
    for bell in bells:
        bell.waiting.append(woken)
    if timeout_seconds is None:
        return woken
    return _wait_until(woken, loop.call_later(timeout_seconds, _wake, woken))


async def _wait_until(woken: asyncio.Future[None], timer: asyncio.TimerHandle) -> None:
    try:
        await woken
    finally:
        timer.cancel()


def _wake(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)
