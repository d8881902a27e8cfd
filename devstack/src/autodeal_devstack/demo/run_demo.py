"""The demonstration: start everything, play every ending, look into every store, say what was found."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from rich.console import Console

from autodeal_devstack.demo.endings import ENDINGS
from autodeal_devstack.demo.invariants import INVARIANTS
from autodeal_devstack.demo.play_endings import play_endings
from autodeal_devstack.demo.print_timelines import print_timeline
from autodeal_devstack.demo.take_snapshot import quiet_snapshot
from autodeal_devstack.stack import running_stack

if TYPE_CHECKING:
    from autodeal_devstack.engines.endpoints import EngineChoice

QUICK: dict[str, dict[str, str]] = {
    "vehicle": {"SALE_DEADLINE_PIX_SECONDS": "12"},
    "payment": {
        "JANITOR_FIRST_CHECK_SECONDS": "2",
        "JANITOR_MAX_INTERVAL_SECONDS": "4",
        "UNKNOWN_RETRY_SECONDS": "1",
        "REFUND_RETRY_SECONDS": "1",
    },
}
"""The settings of a demonstration: a deadline of seconds, and a janitor in a hurry."""


def main(choice: EngineChoice) -> int:
    """Run the demonstration; the exit code is 0 when every ending and every invariant is right."""
    return asyncio.run(_run(choice, Console()))


async def _run(choice: EngineChoice, console: Console) -> int:
    began = time.monotonic()
    console.print(f"Starting the platform on [bold]{choice.value}[/] engines …", highlight=False)
    async with running_stack(choice, overrides=QUICK) as stack:
        console.print(
            f"Started in {time.monotonic() - began:.1f} s. Playing {len(ENDINGS)} purchases at once …\n",
            highlight=False,
        )
        told = await play_endings(stack)
        for each in told:
            print_timeline(console, each)
        snapshot, found = await quiet_snapshot(stack)
    failures = [each for each in told if each.failure]
    console.print("[bold]Invariants[/], over the stores of all three services, the log and the provider")
    for name in INVARIANTS:
        broken = [sentence for sentence in found if sentence.startswith(name)]
        console.print(f"  {'[red]✗[/]' if broken else '[green]✓[/]'} {name}", highlight=False)
        for sentence in broken:
            console.print(f"      [red]{sentence.removeprefix(name + ': ')}[/]", highlight=False)
    console.print(
        f"\n{len(told) - len(failures)} of {len(told)} endings as they should be, "
        f"{len(snapshot.orders)} orders, {len(snapshot.records)} events in the log, "
        f"{len(found)} violations, {time.monotonic() - began:.0f} s in all.",
        highlight=False,
    )
    return 1 if failures or found else 0
