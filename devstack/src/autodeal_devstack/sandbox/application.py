"""The sandbox as one HTTP application: the provider's routes, the pages, the control interface."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Router
from litestar.di import Provide

from autodeal_devstack.sandbox.clock import Clock, SystemClock
from autodeal_devstack.sandbox.control_routes import control_router
from autodeal_devstack.sandbox.page_routes import page_router
from autodeal_devstack.sandbox.provider_routes import provider_router
from autodeal_devstack.sandbox.sandbox_parts import Sandbox, build_sandbox
from autodeal_devstack.sandbox.settings import SandboxSettings
from autodeal_platform.health import Health
from autodeal_platform.http_app import create_app
from autodeal_platform.logs import get_logger

_log = get_logger(__name__)


def create_sandbox(settings: SandboxSettings, health: Health, clock: Clock | None = None) -> Litestar:
    """Return the application; payments expire and notifications leave while it runs."""
    sandbox = build_sandbox(settings, clock or SystemClock(), health)
    routes: list[Router] = [provider_router(), control_router(), page_router()]

    @asynccontextmanager
    async def background(_: Litestar) -> AsyncIterator[None]:
        async with _running(health, sandbox):
            yield

    return create_app(
        service="sandbox",
        routes=routes,
        settings=settings,
        health=health,
        dependencies={"sandbox": Provide(lambda: sandbox, sync_to_thread=False)},
        lifespan=[background],
    )


@asynccontextmanager
async def _running(health: Health, sandbox: Sandbox) -> AsyncIterator[None]:
    """Keep the background work going; readiness fails once any of it has ended."""
    tasks = [
        _start("expire-payments", sandbox.book.keep_expiring()),
        _start("send-webhooks", sandbox.sender.keep_sending()),
    ]

    async def check() -> None:
        ended = [task.get_name() for task in tasks if task.done()]
        if ended:
            raise RuntimeError(f"ended: {', '.join(ended)}")

    health.add_check("background", check)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _start(name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_report)
    return task


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("background.failed", task=task.get_name(), exc_info=error)
