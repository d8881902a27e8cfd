"""Each engine starts, is usable, stops, and leaves nothing: no process, no folder, no shared memory."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from autodeal_devstack.engines import EngineChoice, EngineError, EngineName, running_engines
from autodeal_devstack.engines.probes import probe_cognito, probe_dynamodb, probe_kafka, probe_postgres
from autodeal_devstack.engines.run_engines import engine_set

pytestmark = pytest.mark.integration

OWNER = """
import asyncio, json, sys
from autodeal_devstack.engines import EngineChoice
from autodeal_devstack.engines.run_engines import engine_set

async def main():
    async with engine_set(EngineChoice(sys.argv[1])) as engines:
        await engines.start()
        print(json.dumps([engine.describe().pid for engine in engines.engines.values()]), flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""
PROBES = {
    EngineName.POSTGRES: ("postgres_url", probe_postgres),
    EngineName.KAFKA: ("kafka_bootstrap_servers", probe_kafka),
    EngineName.DYNAMODB: ("dynamodb_url", probe_dynamodb),
    EngineName.COGNITO: ("cognito_url", probe_cognito),
}


@pytest.fixture
def own_temporary_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Engines of this test put their folders here; the server's system user must be able to walk to it."""
    folder = Path(tempfile.mkdtemp(prefix="autodeal-test-"))
    folder.chmod(0o755)
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield folder
    shutil.rmtree(folder)


def family(pids: list[int]) -> list[psutil.Process]:
    parents = [psutil.Process(pid) for pid in pids]
    return parents + [child for parent in parents for child in parent.children(recursive=True)]


def shared_memory_made_by(pids: list[int]) -> list[str]:
    """Return the System V segments that these processes made; they use no other kind."""
    table = Path("/proc/sysvipc/shm")
    rows = table.read_text().splitlines()[1:] if table.exists() else []
    return [row for row in rows if int(row.split()[4]) in pids]


def assert_nothing_is_left(pids: list[int], folder: Path) -> None:
    assert shared_memory_made_by(pids) == []
    assert list(folder.iterdir()) == []


def start_owner(choice: EngineChoice) -> tuple[subprocess.Popen[bytes], list[int]]:
    """Start a process that holds all engines up, and return it with the engines' pids."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, choice], stdout=subprocess.PIPE, env=os.environ.copy()
    )
    assert owner.stdout is not None
    pids = json.loads(owner.stdout.readline())
    owner.stdout.close()
    return owner, pids


def is_running(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def until_gone(processes: list[psutil.Process]) -> None:
    while any(is_running(process) for process in processes):  # noqa: ASYNC110 no event comes
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("name", EngineName)
async def test_engine_answers_and_leaves_nothing_when_it_stops(
    engine_choice: EngineChoice, own_temporary_folder: Path, name: EngineName
) -> None:
    attribute, probe = PROBES[name]
    async with engine_set(engine_choice) as engines:
        endpoints = await engines.start({name})
        address = getattr(endpoints, attribute)
        await probe(address)
        pids = [pid for engine in engines.engines.values() if (pid := engine.describe().pid)]
        processes = family(pids)
    assert not [process for process in processes if is_running(process)]
    assert_nothing_is_left(pids, own_temporary_folder)
    with pytest.raises(Exception):  # noqa: B017, PT011 each client has errors of its own
        await probe(address)


@pytest.mark.parametrize("name", [EngineName.POSTGRES, EngineName.DYNAMODB, EngineName.KAFKA])
async def test_engine_answers_on_its_address_when_it_was_killed_and_restarted(
    engine_choice: EngineChoice, name: EngineName
) -> None:
    if engine_choice is EngineChoice.ADDRESSES:
        pytest.skip("engines elsewhere are not killed from here")
    attribute, probe = PROBES[name]
    async with engine_set(engine_choice) as engines:
        endpoints = await engines.start({name})
        (engine,) = engines.engines.values()
        await engine.kill()
        with pytest.raises(Exception):  # noqa: B017, PT011 each client has errors of its own
            await probe(getattr(endpoints, attribute))
        await engine.restart()
        await probe(getattr(endpoints, attribute))


async def test_sets_have_addresses_of_their_own_when_they_run_side_by_side() -> None:
    async with running_engines() as one, running_engines() as other:
        assert one.postgres_url != other.postgres_url
        assert one.kafka_bootstrap_servers != other.kafka_bootstrap_servers
        assert one.dynamodb_url != other.dynamodb_url
        for endpoints in (one, other):
            for attribute, probe in PROBES.values():
                await probe(getattr(endpoints, attribute))


async def test_nothing_is_left_when_the_owner_is_killed(
    engine_choice: EngineChoice, own_temporary_folder: Path
) -> None:
    if engine_choice in {EngineChoice.ADDRESSES, EngineChoice.DOCKER}:
        pytest.skip("these are no processes of ours; containers are removed by testcontainers' reaper")
    owner, pids = start_owner(engine_choice)
    processes = family(pids) + psutil.Process(owner.pid).children()
    owner.kill()
    owner.wait()
    await until_gone(processes)
    assert_nothing_is_left(pids, own_temporary_folder)


async def test_others_are_stopped_when_one_engine_cannot_start(
    own_temporary_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_broker() -> Path:
        raise EngineError("no broker here")

    monkeypatch.setattr("autodeal_devstack.engines.kafka_embedded.find_broker", no_broker)
    with pytest.raises(EngineError, match=r"^no broker here$"):
        async with running_engines():
            raise AssertionError("it must not start")
    assert_nothing_is_left([], own_temporary_folder)


def test_docker_is_refused_in_one_line_when_no_daemon_answers(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "autodeal_devstack", "up", "--engines", "docker"],
        env=os.environ | {"DOCKER_HOST": f"unix://{tmp_path}/docker.sock", "AUTODEAL_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr == "autodeal: ENGINES=docker needs a running Docker daemon, and none answers\n"
