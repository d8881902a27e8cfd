from __future__ import annotations

import asyncio

from litestar import Litestar
from litestar.testing import AsyncTestClient

from autodeal_platform.health import Health

Client = AsyncTestClient[Litestar]


async def succeed() -> None:
    pass


async def fail() -> None:
    raise ConnectionError("postgresql://user:hunter2@host")


async def hang() -> None:
    await asyncio.Event().wait()


async def test_process_is_ready_when_every_check_passes(client: Client, health: Health) -> None:
    health.add_check("database", succeed)
    response = await client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ready", "checks": {"database": "ok"}})


async def test_process_is_unready_but_alive_when_a_check_fails(client: Client, health: Health) -> None:
    health.add_check("database", succeed)
    health.add_check("broker", fail)
    health.add_check("cache", hang)
    response = await client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"] == {"database": "ok", "broker": "failed", "cache": "timed out"}
    assert "hunter2" not in response.text
    assert (await client.get("/healthz")).status_code == 200


async def test_process_is_unready_but_alive_when_it_drains(client: Client, health: Health) -> None:
    health.start_draining()
    response = await client.get("/readyz")
    assert (response.status_code, response.json()["status"]) == (503, "draining")
    assert (await client.get("/healthz")).status_code == 200
    await asyncio.wait_for(health.wait_until_draining(), 1)


async def test_check_runs_once_when_probes_come_together() -> None:
    now = 0.0
    runs = 0

    async def count() -> None:
        nonlocal runs
        runs += 1
        await asyncio.sleep(0)

    health = Health(cache_s=1.0, monotonic=lambda: now)
    health.add_check("database", count)
    await asyncio.gather(*(health.readiness() for _ in range(20)))
    assert runs == 1
    now = 1.0
    assert (await health.readiness()).is_ready
    assert runs == 2
