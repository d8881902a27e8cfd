"""`autodeal engine …`, started as the program of a container is."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest
import yaml

from autodeal_devstack.engines.probes import probe_cognito, probe_dynamodb, probe_kafka
from autodeal_devstack.processes import find_port

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_SECONDS = 90.0
MAIN = [sys.executable, "-m", "autodeal_devstack", "engine"]

pytestmark = pytest.mark.integration


@contextmanager
def running(*arguments: str, output: Path, **extra: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run an engine while the block runs; SIGTERM must end it."""
    with output.open("wb") as log:
        process = subprocess.Popen(
            [*MAIN, *arguments],
            env=os.environ | extra,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


async def until(probe: Callable[[], Awaitable[None]], output: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            await probe()
        except Exception as error:
            if time.monotonic() > deadline:
                said = await asyncio.to_thread(output.read_text)
                raise AssertionError(f"it does not answer: {said}") from error
            await asyncio.sleep(0.2)
        else:
            return


async def test_broker_sends_clients_to_the_advertised_address(tmp_path: Path) -> None:
    port, output = find_port(), tmp_path / "log"
    address = f"127.0.0.1:{port}"
    with running("kafka", "--port", str(port), "--advertise", address, output=output) as process:
        await until(lambda: probe_kafka(address), output)
    assert process.returncode == 0


async def test_dynamodb_answers(tmp_path: Path) -> None:
    port, output = find_port(), tmp_path / "log"
    with running("dynamodb", "--port", str(port), output=output):
        await until(lambda: probe_dynamodb(f"http://127.0.0.1:{port}"), output)


async def test_identity_has_the_pool_that_the_developers_values_name(tmp_path: Path) -> None:
    port, output = find_port(), tmp_path / "log"
    with running("identity", "--port", str(port), output=output):
        await until(lambda: probe_cognito(f"http://127.0.0.1:{port}"), output)
    for service in ("vehicle", "payment", "gateway"):
        values = yaml.safe_load((ROOT / "charts" / service / "values-dev.yaml").read_text())
        settings = values["settings"]
        pool = settings["COGNITO_ISSUER"].rpartition("/")[2]
        assert f"user pool {pool}, client {settings['COGNITO_CLIENT_ID']}" in output.read_text()


@pytest.mark.skipif(os.geteuid() == 0, reason="PostgreSQL refuses to run as root")
async def test_postgres_has_its_database_and_keeps_it_when_restarted(tmp_path: Path) -> None:
    port, output = find_port(), tmp_path / "log"
    settings = {"PGDATA": str(tmp_path / "data"), "POSTGRES_PASSWORD": "secret", "POSTGRES_DB": "cars"}
    url = f"postgresql://postgres:secret@127.0.0.1:{port}/cars"

    async def ask(statement: str) -> None:
        connection = await asyncpg.connect(url, timeout=5)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    with running("postgres", "--port", str(port), output=output, **settings) as process:
        await until(lambda: ask("create table kept (id int)"), output)
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(url.replace("secret", "guessed"), timeout=5)
    assert process.returncode == 0
    with running("postgres", "--port", str(port), output=output, **settings):
        await until(lambda: ask("drop table kept"), output)


def test_postgres_says_what_is_missing(tmp_path: Path) -> None:
    output = tmp_path / "log"
    with running("postgres", output=output) as process:
        process.wait(PATIENCE_SECONDS)
    assert process.returncode == 1
    assert "PGDATA is missing" in output.read_text()
