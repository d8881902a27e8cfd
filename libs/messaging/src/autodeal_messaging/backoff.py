"""Waiting longer after each failure, and differently in each process."""

from __future__ import annotations

import asyncio
import contextlib
import random


class Backoff:
    """Delays that double up to a limit, of which the upper half is left to chance."""

    def __init__(self, *, first_seconds: float, maximum_seconds: float) -> None:
        self._first = first_seconds
        self._maximum = maximum_seconds
        self.failures = 0
        """Failures since the last `reset`."""

    def next_seconds(self) -> float:
        """Count a failure and return how long to wait after it."""
        ceiling: float = min(self._maximum, self._first * 2 ** min(self.failures, 30))
        self.failures += 1
        return ceiling * random.uniform(0.5, 1.0)  # noqa: S311  # spreads load, guards no secret

    def reset(self) -> None:
        """Start over after a success."""
        self.failures = 0


async def wait_for_event(event: asyncio.Event, timeout_seconds: float) -> bool:
    """Wait for an event at most this long; tell whether it is set."""
    with contextlib.suppress(TimeoutError):
        # A timer costs less than `wait_for`, which makes a task of each wait.
        async with asyncio.timeout(timeout_seconds):
            await event.wait()
    return event.is_set()


def worth_logging(failures: int) -> bool:
    """Tell whether to log this failure of a row: the 1st, 2nd, 4th, 8th … keep a log readable."""
    return failures & (failures - 1) == 0
