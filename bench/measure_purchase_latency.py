"""How long a buyer waits: from `initialize-sale` to the Pix code, and from paying to `sold`."""

from __future__ import annotations

import asyncio
import time
from statistics import median

import aiohttp

from autodeal_devstack.demo.play_endings import open_stage
from autodeal_devstack.demo.stage import Purchase
from autodeal_devstack.engines.endpoints import EngineChoice
from autodeal_devstack.stack import running_stack
from bench.measurement import Measurement

PURCHASES = 20
PAUSE_SECONDS = 0.7
"""Between purchases everything falls idle, as on a quiet day; idle loops are slowest to wake."""


async def measure(choice: EngineChoice = EngineChoice.EMBEDDED) -> list[Measurement]:
    """Buy one car after the other on an idle stack."""
    to_code_ms: list[float] = []
    to_sold_ms: list[float] = []
    plain_ms: list[float] = []
    async with running_stack(choice) as stack, aiohttp.ClientSession() as http:
        stage = await open_stage(stack, http)
        for number in range(PURCHASES + 1):
            vehicle_id = await stage.new_car(f"Model {number}")
            await asyncio.sleep(PAUSE_SECONDS)
            began = time.perf_counter()
            await stage.stranger.vehicle(vehicle_id)
            looked = time.perf_counter()
            answer = (await stage.buyer.initialize_sale(vehicle_id)).expect(201)
            purchase = Purchase(stage, stage.buyer, answer["order_id"], vehicle_id)
            payment_id = await purchase.wait_for_instructions()
            shown = time.perf_counter()
            await asyncio.sleep(PAUSE_SECONDS)
            paid = time.perf_counter()
            await stage.provider.approve(payment_id)
            await purchase.wait_for_status("sold")
            if number:  # the first purchase opens every connection
                plain_ms.append((looked - began) * 1000)
                to_code_ms.append((shown - looked) * 1000)
                to_sold_ms.append((time.perf_counter() - paid) * 1000)
    beside = f"one plain GET through the gateway: {median(plain_ms):.1f} ms"
    return [
        Measurement(
            name=name,
            figure=f"p50 {median(taken):.0f} ms, slowest {max(taken):.0f} ms of {len(taken)}",
            beside=beside,
            ratio=median(taken) / median(plain_ms),
            wanted="well under a second, on an idle stack",
            runs={"milliseconds": taken, "plain_get_ms": plain_ms},
        )
        for name, taken in (
            (f"initialize-sale to Pix code ({choice.value} engines)", to_code_ms),
            (f"paid at the provider to sold ({choice.value} engines)", to_sold_ms),
        )
    ]
