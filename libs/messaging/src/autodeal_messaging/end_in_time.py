"""An end within a time limit: what a loop waits for may be away, and then it cannot end by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

CANCEL_TIMEOUT_SECONDS = 2.0
"""How long a cancelled loop may take to notice; a database that stands still answers no farewell."""


async def end_in_time(
    loop: Coroutine[Any, Any, None], stop: asyncio.Event, drain_timeout_seconds: float
) -> None:
    """Run a loop that ends by itself after a stop; if that takes too long, cancel it. Raises its error."""
    running = asyncio.create_task(loop)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            await asyncio.wait({running}, timeout=drain_timeout_seconds)
    finally:
        stopping.cancel()
        if not running.done():
            running.cancel()
            await asyncio.wait({running}, timeout=CANCEL_TIMEOUT_SECONDS)
    if running.done() and not running.cancelled():
        running.result()
