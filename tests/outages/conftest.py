"""One stack for all outages, whose sales wait to be paid for longer than any of them lasts."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import aiohttp
import pytest

from autodeal_devstack.demo.play_endings import open_stage
from autodeal_devstack.demo.run_demo import QUICK
from autodeal_devstack.demo.stage import Stage
from autodeal_devstack.engines.endpoints import EngineChoice
from autodeal_devstack.stack import Stack, running_stack

SETTINGS = {**QUICK, "vehicle": {"SALE_DEADLINE_PIX_SECONDS": "900"}}
ANSWER_SECONDS = 30.0
"""Longer than the gateway's own limits: an answer that takes so long is none."""


@pytest.fixture(scope="session")
def outage_seconds() -> float:
    """How long each outage lasts; `make outages SECONDS=60` makes it a minute."""
    return float(os.environ.get("OUTAGE_SECONDS", "8"))


@pytest.fixture(scope="session")
async def stack(engine_choice: EngineChoice) -> AsyncIterator[Stack]:
    async with running_stack(engine_choice, overrides=SETTINGS) as running:
        yield running


@pytest.fixture(scope="session")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
        yield session


@pytest.fixture(scope="session")
async def stage(stack: Stack, http: aiohttp.ClientSession) -> Stage:
    return await open_stage(stack, http)
