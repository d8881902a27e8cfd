"""The running platform: its processes by name, its people, its addresses."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from autodeal_devstack.engines.describe_kafka import kafka_settings_for
from autodeal_devstack.engines.endpoints import Endpoints
from autodeal_devstack.engines.run_engines import EngineSet
from autodeal_devstack.processes import Keeper, KeptProcess, await_ready, python_command, together
from autodeal_devstack.stack.service_environment import DYNAMODB_TABLE, Surroundings
from autodeal_devstack.stack.service_processes import (
    COMMANDS,
    GATEWAY,
    SANDBOX,
    Overrides,
    overridden,
)
from autodeal_devstack.stack.user_pool import ADMIN, BUYER, UserPool
from autodeal_messaging.kafka_settings import KafkaSettings

READY_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 10.0
PROBE_TIMEOUT = aiohttp.ClientTimeout(total=3)


@dataclass(kw_only=True)
class Stack:
    """Everything that runs, as long as the block of `running_stack` does."""

    keeper: Keeper
    engines: EngineSet
    surroundings: Surroundings
    overrides: Overrides
    user_pool: UserPool
    logs: Path
    """The folder with one log file for each process and engine."""
    processes: dict[str, KeptProcess] = field(default_factory=dict)
    """The latest process of each name; one that was killed stays here until it is restarted."""

    @property
    def endpoints(self) -> Endpoints:
        """Where the engines answer."""
        return self.engines.endpoints

    @property
    def gateway_url(self) -> str:
        """Where everybody calls the platform."""
        return self.url(GATEWAY)

    @property
    def sandbox_url(self) -> str:
        """Where the payment provider's sandbox answers."""
        return self.url(SANDBOX)

    @property
    def database_url(self) -> str:
        """The vehicle service's database."""
        return self.surroundings.database_url

    @property
    def dynamodb_table(self) -> str:
        """The payment service's table."""
        return DYNAMODB_TABLE

    @property
    def kafka_settings(self) -> KafkaSettings:
        """How to reach the broker."""
        return kafka_settings_for(self.endpoints)

    def url(self, name: str) -> str:
        """Return where a process of that name answers."""
        return self.surroundings.addresses.url(name)

    async def admin_token(self, number: int = 0) -> str:
        """Return an access token of an Admin, who is registered the first time."""
        return await self.user_pool.token(ADMIN, number)

    async def buyer_token(self, number: int = 0) -> str:
        """Return an access token of that Buyer, who is registered the first time."""
        return await self.user_pool.token(BUYER, number)

    def environment(self, name: str) -> dict[str, str]:
        """Return the environment that a process of that name is started with."""
        return overridden(name, self.surroundings.environment(name), self.overrides)

    async def start(self, name: str, *, wait: bool = True) -> None:
        """Start a process; with `wait`, return once it is ready. Raises ProcessFailedError."""
        self.processes[name] = self.keeper.spawn(
            python_command(*COMMANDS[name]),
            env=self.environment(name),
            cwd=self.logs,
            log=self.logs / f"{name}.log",
        )
        if wait:
            await self.await_ready(name)

    async def await_ready(self, name: str, *, timeout_seconds: float = READY_TIMEOUT_SECONDS) -> None:
        """Return once the process says that it is ready. Raises ProcessFailedError with its last lines."""
        await await_ready(
            name,
            self.processes[name],
            port=self.surroundings.addresses.ports[name],
            probe=lambda: probe_readiness(self.url(name)),
            timeout_seconds=timeout_seconds,
        )

    async def kill(self, name: str) -> None:
        """End a process with SIGKILL."""
        await self.processes[name].kill()

    async def stop(self, name: str, *, timeout_seconds: float = STOP_TIMEOUT_SECONDS) -> int:
        """Ask a process to end in good order, kill it after the time-out, and return its exit code."""
        return await self.processes[name].stop(timeout_seconds=timeout_seconds)

    async def restart(self, name: str) -> None:
        """Start a killed or stopped process again, on its port; one that still runs is stopped first."""
        if self.processes[name].code() is None:
            await self.stop(name)
        await self.start(name)

    def ended(self) -> dict[str, int]:
        """Return the exit codes of processes that do not run any more, by name."""
        codes = {name: process.code() for name, process in self.processes.items()}
        return {name: code for name, code in codes.items() if code is not None}

    async def start_all(self, names: Sequence[str]) -> None:
        """Start processes side by side. Raises the first ProcessFailedError."""
        await together(*(self.start(name) for name in names))

    async def stop_all(self) -> None:
        """Stop the gateway, which takes requests from outside, then all others side by side."""
        if GATEWAY in self.processes:
            await self.stop(GATEWAY)
        await asyncio.gather(*(self.stop(name) for name in self.processes if name != GATEWAY))


async def probe_readiness(url: str) -> None:
    """Ask a process whether it is ready; raise unless it says so."""
    async with (
        aiohttp.ClientSession(timeout=PROBE_TIMEOUT) as session,
        session.get(f"{url}/readyz") as response,
    ):
        if not response.ok:
            raise ConnectionError(f"it answers {response.status}: {(await response.text())[:300]}")
