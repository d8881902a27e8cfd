"""One stack for the whole suite, with nearly the demonstration's short deadlines."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from autodeal_devstack.demo.play_endings import open_stage
from autodeal_devstack.demo.run_demo import QUICK
from autodeal_devstack.demo.stage import PATIENCE_SECONDS, Stage
from autodeal_devstack.engines.endpoints import EngineChoice
from autodeal_devstack.stack import Stack, running_stack

# A process that was killed takes seconds to come back on a busy machine, and buyers wait for it.
PATIENT = {**QUICK, "vehicle": {"SALE_DEADLINE_PIX_SECONDS": "25"}}


@pytest.fixture(scope="session")
async def stack(engine_choice: EngineChoice) -> AsyncIterator[Stack]:
    async with running_stack(engine_choice, overrides=PATIENT) as running:
        yield running


@pytest.fixture(scope="session")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        yield session


@pytest.fixture(scope="session")
async def stage(stack: Stack, http: aiohttp.ClientSession) -> Stage:
    return await open_stage(stack, http)
