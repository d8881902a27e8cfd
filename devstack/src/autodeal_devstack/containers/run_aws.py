"""The emulators of DynamoDB and of Cognito for a developer's cluster.

The user pool and its client have ids that follow from what they are made of, so that settings can name them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from autodeal_devstack.engines.endpoints import Endpoints, EngineError
from autodeal_devstack.engines.moto_process import make_moto_server
from autodeal_devstack.processes import find_port
from autodeal_devstack.stack.user_pool import create_user_pool

EVERY_ADDRESS = "0.0.0.0"
POLL_SECONDS = 0.02
STABLE_IDS = {
    "MOTO_COGNITO_IDP_USER_POOL_ID_STRATEGY": "HASH",
    "MOTO_COGNITO_IDP_USER_POOL_CLIENT_ID_STRATEGY": "HASH",
}


def run_dynamodb(port: int) -> int:
    """Serve DynamoDB on every address until a signal comes; return the exit code."""
    asyncio.run(make_moto_server(EVERY_ADDRESS, port).serve())
    return 0


def run_identity(port: int) -> int:
    """Serve Cognito likewise, once the platform's user pool is in it: who can connect finds the pool."""
    os.environ.update(STABLE_IDS)

    async def run() -> None:
        own_port = find_port()
        async with serving(make_moto_server("127.0.0.1", own_port)):
            pool = await create_user_pool(Endpoints(cognito_url=f"http://127.0.0.1:{own_port}"))
        print(f"user pool {pool.pool_id}, client {pool.client_id}", flush=True)
        await make_moto_server(EVERY_ADDRESS, port).serve()

    asyncio.run(run())
    return 0


@asynccontextmanager
async def serving(server: uvicorn.Server) -> AsyncIterator[None]:
    """Serve while the block runs. Raises EngineError when the server cannot start."""
    task = asyncio.create_task(server.serve())
    while not server.started and not task.done():  # noqa: ASYNC110 the server has no event for it
        await asyncio.sleep(POLL_SECONDS)
    if not server.started:
        raise EngineError("the emulator could not listen")
    try:
        yield
    finally:
        server.should_exit = True
        await task
