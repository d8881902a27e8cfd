"""A server of the platform as a process of its own; the tests start it, talk to it and signal it."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from litestar import Request, get, post

from autodeal_platform.health import Health
from autodeal_platform.http_app import create_app
from autodeal_platform.logs import configure_logging, get_logger
from autodeal_platform.run_http import run_http, run_process
from autodeal_platform.run_worker import run_worker
from autodeal_platform.settings import HttpSettings, load_settings

health = Health(cache_s=0)
released = asyncio.Event()


@get("/slow")
async def answer_when_released() -> dict[str, Any]:
    get_logger("example").info("slow.entered")
    await released.wait()
    return {"answered": True}


@post("/release")
async def release() -> dict[str, Any]:
    released.set()
    return {}


@post("/upload")
async def take_upload(request: Request[Any, Any, Any]) -> dict[str, Any]:
    return {"length": len(await request.body())}


async def refuse_to_start() -> None:
    raise RuntimeError("no database")


async def never_disconnect() -> None:
    await asyncio.Event().wait()


async def loop_until_stopped(stop: asyncio.Event) -> None:
    await stop.wait()


async def crash(stop: asyncio.Event) -> None:
    raise RuntimeError("the loop broke")


async def return_early(stop: asyncio.Event) -> None:
    return


async def never_stop(stop: asyncio.Event) -> None:
    await asyncio.Event().wait()


async def main(kind: str) -> None:
    settings = load_settings(HttpSettings, os.environ)
    if kind in {"serve", "refuse", "hang"}:
        routes = [answer_when_released, release, take_upload]
        app = create_app(
            service="e",
            routes=routes,
            settings=settings,
            health=health,
            on_startup=[refuse_to_start] if kind == "refuse" else [],
            on_shutdown=[never_disconnect] if kind == "hang" else [],
        )
        await run_http(app, settings, health)
        return
    loops = {"work": [], "crash": [crash], "early": [return_early], "stuck": [never_stop]}
    await run_worker([loop_until_stopped, *loops[kind]], settings, health)


if __name__ == "__main__":
    configure_logging("example", os.environ.get("LOG_LEVEL", "INFO"))
    sys.exit(run_process(main(sys.argv[1])))
