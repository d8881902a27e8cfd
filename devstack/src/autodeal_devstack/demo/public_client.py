"""A frontend's view of AutoDeal: the public routes of the gateway, as one person calls them."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    import aiohttp

POLL_SECONDS = 0.05

_encoder = msgspec.json.Encoder(decimal_format="number")


class UnexpectedAnswerError(AssertionError):
    """The platform answered something else than the story needs."""


@dataclass(frozen=True)
class Answer:
    """What came back: the status and the decoded body."""

    status: int
    body: Any

    def expect(self, status: int) -> Any:  # noqa: ANN401 - JSON has no narrower type
        """Return the body, or raise UnexpectedAnswerError when the status is another."""
        if self.status != status:
            raise UnexpectedAnswerError(f"expected {status}, got {self.status}: {self.body}")
        return self.body


@dataclass(frozen=True)
class PublicClient:
    """One person's session; `token` is empty for a stranger."""

    http: aiohttp.ClientSession
    gateway_url: str
    token: str = ""

    async def call(
        self, method: str, path: str, body: object = None, *, headers: dict[str, str] | None = None
    ) -> Answer:
        """Send one request and read the whole answer."""
        sent = dict(headers or {})
        if self.token:
            sent["authorization"] = f"Bearer {self.token}"
        data = None
        if body is not None:
            sent["content-type"] = "application/json"
            data = _encoder.encode(body)
        async with self.http.request(method, self.gateway_url + path, data=data, headers=sent) as reply:
            raw = await reply.read()
            return Answer(reply.status, json.loads(raw) if raw else None)

    async def initialize_sale(
        self, vehicle_id: int, *, key: str | None = None, payment_method: str = "pix"
    ) -> Answer:
        """Reserve a vehicle; the key makes it safe to ask again."""
        return await self.call(
            "POST",
            f"/vehicle/{vehicle_id}/initialize-sale",
            {"payment_method": payment_method},
            headers={"idempotency-key": key or uuid.uuid4().hex},
        )

    async def pay_again(self, order_id: int, *, payment_method: str = "pix") -> Answer:
        """Choose a method for an order that still waits to be paid."""
        return await self.call(
            "POST",
            "/payment",
            {"order_id": order_id, "payment_method": payment_method},
            headers={"idempotency-key": uuid.uuid4().hex},
        )

    async def order(self, order_id: int) -> dict[str, Any]:
        """Return the order with its payment instructions and timeline."""
        body: dict[str, Any] = (await self.call("GET", f"/orders/{order_id}")).expect(200)
        return body

    async def vehicle(self, vehicle_id: int) -> dict[str, Any]:
        """Return the vehicle."""
        body: dict[str, Any] = (await self.call("GET", f"/vehicle/{vehicle_id}")).expect(200)
        return body

    async def wait_for_order(
        self,
        order_id: int,
        wanted: Callable[[dict[str, Any]], bool],
        what: str,
        *,
        seconds: float,
        poll_seconds: float = POLL_SECONDS,
    ) -> dict[str, Any]:
        """Ask until the order is as wanted; raises UnexpectedAnswerError after `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            order = await self.order(order_id)
            if wanted(order):
                return order
            if time.monotonic() > deadline:
                events = [entry["event"] for entry in order["timeline"]]
                raise UnexpectedAnswerError(
                    f"order {order_id} did not get {what} in {seconds:.0f} s: {order['status']}, {events}"
                )
            await asyncio.sleep(poll_seconds)
