"""Play every ending side by side on a running stack."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import aiohttp

from autodeal_devstack.demo.endings import ENDINGS, Ending
from autodeal_devstack.demo.print_timelines import Told
from autodeal_devstack.demo.public_client import PublicClient
from autodeal_devstack.demo.stage import PATIENCE_SECONDS, Stage
from autodeal_devstack.sandbox.client import SandboxControl

if TYPE_CHECKING:
    from collections.abc import Callable

    from autodeal_devstack.stack import Stack


async def open_stage(stack: Stack, http: aiohttp.ClientSession) -> Stage:
    """Sign the people in."""
    buyer, rival = await stack.buyer_token(0), await stack.buyer_token(1)
    return Stage(
        buyer=PublicClient(http, stack.gateway_url, buyer),
        rival=PublicClient(http, stack.gateway_url, rival),
        admin=PublicClient(http, stack.gateway_url, await stack.admin_token()),
        stranger=PublicClient(http, stack.gateway_url),
        provider=SandboxControl(stack.sandbox_url),
    )


async def play_endings(
    stack: Stack, endings: tuple[Ending, ...] = ENDINGS, *, told: Callable[[Told], None] | None = None
) -> list[Told]:
    """Play the endings at once and return how each went, in their order; `told` hears of each as it ends."""
    timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        stage = await open_stage(stack, http)

        async def one(ending: Ending) -> Told:
            result = await _play(ending, stage)
            if told is not None:
                told(result)
            return result

        return list(await asyncio.gather(*(one(ending) for ending in endings)))


async def _play(ending: Ending, stage: Stage) -> Told:
    began = time.monotonic()
    try:
        purchase = await ending.play(stage)
        order = await purchase.client.order(purchase.order_id)
    except Exception as error:  # noqa: BLE001 - whatever went wrong is what the ending has to tell
        return Told(ending, time.monotonic() - began, failure=f"{type(error).__name__}: {error}")
    return Told(ending, time.monotonic() - began, purchase=purchase, order=order)
