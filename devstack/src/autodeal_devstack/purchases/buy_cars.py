"""Buy cars at a steady pace, and follow each purchase to its end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import aiohttp

from autodeal_devstack.demo.public_client import UnexpectedAnswerError
from autodeal_devstack.engines.endpoints import Endpoints
from autodeal_devstack.purchases.counting_client import CountingClient
from autodeal_devstack.purchases.tally import Report, Tally
from autodeal_devstack.sandbox.client import SandboxControl, SandboxControlError
from autodeal_devstack.stack.user_pool import ADMIN, BUYER, ensure_user_pool

PATIENCE_SECONDS = 120.0
"""How long each of a purchase's two waits may take; a worker that was killed hands over within this."""
POLL_SECONDS = 0.25
REPORT_EVERY_SECONDS = 1.0
REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=30)


@dataclass(frozen=True, kw_only=True)
class Platform:
    """Where the platform answers, as seen from here."""

    gateway_url: str
    provider_url: str
    """The provider's sandbox, where purchases are paid."""
    identity_url: str
    """The emulator of Cognito, where the buyer registers."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How much is bought."""

    per_second: float
    count: int | None = None
    """None: until told to stop."""


async def buy_cars(
    platform: Platform, pace: Pace, stop: asyncio.Event, progress: Callable[[Report], None]
) -> Report:
    """Begin purchases until enough were begun or `stop` is set; return once all have ended."""
    pool = await ensure_user_pool(Endpoints(cognito_url=platform.identity_url))
    admin_token, buyer_token = await pool.token(ADMIN, 0), await pool.token(BUYER, 0)
    tally = Tally()
    async with aiohttp.ClientSession(timeout=REQUEST_TIMEOUT) as http:
        buying = Buying(
            admin=CountingClient(http, platform.gateway_url, admin_token, tally),
            buyer=CountingClient(http, platform.gateway_url, buyer_token, tally),
            provider=SandboxControl(platform.provider_url),
            tally=tally,
        )
        telling = asyncio.create_task(tell(tally, progress))
        purchases: list[asyncio.Task[None]] = []
        while not stop.is_set() and (pace.count is None or len(purchases) < pace.count):
            purchases.append(asyncio.create_task(buying.follow_one()))
            try:
                await asyncio.wait_for(stop.wait(), 1 / pace.per_second)
            except TimeoutError:
                continue
        await asyncio.gather(*purchases)
        telling.cancel()
    return tally.report()


async def tell(tally: Tally, progress: Callable[[Report], None]) -> None:
    """Tell how it goes, once a second."""
    while True:
        await asyncio.sleep(REPORT_EVERY_SECONDS)
        progress(tally.report())


@dataclass(frozen=True, kw_only=True)
class Buying:
    """The people of all purchases."""

    admin: CountingClient
    buyer: CountingClient
    provider: SandboxControl
    tally: Tally

    async def follow_one(self) -> None:
        """Buy one car and count how it ended."""
        began = time.monotonic()
        self.tally.begun += 1
        try:
            await self._buy_one()
            self.tally.sold += 1
        except (aiohttp.ClientError, UnexpectedAnswerError, SandboxControlError, TimeoutError) as error:
            self.tally.note(f"purchase {self.tally.begun}: {type(error).__name__} {error}")
        self.tally.ended += 1
        took_ms = round((time.monotonic() - began) * 1000)
        self.tally.longest_purchase_ms = max(self.tally.longest_purchase_ms, took_ms)

    async def _buy_one(self) -> None:
        car = {"brand_name": "Fiat", "model": "Argo", "year": 2024, "color": "prata"}
        offered = await self.admin.call("POST", "/vehicle", {**car, "price": Decimal("89990.00")})
        vehicle_id = offered.expect(201)["id"]
        order_id = (await self.buyer.initialize_sale(vehicle_id)).expect(201)["order_id"]
        payable = await self._wait(order_id, is_payable, "a Pix code")
        await self.provider.approve(payable["payment"]["payment_id"])
        await self._wait(order_id, lambda order: order["status"] == "sold", "sold")

    async def _wait(
        self, order_id: int, wanted: Callable[[dict[str, Any]], bool], what: str
    ) -> dict[str, Any]:
        return await self.buyer.wait_for_order(
            order_id, wanted, what, seconds=PATIENCE_SECONDS, poll_seconds=POLL_SECONDS
        )


def is_payable(order: dict[str, Any]) -> bool:
    """Tell whether the buyer sees how to pay."""
    return bool(order["payment"] and order["payment"]["pix_code"])
