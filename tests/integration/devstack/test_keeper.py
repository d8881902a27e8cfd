"""Children end with their owner, however that ends, and leave no folder behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from autodeal_devstack.processes import Keeper, KeptProcess, ProcessFailedError, await_ready, find_port
from autodeal_devstack.processes.keeper import KeeperGoneError

pytestmark = pytest.mark.integration

STAY_DEAF = (
    "import signal, time; signal.signal(signal.SIGTERM, lambda *_: None); print('up', flush=True)\n"
    "while True: time.sleep(600)"
)
SLEEP = [sys.executable, "-I", "-S", "-c", "import time; print('up', flush=True); time.sleep(600)"]
STUBBORN = [sys.executable, "-I", "-S", "-c", STAY_DEAF]
OWNER = """
import json, os, sys, time
from pathlib import Path
from autodeal_devstack.processes import Keeper
folder = Path(sys.argv[1])
folder.mkdir()
keeper = Keeper()
keeper.remove_at_end(folder)
children = [
    keeper.spawn(command, env={}, cwd=folder, log=folder / "log").pid for command in json.loads(sys.argv[2])
]
fork = os.fork() if len(sys.argv) > 3 else None
if fork == 0:
    time.sleep(600)
print(json.dumps({"pids": children, "keeper": keeper._process.pid, "fork": fork}), flush=True)
time.sleep(600)
"""


@pytest.fixture
async def keeper() -> AsyncIterator[Keeper]:
    with Keeper() as keeper:
        yield keeper


def spawn(keeper: Keeper, command: list[str], folder: Path) -> KeptProcess:
    return keeper.spawn(command, env={}, cwd=folder, log=folder / "log")


async def until_up(folder: Path, count: int = 1) -> None:
    while (folder / "log").read_text().count("up") < count:  # noqa: ASYNC110 another process writes it
        await asyncio.sleep(0.01)


async def until_gone(*pids: int) -> None:
    while any(psutil.pid_exists(pid) and not is_zombie(pid) for pid in pids):  # noqa: ASYNC110 no event comes
        await asyncio.sleep(0.01)


def is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_process_ends_by_its_signal_when_it_is_stopped(keeper: Keeper, tmp_path: Path) -> None:
    process = spawn(keeper, SLEEP, tmp_path)
    assert process.code() is None
    assert await process.stop(timeout_seconds=30) == -signal.SIGTERM


async def test_process_is_killed_when_it_does_not_stop(keeper: Keeper, tmp_path: Path) -> None:
    process = spawn(keeper, STUBBORN, tmp_path)
    await until_up(tmp_path)
    assert await process.stop(timeout_seconds=0.05) == -signal.SIGKILL


async def test_nothing_happens_when_a_dead_process_is_stopped_or_killed(
    keeper: Keeper, tmp_path: Path
) -> None:
    process = spawn(keeper, SLEEP, tmp_path)
    assert await process.kill() == -signal.SIGKILL
    assert await process.kill() == -signal.SIGKILL
    assert await process.stop(timeout_seconds=1) == -signal.SIGKILL


async def test_children_and_folders_are_gone_when_the_keeper_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    with Keeper() as keeper:
        keeper.remove_at_end(folder)
        processes = [spawn(keeper, SLEEP, folder), spawn(keeper, STUBBORN, folder)]
        await until_up(folder, 2)
    assert not any(psutil.pid_exists(process.pid) for process in processes)
    assert not folder.exists()


def start_owner(folder: Path, *options: str) -> tuple[subprocess.Popen[str], dict[str, int], list[int]]:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder), json.dumps([SLEEP, STUBBORN]), *options],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None
    told = json.loads(owner.stdout.readline())
    owner.stdout.close()
    return owner, told, told["pids"]


@pytest.mark.parametrize("options", [[], ["with a forked copy"]], ids=["alone", "forked"])
async def test_nothing_is_left_when_the_owner_is_killed(tmp_path: Path, options: list[str]) -> None:
    folder = tmp_path / "data"
    owner, told, children = start_owner(folder, *options)
    owner.kill()
    owner.wait()
    await until_gone(*children, told["keeper"])
    assert not folder.exists()
    if told["fork"]:
        os.kill(told["fork"], signal.SIGKILL)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells children of it")
async def test_children_end_when_the_keeper_itself_is_killed(tmp_path: Path) -> None:
    with Keeper() as keeper:
        process = spawn(keeper, SLEEP, tmp_path)
        assert keeper._process is not None
        keeper._process.kill()
        await until_gone(process.pid)
        with pytest.raises(KeeperGoneError):
            process.code()


async def test_last_lines_are_told_when_a_process_ends_while_it_is_awaited(
    keeper: Keeper, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", "raise SystemExit('first\\nno such table')"]
    process = spawn(keeper, command, tmp_path)
    with pytest.raises(ProcessFailedError, match=r"(?s)the thing ended with code 1 .*first.*no such table"):
        await await_ready(
            "the thing", process, port=find_port(), probe=lambda: asyncio.sleep(0), timeout_seconds=30
        )


async def test_process_is_not_ready_when_another_one_answers_on_its_port(
    keeper: Keeper, tmp_path: Path
) -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        process = spawn(keeper, SLEEP, tmp_path)
        with pytest.raises(ProcessFailedError, match="it opened no port"):
            await await_ready(
                "the thing", process, port=port, probe=lambda: asyncio.sleep(0), timeout_seconds=0.3
            )
