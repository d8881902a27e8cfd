"""The database away, overloaded or restarting: a problem that says "try again", never a bare 500."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import asyncpg
import pytest

from autodeal_platform.settings import Secret
from autodeal_vehicle.settings import Settings

if TYPE_CHECKING:
    from tests.integration.vehicle.conftest import Answer, RunService, Service, WaitUntil

    Connection = asyncpg.Connection[asyncpg.Record]

CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'autodeal-vehicle-serve'"
)


async def every_kind_of_request(service: Service) -> list[Answer]:
    return [
        await service.call("GET", "/vehicles", group=None),
        await service.call("GET", "/orders/1"),
        await service.reserve(1),
        await service.call("POST", "/orders/1/cancel"),
        await service.call("GET", "/orders/1/events"),
    ]


async def test_service_is_unavailable_when_the_database_cannot_be_reached(
    run_service: RunService, change_settings: Callable[..., Settings]
) -> None:
    away = change_settings(database_url=Secret("postgresql://nobody@127.0.0.1:1/nowhere"))
    async with run_service(away) as service:
        for answer in await every_kind_of_request(service):
            assert (answer.status, answer.body["code"]) == (503, "unavailable")
        assert (await service.call("GET", "/readyz", group=None)).status == 503
        assert (await service.call("GET", "/healthz", group=None)).status == 200


async def test_service_recovers_when_its_connections_are_cut(
    service: Service, database: Connection, wait_until: WaitUntil
) -> None:
    vehicle_id = await service.offer()
    assert (await service.reserve(vehicle_id)).status == 201
    await database.execute(CUT)

    answers = await every_kind_of_request(service)

    assert {answer.status for answer in answers} <= {200, 404, 409, 503}

    async def is_well() -> bool:
        found = [await service.call("GET", "/vehicles", group=None), await service.reserve(vehicle_id)]
        return [answer.status for answer in found] == [200, 409]

    await wait_until(is_well)


@pytest.mark.parametrize("kind", ["sale", "other"])
async def test_request_is_refused_in_time_when_no_connection_is_free(
    run_service: RunService, change_settings: Callable[..., Settings], database: Connection, kind: str
) -> None:
    small = change_settings(
        database_pool_size=1, database_sale_pool_size=1, database_acquire_timeout_seconds=0.2
    )
    async with run_service(small) as service:
        vehicle_id = await service.offer()

        def ask(number: int) -> asyncio.Task[Answer]:
            if kind == "sale":
                return asyncio.create_task(service.reserve(vehicle_id, subject=f"buyer-{number}"))
            return asyncio.create_task(
                service.call("PUT", f"/vehicle/{vehicle_id}", CAR, group="Admin", key=f"key-{number}")
            )

        async with database.transaction():
            await database.execute("SELECT FROM vehicle WHERE id = $1 FOR UPDATE", vehicle_id)
            asked = [ask(number) for number in range(5)]
            done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
            assert {task.result().status for task in done} == {503}
        statuses = [answer.status for answer in await asyncio.gather(*asked)]
    assert set(statuses) <= {200, 201, 409, 503}
    assert statuses.count(503) >= 3


CAR = {"brand_name": "Fiat", "model": "Uno", "year": 2020, "color": "prata", "price": 1}


async def test_request_is_refused_when_a_lock_is_held_too_long(
    run_service: RunService, change_settings: Callable[..., Settings], database: Connection
) -> None:
    async with run_service(change_settings(database_lock_timeout_ms=100)) as service:
        vehicle_id = await service.offer()
        async with database.transaction():
            await database.execute("SELECT FROM vehicle WHERE id = $1 FOR UPDATE", vehicle_id)
            reserved = await service.reserve(vehicle_id)
            edited = await service.call("PUT", f"/vehicle/{vehicle_id}", CAR, group="Admin")
        assert (reserved.status, reserved.body["code"]) == (503, "unavailable")
        assert (edited.status, edited.body["code"]) == (503, "unavailable")
        assert (await service.reserve(vehicle_id)).status == 201


async def test_session_is_bounded_when_it_connects(service: Service, database: Connection) -> None:
    await service.call("GET", "/vehicles", group=None)
    await service.reserve(1)
    names = await database.fetch(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'autodeal-vehicle-serve'"
    )
    assert names[0]["count"] >= 2
