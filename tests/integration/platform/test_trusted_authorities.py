"""One variable, which the images set, says whom every client of a service trusts, whatever the system has."""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.vehicle.strict_postgres import Certificate

PROGRAM = """
import asyncio, sys
import aiohttp
from autodeal_messaging import kafka_identity
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_platform.settings import Secret
from autodeal_vehicle.adapters.postgres import identify
from autodeal_vehicle.settings import DatabaseSettings

async def provider(port):
    async with aiohttp.ClientSession() as http, http.get(f"https://localhost:{port}"):
        pass

async def broker(port):
    settings = KafkaSettings(kafka_bootstrap_servers="b:1", kafka_security_protocol="SSL")
    await connect(port, kafka_identity.identity_arguments(settings)["ssl_context"])

async def database(port):
    settings = DatabaseSettings(database_url=Secret("postgresql://u@h/d"), database_tls="verify-full")
    await connect(port, identify.identity_arguments(settings)["ssl"])

async def connect(port, context):
    _, writer = await asyncio.open_connection("localhost", port, ssl=context)
    writer.close()

asyncio.run(globals()[sys.argv[1]](int(sys.argv[2])))
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a certificate of `localhost`, which is its own authority, and its key."""
    certificate = Certificate("localhost")
    file = tmp_path_factory.mktemp("authority") / "localhost.pem"
    file.write_bytes(certificate.certificate_pem + certificate.key_pem())
    return file


@pytest.fixture(scope="module")
async def port(authority: Path) -> AsyncIterator[int]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(1):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


async def run(client: str, port: int, authorities: Path) -> tuple[int | None, str]:
    nowhere = str(authorities.with_name("nowhere"))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, client, str(port)),
        env={**os.environ, "SSL_CERT_FILE": str(authorities), "SSL_CERT_DIR": nowhere},
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    return process.returncode, errors.decode()


@pytest.mark.parametrize("client", ["provider", "broker", "database"])
async def test_client_trusts_whom_the_variable_names_and_nobody_else(
    client: str, port: int, authority: Path
) -> None:
    assert await run(client, port, authority) == (0, "")
    code, errors = await run(client, port, authority.with_name("nothing.pem"))
    assert code == 1
    assert "CERTIFICATE_VERIFY_FAILED" in errors
