"""Start services again that ended by themselves, as a cluster would."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable

from rich.console import Console

from autodeal_devstack.processes import ProcessFailedError
from autodeal_devstack.stack import Stack

LOOK_SECONDS = 0.5
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0


async def revive_services(stack: Stack, console: Console, *, on_change: Callable[[], None]) -> None:
    """Look after the services until cancelled; one that keeps ending is started at growing intervals."""
    pauses: dict[str, float] = defaultdict(lambda: FIRST_PAUSE_SECONDS)
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        for name, code in stack.ended().items():
            console.print(
                f"[yellow]{name} ended with code {code}[/]; it starts again in {pauses[name]:.0f} s"
            )
            await asyncio.sleep(pauses[name])
            pauses[name] = min(2 * pauses[name], LONGEST_PAUSE_SECONDS)
            try:
                await stack.restart(name)
            except ProcessFailedError as error:
                console.print(f"[red]{error}[/]", markup=True)
            else:
                console.print(f"{name} is ready again")
                pauses.pop(name)
            on_change()
