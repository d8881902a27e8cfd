"""`initialize-sale` through the gateway, everything running, beside pgbench on the same PostgreSQL."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from statistics import median, quantiles
from urllib.parse import urlsplit

from autodeal_devstack.engines.endpoints import EngineChoice
from autodeal_devstack.stack import running_stack
from bench.http_client import KeptConnection
from bench.measurement import Measurement
from bench.postgres_room import run_pgbench, stock
from bench.sale_script import SEVEN_STATEMENTS

VEHICLES = 300_000
CLIENTS = (1, 8, 32)
SECONDS = 6
ORIGINAL_PER_SECOND = 60
"""What the replaced system did on two cores."""


async def measure() -> list[Measurement]:
    """Sell at each number of clients, then let pgbench do the same number."""
    found = []
    async with running_stack(EngineChoice.EMBEDDED, overrides={"gateway": {"LOG_LEVEL": "WARNING"}}) as stack:
        await stock(stack.database_url, VEHICLES)
        # The providers' half of each sale would share the two cores; the sale alone is measured.
        await stack.stop("payment-work")
        token = await stack.buyer_token(0)
        vehicles = itertools.count(1)
        await _sell(stack.gateway_url, token, vehicles, clients=8, seconds=2)
        for turn, clients in enumerate(CLIENTS):
            times = await _sell(stack.gateway_url, token, vehicles, clients=clients, seconds=SECONDS)
            peer = run_pgbench(
                stack.database_url,
                SEVEN_STATEMENTS,
                clients=clients,
                seconds=SECONDS,
                first=100_000 + turn * 60_000,
            )
            found.append(_measurement(clients, times, peer.per_second))
    return found


def _measurement(clients: int, times_ms: list[float], peer_per_second: float) -> Measurement:
    per_second = len(times_ms) / SECONDS
    slow = quantiles(times_ms, n=100)[98]
    return Measurement(
        name=f"sales through the gateway, {clients} clients",
        figure=f"{per_second:,.0f} sales/s, p50 {median(times_ms):.1f} ms, p99 {slow:.1f} ms",
        beside=f"pgbench, seven statements: {peer_per_second:,.0f}/s",
        ratio=per_second / peer_per_second,
        wanted=f"aim at 32 clients: {10 * ORIGINAL_PER_SECOND} sales/s" if clients == max(CLIENTS) else "",
        runs={"sales_per_second": [per_second], "pgbench_per_second": [peer_per_second]},
    )


async def _sell(
    gateway: str, token: str, vehicles: Iterator[int], *, clients: int, seconds: float
) -> list[float]:
    """Sell as fast as the clients can; return how long each sale took, in milliseconds."""
    address = urlsplit(gateway)
    assert address.hostname is not None
    assert address.port is not None
    ends = time.perf_counter() + seconds
    times: list[float] = []

    async def client() -> None:
        async with KeptConnection(str(address.hostname), int(address.port or 0)) as connection:
            while (began := time.perf_counter()) < ends:
                vehicle_id = next(vehicles)
                status = await connection.post(
                    f"/vehicle/{vehicle_id}/initialize-sale",
                    b'{"payment_method":"pix"}',
                    {"authorization": f"Bearer {token}", "idempotency-key": f"bench-{vehicle_id}"},
                )
                assert status == 201, status
                times.append((time.perf_counter() - began) * 1000)

    await asyncio.gather(*(client() for _ in range(clients)))
    return times
