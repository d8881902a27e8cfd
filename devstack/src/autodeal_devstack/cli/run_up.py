"""`autodeal up`: hold the platform up until somebody stops it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console

from autodeal_devstack.cli.home import (
    AlreadyRunningError,
    Home,
    RunningProcess,
    State,
    started_at,
)
from autodeal_devstack.cli.print_welcome import print_welcome
from autodeal_devstack.cli.revive_services import revive_services
from autodeal_devstack.engines.endpoints import EngineChoice
from autodeal_devstack.processes import python_command
from autodeal_devstack.stack import Stack, running_stack

DETACHED_START_TIMEOUT_SECONDS = 300.0
POLL_SECONDS = 0.05


def run_up(choice: EngineChoice, *, port: int, vehicles: int) -> int:
    """Run in the foreground; the exit code is 0 when it was asked to stop."""
    home = Home()
    try:
        with home.locked():
            return asyncio.run(hold_up(home, choice, port=port, vehicles=vehicles))
    except AlreadyRunningError:
        return say_already_running(home)


async def hold_up(home: Home, choice: EngineChoice, *, port: int, vehicles: int) -> int:
    """Start everything, say how to use it, and wait for Ctrl-C or SIGTERM."""
    console = Console(highlight=False)
    asked = stop_on_signals()
    began = time.monotonic()

    def progress(step: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:5.1f} s[/]  {step}")

    try:
        async with running_stack(
            choice, logs=home.fresh_logs(), vehicles=vehicles, gateway_port=port, progress=progress
        ) as stack:
            progress("ready")
            await print_welcome(console, home, stack)
            home.write(state_of(stack))
            await revive_services(stack, console, on_change=lambda: home.write(state_of(stack)))
    except asyncio.CancelledError:
        if not asked.is_set():
            raise
        console.print("stopped")
    return 0


def stop_on_signals() -> asyncio.Event:
    """Have the first SIGINT or SIGTERM cancel the current task; the event tells that one came."""
    asked = asyncio.Event()
    task = asyncio.current_task()
    assert task is not None

    def ask() -> None:
        if not asked.is_set():  # a second Ctrl-C must not break the clean end that is under way
            asked.set()
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ask)
    return asked


def state_of(stack: Stack) -> State:
    """Describe the running platform for other commands."""
    services = [
        RunningProcess(
            name=name,
            kind="service",
            pid=process.pid,
            port=stack.surroundings.addresses.ports[name],
            started_at=started_at(process.pid),
        )
        for name, process in stack.processes.items()
    ]
    described = {name: engine.describe() for name, engine in stack.engines.engines.items()}
    engines = [
        RunningProcess(
            name=name, kind="engine", pid=found.pid, port=found.port, started_at=started_at(found.pid)
        )
        for name, found in described.items()
    ]
    return State(
        owner_pid=os.getpid(),
        owner_started_at=started_at(os.getpid()),
        engines=stack.engines.choice.value,
        gateway_url=stack.gateway_url,
        sandbox_url=stack.sandbox_url,
        cognito_url=stack.endpoints.cognito_url,
        aws_region=stack.endpoints.aws_region,
        user_pool_id=stack.user_pool.pool_id,
        client_id=stack.user_pool.client_id,
        processes=(*services, *engines),
    )


def run_detached(choice: EngineChoice, *, port: int, vehicles: int) -> int:
    """Start `up` in the background and come back when it is ready, or when it failed."""
    home = Home()
    if home.read() is not None:
        return say_already_running(home)
    home.folder.mkdir(parents=True, exist_ok=True)
    output = home.folder / "up.log"
    options = ["--engines", choice.value, "--port", str(port), "--vehicles", str(vehicles)]
    with output.open("wb") as log:
        process = subprocess.Popen(
            python_command("autodeal_devstack", "up", *options),
            env=os.environ | {"AUTODEAL_HOME": str(home.folder), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + DETACHED_START_TIMEOUT_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        state = home.read()
        if state is not None and state.owner_pid == process.pid:
            copy_to_terminal(output)
            return 0
        time.sleep(POLL_SECONDS)
    process.terminate()
    copy_to_terminal(output)
    return process.wait() or 1


def copy_to_terminal(output: Path) -> None:
    """Show what the background process printed."""
    sys.stdout.write(output.read_text(errors="replace"))


def say_already_running(home: Home) -> int:
    """Say so in one line."""
    state = home.read()
    where = (
        f" at {state.gateway_url} (pid {state.owner_pid})" if state else ", and still starting or stopping"
    )
    sys.stderr.write(f"autodeal: it runs already{where}; `autodeal down` stops it\n")
    return 1
