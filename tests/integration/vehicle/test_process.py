"""The command line: what each process does with its settings and its signals."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from typing import TYPE_CHECKING

import asyncpg
import pytest

from autodeal_vehicle.settings import Settings

if TYPE_CHECKING:
    from tests.integration.vehicle.conftest import WaitUntil


def environment(settings: Settings) -> dict[str, str]:
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "DATABASE_URL": settings.database_url.reveal(),
        "HTTP_PORT": str(settings.http_port),
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "COGNITO_ISSUER": settings.cognito_issuer,
        "COGNITO_CLIENT_ID": settings.cognito_client_id,
        "PURGE_INTERVAL_SECONDS": "0.05",
    }


async def start(command: str, variables: dict[str, str]) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "autodeal_vehicle", command, env=variables, stderr=PIPE, stdout=PIPE
    )


async def end(process: Process) -> tuple[int | None, str]:
    async with asyncio.timeout(60):
        output, errors = await process.communicate()
    return process.returncode, (output + errors).decode()


async def is_ready(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.write(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return b" 200 " in answer.partition(b"\r\n")[0]


@pytest.mark.parametrize("command", ["serve", "work"])
async def test_process_is_ready_and_ends_well_when_told_to_stop(
    settings: Settings, wait_until: WaitUntil, command: str
) -> None:
    process = await start(command, environment(settings))
    try:
        await wait_until(lambda: is_ready(settings.http_port), 60.0)
        process.send_signal(signal.SIGTERM)
        code, log = await end(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert code == 0, log
    assert settings.database_url.reveal() not in log


async def test_database_is_made_when_migrate_is_run(postgres_url: str) -> None:
    code, log = await end(await start("migrate", {"DATABASE_URL": postgres_url}))

    assert code == 0, log
    connection = await asyncpg.connect(postgres_url)
    assert await connection.fetchval("SELECT count(*) FROM vehicle") == 0
    await connection.close()


async def test_every_missing_setting_is_named_when_there_are_none() -> None:
    code, log = await end(await start("serve", {}))

    assert code == 2
    assert "DATABASE_URL is missing" in log
    assert "KAFKA_BOOTSTRAP_SERVERS is missing" in log


async def test_migration_fails_loudly_when_there_is_no_database() -> None:
    code, log = await end(await start("migrate", {"DATABASE_URL": "postgresql://a:hidden@127.0.0.1:1/x"}))

    assert code == 1
    assert "hidden" not in log


async def test_old_rows_go_and_young_ones_stay_when_purged(settings: Settings, wait_until: WaitUntil) -> None:
    connection = await asyncpg.connect(settings.database_url.reveal())
    await connection.execute(
        """
        INSERT INTO idempotency_answer
        SELECT 'key-' || days, '', 200, '', now() - make_interval(days => days)
        FROM generate_series(0, 30) days;
        INSERT INTO inbox SELECT 'c', 'event-' || days, now() - make_interval(days => days)
        FROM generate_series(0, 30) days
        """
    )
    process = await start("work", environment(settings))

    async def is_purged() -> bool:
        left = await connection.fetchrow(
            "SELECT (SELECT count(*) FROM idempotency_answer) AS answers,"
            " (SELECT count(*) FROM inbox) AS events"
        )
        assert left is not None
        return bool(left["answers"] == 2 and left["events"] == 14)

    try:
        await wait_until(is_purged, 60.0)
    finally:
        process.terminate()
        await end(process)
        await connection.close()
