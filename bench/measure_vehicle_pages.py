"""The first and the last page of a million vehicles, over HTTP from the vehicle service itself."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

import aiohttp
import asyncpg
from yarl import URL

from autodeal_devstack.processes import Keeper, await_ready, find_port
from autodeal_devstack.processes.python_command import python_command
from autodeal_devstack.stack.stack import probe_readiness
from bench.measurement import Measurement
from bench.postgres_room import stocked_postgres

VEHICLES = 1_000_000
ROUNDS = 60
WANTED = 1.5
LISTS: dict[str, dict[str, str]] = {
    "sorted by price": {},
    "of one brand": {"brand": "Brand 7"},
    "of one model, color and years": {"model": "Model 11", "color": "preto", "year_min": "1995"},
}


async def measure() -> list[Measurement]:
    """Compare the median times of both pages, list by list."""
    async with stocked_postgres(VEHICLES) as url:
        port = find_port()
        with Keeper() as keeper, tempfile.TemporaryDirectory() as folder:
            process = keeper.spawn(
                python_command("autodeal_vehicle", "serve"),
                env={
                    "DATABASE_URL": url,
                    "HTTP_HOST": "127.0.0.1",
                    "HTTP_PORT": str(port),
                    "COGNITO_ISSUER": "http://127.0.0.1:1/none",
                    "COGNITO_CLIENT_ID": "none",
                    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
                    "LOG_LEVEL": "WARNING",
                },
                cwd=Path(folder),
                log=Path(folder) / "vehicle-serve.log",
            )
            base = f"http://127.0.0.1:{port}"
            await await_ready(
                "vehicle-serve", process, port=port, probe=lambda: probe_readiness(base), timeout_seconds=30
            )
            async with aiohttp.ClientSession() as http:
                found = [await _compare(http, base, url, name, query) for name, query in LISTS.items()]
            await process.stop(timeout_seconds=10)
    return found


async def _compare(
    http: aiohttp.ClientSession, base: str, url: str, name: str, query: dict[str, str]
) -> Measurement:
    first = f"{base}/vehicles?{urlencode({**query, 'limit': '20'})}"
    last = await _last_page(http, base, url, query)
    times: dict[str, list[float]] = {first: [], last: []}
    for page in (first, last):
        await _milliseconds(http, page)
    for _ in range(ROUNDS):
        for page, taken in times.items():
            taken.append(await _milliseconds(http, page))
    ratio = median(times[last]) / median(times[first])
    return Measurement(
        name=f"last page of {VEHICLES:,} vehicles {name}",
        figure=f"{median(times[last]):.2f} ms",
        beside=f"the first page: {median(times[first]):.2f} ms",
        ratio=ratio,
        wanted=f"≤ {WANTED}",
        runs={"first_ms": times[first], "last_ms": times[last]},
    )


async def _last_page(http: aiohttp.ClientSession, base: str, url: str, query: dict[str, str]) -> str:
    """Walk in from the most expensive vehicle's price until the list has an end, as a person would."""
    connection = await asyncpg.connect(url)
    try:
        dearest = await connection.fetchval("SELECT max(price_cents) FROM vehicle")
    finally:
        await connection.close()
    # A narrow price window gives a cursor near the end; the cursor is then used without the window.
    window = {**query, "price_min": f"{(dearest - 2_000_000) / 100:.2f}", "limit": "20"}
    link = f"{base}/vehicles?{urlencode(window)}"
    cursor = ""
    while True:
        async with http.get(link) as reply:
            assert reply.status == 200, await reply.text()
            following = reply.links.get("next")
        if following is None:
            return f"{base}/vehicles?{urlencode({**query, 'limit': '20', 'cursor': cursor})}"
        cursor = URL(following["url"]).query["cursor"]
        link = str(following["url"])


async def _milliseconds(http: aiohttp.ClientSession, page: str) -> float:
    began = time.perf_counter()
    async with http.get(page) as reply:
        body = await reply.json()
    assert reply.status == 200
    assert body
    return (time.perf_counter() - began) * 1000
