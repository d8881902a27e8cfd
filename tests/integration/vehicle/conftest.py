"""The vehicle service as it really runs: its routes on a port, on a migrated database of the test's own."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import aiohttp
import asyncpg
import pytest

from autodeal_platform.fake_user_pool import FakeUserPool
from autodeal_platform.health import Health
from autodeal_platform.run_http import run_http
from autodeal_platform.settings import Secret
from autodeal_vehicle.adapters.postgres.migrate_database import migrate_database
from autodeal_vehicle.bootstrap import make_app
from autodeal_vehicle.settings import DatabaseSettings, Settings

CAR = {"brand_name": "Fiat", "model": "Uno", "year": 2020, "color": "prata", "price": 89990}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    content: bytes


@dataclass(frozen=True)
class Service:
    """A running `serve`, and the people who call it."""

    url: str
    pool: FakeUserPool
    session: aiohttp.ClientSession
    settings: Settings

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        group: str | None = "Buyer",
        subject: str = "buyer-1",
        key: str | None = None,
    ) -> Answer:
        headers = self.pool.authorization(group, subject=subject) if group else {}
        if key is not None:
            headers["idempotency-key"] = key
        async with self.session.request(method, self.url + path, json=body, headers=headers) as response:
            content = await response.read()
            is_json = "json" in response.headers.get("content-type", "")
            return Answer(response.status, json.loads(content) if is_json else None, content)

    async def offer(self, **changes: object) -> int:
        answer = await self.call("POST", "/vehicle", CAR | changes, group="Admin", subject="admin")
        assert answer.status == 201, answer
        vehicle_id: int = answer.body["id"]
        return vehicle_id

    async def reserve(self, vehicle_id: int, *, subject: str = "buyer-1", key: str | None = None) -> Answer:
        path = f"/vehicle/{vehicle_id}/initialize-sale"
        return await self.call("POST", path, {}, subject=subject, key=key)


RunService = Callable[[Settings], AbstractAsyncContextManager[Service]]


@pytest.fixture(scope="session")
def user_pool() -> FakeUserPool:
    return FakeUserPool()


@pytest.fixture
async def database_url(postgres_url: str) -> str:
    await migrate_database(DatabaseSettings(database_url=Secret(postgres_url)))
    return postgres_url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
def settings(database_url: str, user_pool: FakeUserPool) -> Settings:
    return Settings(
        database_url=Secret(database_url),
        database_pool_size=8,
        database_sale_pool_size=16,
        http_port=free_port(),
        http_drain_timeout_seconds=2.0,
        kafka_bootstrap_servers="127.0.0.1:1",
        cognito_issuer=user_pool.issuer,
        cognito_client_id=user_pool.client_id,
        order_stream_look_again_seconds=30.0,
    )


@pytest.fixture
def run_service(user_pool: FakeUserPool) -> RunService:
    @asynccontextmanager
    async def run(settings: Settings) -> AsyncIterator[Service]:
        health, stop = Health(), asyncio.Event()
        app = make_app(settings, health, user_pool.verifier())
        serving = asyncio.create_task(run_http(app, settings, health, stop=stop))
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:
            service = Service(f"http://127.0.0.1:{settings.http_port}", user_pool, session, settings)
            await wait_until(lambda: answers(service))
            yield service
        stop.set()
        await serving

    return run


@pytest.fixture
async def service(settings: Settings, run_service: RunService) -> AsyncIterator[Service]:
    async with run_service(settings) as running:
        yield running


async def answers(service: Service) -> bool:
    try:
        return (await service.call("GET", "/healthz", group=None)).status == 200
    except aiohttp.ClientConnectionError:
        return False


class WaitUntil(Protocol):
    async def __call__(self, condition: Callable[[], Awaitable[bool]], seconds: float = ...) -> None: ...


async def wait_until(condition: Callable[[], Awaitable[bool]], seconds: float = 30.0) -> None:
    """Ask until the condition holds; the limit only ends a broken run."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110  the condition is another process's
            await asyncio.sleep(0.02)


@pytest.fixture(name="wait_until")
def wait_until_fixture() -> WaitUntil:
    return wait_until


def with_port(settings: Settings, **changes: Any) -> Settings:
    return replace(settings, http_port=free_port(), **changes)


@pytest.fixture
def change_settings(settings: Settings) -> Callable[..., Settings]:
    return lambda **changes: with_port(settings, **changes)
