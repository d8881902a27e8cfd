"""`autodeal up`, and what the other commands say while it runs and after it was killed."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jwt
import psutil
import pytest

from autodeal_devstack.cli.home import Home, State
from autodeal_devstack.stack.service_processes import COMMANDS

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

VEHICLES = 12


@dataclass(frozen=True)
class CommandLine:
    """The command line with a home and a temporary folder of its own."""

    root: Path
    engines: str

    @property
    def home(self) -> Home:
        return Home(self.root / "home")

    @property
    def temporary(self) -> Path:
        return self.root / "tmp"

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "autodeal_devstack", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def up(self) -> subprocess.CompletedProcess[str]:
        return self.run("up", "--detach", "--vehicles", str(VEHICLES))

    def up_in_the_foreground(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "autodeal_devstack", "up", "--vehicles", "0"],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "AUTODEAL_HOME": str(self.home.folder),
            "TMPDIR": str(self.temporary),
            "PYTHONUNBUFFERED": "1",
            "ENGINES": self.engines,
        }


@pytest.fixture
def command_line(engine_choice: str) -> Iterator[CommandLine]:
    with tempfile.TemporaryDirectory(prefix="autodeal-test-") as root:
        Path(root).chmod(0o755)
        made = CommandLine(Path(root), engine_choice)
        made.temporary.mkdir()
        yield made
        made.run("down")


def processes_of(state: State) -> list[psutil.Process]:
    pids = [process.pid for process in state.processes if process.pid]
    owner = psutil.Process(state.owner_pid)
    return [owner, *owner.children(), *(psutil.Process(pid) for pid in pids)]


def is_running(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def until_gone(processes: list[psutil.Process]) -> None:
    while any(is_running(process) for process in processes):  # noqa: ASYNC110 no event comes
        await asyncio.sleep(0.02)


def paste(line: str) -> object:
    """Run a line in a shell of its own, as pasted, and return the JSON that it prints."""
    result = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    return json.loads(result.stdout)


async def test_platform_is_used_as_printed_and_stops_cleanly_when_it_is_up(command_line: CommandLine) -> None:
    started = command_line.up()
    assert started.returncode == 0, started.stdout + started.stderr
    state = command_line.home.require()
    processes = processes_of(state)
    assert {process.name for process in state.processes if process.kind == "service"} == set(COMMANDS)

    list_vehicles, initialize_sale, show_order = re.findall(r"^curl .*$", started.stdout, re.MULTILINE)
    vehicles = paste(list_vehicles)
    assert isinstance(vehicles, list)
    assert [vehicle["price"] for vehicle in vehicles] == sorted(vehicle["price"] for vehicle in vehicles)
    sale = paste(initialize_sale)
    assert isinstance(sale, dict)
    assert paste(initialize_sale) == sale
    order = paste(show_order)
    assert isinstance(order, dict)
    assert (order["id"], order["vehicle_id"]) == (sale["order_id"], vehicles[0]["id"])

    status = command_line.run("status")
    assert status.returncode == 0, status.stdout
    assert all(process.name in status.stdout for process in state.processes)
    assert "no" not in re.findall(r"\b(yes|no)\b", status.stdout)

    token = command_line.run("token", "--group", "Admin", "--user", "4").stdout.strip()
    assert jwt.decode(token, options={"verify_signature": False})["cognito:groups"] == ["Admin"]
    assert "http.listening" in command_line.run("logs", "gateway-serve", "-n", "5000").stdout

    again = command_line.run("up")
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)
    assert "it runs already" in again.stderr

    assert command_line.run("down").stdout == "stopped\n"
    assert not [process for process in processes if is_running(process)]
    assert list(command_line.temporary.iterdir()) == []
    assert {path.name for path in command_line.home.folder.iterdir()} == {"lock", "logs", "up.log"}
    assert command_line.run("status").returncode == 1


async def test_service_is_started_again_when_it_is_killed(command_line: CommandLine) -> None:
    assert command_line.up().returncode == 0
    killed = next(
        process for process in command_line.home.require().processes if process.name == "gateway-serve"
    )
    assert killed.pid is not None
    os.kill(killed.pid, signal.SIGKILL)
    down = command_line.run("status")
    assert down.returncode == 1, down.stdout
    while command_line.run("status").returncode:  # noqa: ASYNC110 no event comes
        await asyncio.sleep(0.1)
    revived = next(
        process for process in command_line.home.require().processes if process.name == "gateway-serve"
    )
    assert revived.pid != killed.pid


async def test_nothing_is_left_and_up_works_again_when_the_owner_was_killed(
    command_line: CommandLine,
) -> None:
    assert command_line.up().returncode == 0
    state = command_line.home.require()
    processes = processes_of(state)
    os.kill(state.owner_pid, signal.SIGKILL)
    await until_gone(processes)
    assert list(command_line.temporary.iterdir()) == []
    assert "nothing is running" in command_line.run("status").stdout
    assert command_line.run("token").returncode == 1
    assert command_line.up().returncode == 0


@pytest.mark.parametrize("moment", ["engines", "migrations", "services", "ready", "Ctrl-C"])
def test_everything_stops_when_ctrl_c_comes_at_any_moment(command_line: CommandLine, moment: str) -> None:
    process = command_line.up_in_the_foreground()
    assert process.stdout is not None
    seen = next(line for line in process.stdout if moment in line)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    output = process.communicate()[0]
    assert process.returncode in {0, 130}, seen + output
    assert "Traceback" not in output
    assert not [child for child in children if is_running(child)]
    assert list(command_line.temporary.iterdir()) == []


def test_last_lines_are_told_when_a_service_ends_while_starting(command_line: CommandLine) -> None:
    """The broken setting reaches the services as it would from a mistaken override."""
    script = (
        "import asyncio, autodeal_devstack.stack.run_stack as r\n"
        "from autodeal_devstack.cli.commands import main\n"
        "from functools import partial\n"
        "import autodeal_devstack.cli.run_up as up\n"
        "up.running_stack = partial(r.running_stack, overrides={'gateway': {'HTTP_PORT': 'none'}})\n"
        "import sys; sys.argv = ['autodeal', 'up', '--vehicles', '0']; main()\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        env=command_line.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "gateway-serve ended with code" in result.stderr
    assert "HTTP_PORT" in result.stderr
    assert "Traceback" not in result.stderr
    assert list(command_line.temporary.iterdir()) == []
