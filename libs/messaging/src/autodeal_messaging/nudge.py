"""An in-process wake-up for the loops that also poll."""

from __future__ import annotations

import asyncio


class Nudge:
    """Wakes the one loop that waits on it, at once, when something was committed.

    Rings between two waits fold into one, and a ring is never a promise: it may be lost with the
    process, so every loop that waits here polls behind it. Rung with the keys that were written, it
    lets a store that is read shard by shard look only where there is something to see.
    """

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._keys: set[str] = set()
        self._everywhere = False

    def ring(self, *keys: str) -> None:
        """Wake the waiter; `keys` are the partition keys just written, none means "look everywhere"."""
        if keys:
            self._keys.update(keys)
        else:
            self._everywhere = True
        self._event.set()

    def wake(self) -> None:
        """End the wait without asking for a look: work that was under way has finished, or a stop."""
        self._event.set()

    async def wait(self, timeout_seconds: float) -> bool:
        """Wait for a ring at most this long; tell whether one asks for a look."""
        if not self._event.is_set():
            # A timer costs less than `wait_for`, which makes a task and a cancellation of each wait.
            timer = asyncio.get_running_loop().call_later(timeout_seconds, self._event.set)
            try:
                await self._event.wait()
            finally:
                timer.cancel()
        self._event.clear()
        return self._everywhere or bool(self._keys)

    def take(self) -> frozenset[str] | None:
        """Return the keys rung since the last call, or None to look everywhere (also when none rang)."""
        keys = None if self._everywhere or not self._keys else frozenset(self._keys)
        self._keys.clear()
        self._everywhere = False
        return keys
