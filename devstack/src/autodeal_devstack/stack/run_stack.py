"""Bring the whole platform up, step by step but side by side, and take all of it down again."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from autodeal_contracts.topics import DEAD_LETTER_TOPICS, TOPICS
from autodeal_devstack.engines.endpoints import EngineChoice
from autodeal_devstack.engines.postgres_databases import ensure_database
from autodeal_devstack.engines.run_engines import EngineSet, engine_set
from autodeal_devstack.processes import (
    Keeper,
    ProcessFailedError,
    find_port,
    find_ports,
    python_command,
    together,
)
from autodeal_devstack.stack.seed_vehicles import seed_vehicles
from autodeal_devstack.stack.service_environment import Surroundings
from autodeal_devstack.stack.service_processes import (
    COMMANDS,
    GATEWAY,
    MIGRATIONS,
    SANDBOX,
    Addresses,
    Overrides,
)
from autodeal_devstack.stack.stack import Stack
from autodeal_devstack.stack.user_pool import ADMIN, BUYER, ensure_user_pool
from autodeal_messaging.topics_admin import ensure_topics

DATABASE = "autodeal_vehicle"
MIGRATION_TIMEOUT_SECONDS = 60.0
POLL_SECONDS = 0.02
READY_BUYERS = 2
"""How many Buyers are registered from the start."""

Progress = Callable[[str], None]


@asynccontextmanager
async def running_stack(
    choice: EngineChoice = EngineChoice.EMBEDDED,
    overrides: Mapping[str, Mapping[str, str]] | None = None,
    *,
    logs: Path | None = None,
    vehicles: int = 0,
    gateway_port: int | None = None,
    progress: Progress = lambda _: None,
) -> AsyncIterator[Stack]:
    """Run engines, provider sandbox and services while the block runs.

    `overrides` are further variables by service or process; `logs` is a folder to keep the log files in;
    `vehicles` so many sample vehicles are for sale; `gateway_port` is taken if it is free. Raises
    EngineError or ProcessFailedError, which end with the last log lines of what failed.
    """
    with Keeper() as keeper:
        folder = logs or Path(tempfile.mkdtemp(prefix="autodeal-logs-"))
        if logs is None:
            keeper.remove_at_end(folder)
        async with engine_set(choice, logs=folder, keeper=keeper) as engines:
            progress(f"{choice} engines")
            await engines.start()
            stack = await _prepare(keeper, engines, overrides or {}, folder, gateway_port)
            try:
                await _open_for_business(stack, vehicles, progress)
                yield stack
            finally:
                await stack.stop_all()


async def _prepare(
    keeper: Keeper, engines: EngineSet, overrides: Overrides, logs: Path, gateway_port: int | None
) -> Stack:
    """Make the user pool and the database, and draw the ports: then all settings are known."""
    endpoints = engines.endpoints
    pool, database_url = await asyncio.gather(
        ensure_user_pool(endpoints), ensure_database(endpoints.postgres_url, DATABASE)
    )
    ports = dict(zip(COMMANDS, find_ports(len(COMMANDS)), strict=True))
    ports[GATEWAY] = find_port(preferred=gateway_port)
    return Stack(
        keeper=keeper,
        engines=engines,
        surroundings=Surroundings(
            endpoints=endpoints,
            addresses=Addresses(ports),
            database_url=database_url,
            user_pool_id=pool.pool_id,
            client_id=pool.client_id,
            issuer=pool.issuer,
            jwks_url=pool.jwks_url,
        ),
        overrides=overrides,
        user_pool=pool,
        logs=logs,
    )


async def _open_for_business(stack: Stack, vehicles: int, progress: Progress) -> None:
    """Migrate, start the services, register people, put vehicles up for sale."""
    progress("migrations, topics, people")
    await together(
        *(migrate(stack, name) for name in MIGRATIONS),
        ensure_topics(stack.kafka_settings, (*TOPICS, *DEAD_LETTER_TOPICS)),
        register_people(stack),
        stack.start(SANDBOX),
    )
    progress("services")
    await stack.start_all([name for name in COMMANDS if name != SANDBOX])
    if vehicles:
        progress(f"{vehicles} vehicles")
        await seed_vehicles(stack.gateway_url, await stack.admin_token(), count=vehicles)


async def register_people(stack: Stack) -> None:
    """Register an Admin and some Buyers."""
    await stack.user_pool.account(ADMIN, 0)
    for number in range(READY_BUYERS):
        await stack.user_pool.account(BUYER, number)


async def migrate(stack: Stack, name: str) -> None:
    """Run a migration to its end. Raises ProcessFailedError with its last log lines."""
    process = stack.keeper.spawn(
        python_command(*MIGRATIONS[name]),
        env=stack.environment(name),
        cwd=stack.logs,
        log=stack.logs / f"{name}.log",
    )
    try:
        async with asyncio.timeout(MIGRATION_TIMEOUT_SECONDS):
            while (code := process.code()) is None:  # noqa: ASYNC110 another process cannot set an Event
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        await process.kill()
        raise ProcessFailedError(f"{name} did not end in time:\n{process.tail()}") from None
    if code:
        raise ProcessFailedError(f"{name} ended with code {code}:\n{process.tail()}")
