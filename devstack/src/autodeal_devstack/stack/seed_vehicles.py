"""Put the sample vehicles up for sale, the way an Admin does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import aiohttp
import msgspec

from autodeal_devstack.stack.sample_vehicles import SampleVehicle, sample_vehicles

SIDE_BY_SIDE = 8
TIMEOUT = aiohttp.ClientTimeout(total=60)
_encoder = msgspec.json.Encoder(decimal_format="number")


class SeedError(RuntimeError):
    """The platform would not take a sample vehicle."""


async def seed_vehicles(gateway_url: str, token: str, *, count: int, seed: int = 1) -> None:
    """Create the vehicles through the public route, unless some are for sale already. Raises SeedError."""
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    async with aiohttp.ClientSession(gateway_url, headers=headers, timeout=TIMEOUT) as session:
        async with session.get("/vehicles", params={"limit": "1"}) as response:
            if response.ok and await response.json():
                return
        left = iter(sample_vehicles(count, seed))
        await asyncio.gather(*(create_each(session, left) for _ in range(SIDE_BY_SIDE)))


async def create_each(session: aiohttp.ClientSession, left: Iterator[SampleVehicle]) -> None:
    """Create vehicles until none is left; several of these share one iterator."""
    for vehicle in left:
        async with session.post("/vehicle", data=_encoder.encode(vehicle)) as response:
            if not response.ok:
                raise SeedError(f"POST /vehicle: {response.status} {(await response.text())[:300]}")
            await response.read()
