"""A bell that several can wait for; who comes late finds what he waits for already there."""

from __future__ import annotations

import asyncio


class WakeUp:
    """Wakes everybody who waits. Nothing is remembered: look first, then wait."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    def ring(self) -> None:
        """Wake everybody."""
        waiting, self._waiting = self._waiting, []
        for woken in waiting:
            if not woken.done():
                woken.set_result(None)

    async def wait(self, timeout_seconds: float | None = None) -> None:
        """Wait for a ring, or for as long as is said."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(woken)
        if timeout_seconds is None:
            await woken
            return
        timer = asyncio.get_running_loop().call_later(timeout_seconds, _wake, woken)
        await woken
        timer.cancel()


def _wake(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)
