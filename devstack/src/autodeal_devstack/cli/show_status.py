"""`autodeal status`: a table of all processes."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from datetime import timedelta

from rich.console import Console
from rich.table import Table

from autodeal_devstack.cli.home import Home, RunningProcess, is_alive
from autodeal_devstack.processes import listens_on
from autodeal_devstack.stack.stack import probe_readiness

CONNECT_TIMEOUT_SECONDS = 2.0


def show_status() -> int:
    """Print the table; the exit code is 1 when nothing runs or something is down."""
    state = Home().read()
    if state is None:
        sys.stdout.write("nothing is running; `autodeal up` starts it\n")
        return 1
    answers = asyncio.run(readiness(state.processes))
    table = Table("process", "pid", "port", "ready", "up for", box=None, pad_edge=False)
    for process, ready in zip(state.processes, answers, strict=True):
        table.add_row(
            process.name,
            str(process.pid or "-"),
            str(process.port or "-"),
            "[green]yes[/]" if ready else "[red]no[/]",
            str(timedelta(seconds=int(time.time() - process.started_at))) if ready else "-",
        )
    console = Console(highlight=False)
    console.print(f"{state.engines} engines, gateway {state.gateway_url}, sandbox {state.sandbox_url}\n")
    console.print(table)
    return 0 if all(answers) else 1


async def readiness(processes: tuple[RunningProcess, ...]) -> list[bool]:
    """Ask all at once."""
    return list(await asyncio.gather(*(is_ready(process) for process in processes)))


async def is_ready(process: RunningProcess) -> bool:
    """Tell whether a service says it is ready, and whether an engine's own process listens."""
    if process.pid is not None and not is_alive(process.pid, process.started_at):
        return False
    if process.port is None:
        return True  # somebody else's engine
    if process.kind == "engine":
        if process.pid is not None:
            return listens_on(process.pid, process.port)
        return await asyncio.to_thread(accepts, process.port)
    try:
        await probe_readiness(f"http://127.0.0.1:{process.port}")
    except Exception:  # noqa: BLE001 whatever the client raises, it is not ready
        return False
    return True


def accepts(port: int) -> bool:
    """Tell whether something accepts connections on the port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=CONNECT_TIMEOUT_SECONDS):
            return True
    except OSError:
        return False
