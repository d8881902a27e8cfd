"""Take one buyer from registration to the end of a purchase, through nothing but the gateway.

Where the provider is the sandbox, the car is paid and handed over. Elsewhere nobody can pay for a test, so a
car that is kept for this is reserved and given back.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

import aiohttp

from autodeal_devstack.demo.public_client import PublicClient, UnexpectedAnswerError
from autodeal_devstack.engines.endpoints import Endpoints
from autodeal_devstack.sandbox.client import SandboxControl
from autodeal_devstack.stack.people import make_person
from autodeal_devstack.stack.user_pool import ADMIN, BUYER, ensure_user_pool

CAR = {"brand_name": "Fiat", "model": "Verification", "year": 2024, "color": "prata"}
PRICE = Decimal("89990.00")
REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=30)
POLL_SECONDS = 0.25
PEOPLE = 1_000_000_000

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Target:
    """The platform to verify, and what is known about it."""

    gateway_url: str
    provider_url: str | None = None
    """The provider's sandbox, where there is one."""
    identity_url: str | None = None
    """The emulator of Cognito, where there is one: an Admin is made there."""
    admin_email: str | None = None
    """An Admin who logs in at the gateway, where there is no emulator."""
    admin_password: str | None = field(default=None, repr=False)
    vehicle_id: int | None = None
    """A car that is kept for this; without it, one is put up for sale."""
    patience_seconds: float = 120.0
    """How long each wait for the platform may take."""


@dataclass
class Verification:
    """The steps and what each took; `tell` hears of each step as it ends."""

    target: Target
    http: aiohttp.ClientSession
    tell: Callable[[str, int], None]

    async def run(self) -> None:
        """Go through every step; raise what the first that fails raises, with a note of which it was."""
        stranger = PublicClient(self.http, self.target.gateway_url)
        person = _person()
        await self._step("the gateway is ready", self._until_ready(stranger))
        await self._step("a buyer registers", _registered(stranger, person))
        buyer = await self._step("the buyer logs in", self._log_in(stranger, person))
        if self.target.vehicle_id is None:
            admin = await self._step("an admin logs in", self._admin(stranger))
            vehicle_id = await self._step("the admin puts up a car", _offer(admin))
        else:
            admin, vehicle_id = None, self.target.vehicle_id
        order_id = await self._step("the buyer reserves it", _reserve(buyer, vehicle_id))
        payment_id = await self._step("the buyer sees how to pay", self._payable(buyer, order_id))
        if self.target.provider_url is None or admin is None:
            await self._give_back(buyer, order_id, vehicle_id)
        else:
            provider = SandboxControl(self.target.provider_url)
            await self._step("the buyer pays", provider.approve(payment_id))
            await self._step("the car is sold", self._status(buyer, order_id, "sold"))
            await self._step("the car is handed over", _hand_over(admin, vehicle_id))
        await self._step("the buyer leaves", _leave(buyer))

    async def _give_back(self, buyer: PublicClient, order_id: int, vehicle_id: int) -> None:
        await self._step("the buyer cancels", _cancel(buyer, order_id))
        await self._step("the order is cancelled", self._status(buyer, order_id, "cancelled"))
        await self._step("the payment is cancelled", self._told_of(buyer, order_id, "payment.cancelled"))
        await self._step("the car is for sale again", _expect_available(buyer, vehicle_id))

    async def _step(self, name: str, work: Awaitable[Result]) -> Result:
        began = time.monotonic()
        try:
            result = await work
        except Exception as error:
            error.add_note(f"while: {name}")
            raise
        self.tell(name, round((time.monotonic() - began) * 1000))
        return result

    async def _until_ready(self, stranger: PublicClient) -> None:
        (await stranger.call("GET", "/readyz")).expect(200)

    async def _log_in(self, stranger: PublicClient, person: dict[str, Any]) -> PublicClient:
        credentials = {"email": person["email"], "password": person["password"]}
        tokens = (await stranger.call("POST", "/login", credentials)).expect(200)
        return PublicClient(self.http, self.target.gateway_url, tokens["access_token"])

    async def _admin(self, stranger: PublicClient) -> PublicClient:
        if self.target.identity_url is None:
            known = {"email": self.target.admin_email, "password": self.target.admin_password}
            return await self._log_in(stranger, known)
        pool = await ensure_user_pool(Endpoints(cognito_url=self.target.identity_url))
        return PublicClient(self.http, self.target.gateway_url, await pool.token(ADMIN, 0))

    async def _payable(self, buyer: PublicClient, order_id: int) -> str:
        order = await self._wait(buyer, order_id, _is_payable, "a Pix code")
        payment_id: str = order["payment"]["payment_id"]
        return payment_id

    async def _status(self, buyer: PublicClient, order_id: int, status: str) -> None:
        await self._wait(buyer, order_id, lambda order: order["status"] == status, f"to {status}")

    async def _told_of(self, buyer: PublicClient, order_id: int, event: str) -> None:
        await self._wait(
            buyer, order_id, lambda order: any(entry["event"] == event for entry in order["timeline"]), event
        )

    async def _wait(
        self, buyer: PublicClient, order_id: int, wanted: Callable[[dict[str, Any]], bool], what: str
    ) -> dict[str, Any]:
        return await buyer.wait_for_order(
            order_id, wanted, what, seconds=self.target.patience_seconds, poll_seconds=POLL_SECONDS
        )


async def verify_purchase(target: Target, tell: Callable[[str, int], None]) -> None:
    """Verify a platform; `tell` hears each step's name and milliseconds. Raises what went wrong."""
    async with aiohttp.ClientSession(timeout=REQUEST_TIMEOUT) as http:
        await Verification(target, http, tell).run()


def _person() -> dict[str, Any]:
    """Return a registration that nobody has used yet."""
    number = uuid.uuid4()
    made = make_person(BUYER, number.int % PEOPLE)
    return {
        "email": f"verification.{number.hex}@autodeal.example",
        "password": f"{made.password}{number.hex[:12]}",
        "first_name": made.first_name,
        "last_name": made.last_name,
        "cpf": made.cpf,
        "address": made.address,
        "accepted_terms": True,
    }


async def _registered(stranger: PublicClient, person: dict[str, Any]) -> None:
    (await stranger.call("POST", "/user", person)).expect(201)


async def _offer(admin: PublicClient) -> int:
    vehicle_id: int = (await admin.call("POST", "/vehicle", {**CAR, "price": PRICE})).expect(201)["id"]
    return vehicle_id


async def _reserve(buyer: PublicClient, vehicle_id: int) -> int:
    """Reserve, and again with the same key, as a frontend does that lost the answer."""
    key = uuid.uuid4().hex
    first = (await buyer.initialize_sale(vehicle_id, key=key)).expect(201)
    again = (await buyer.initialize_sale(vehicle_id, key=key)).expect(201)
    if first["order_id"] != again["order_id"]:
        raise UnexpectedAnswerError(f"one key, two orders: {first['order_id']}, {again['order_id']}")
    order_id: int = first["order_id"]
    return order_id


def _is_payable(order: dict[str, Any]) -> bool:
    return bool(order["payment"] and order["payment"]["pix_code"])


async def _hand_over(admin: PublicClient, vehicle_id: int) -> None:
    (await admin.call("PUT", f"/vehicle/{vehicle_id}/confirm-pickup")).expect(200)


async def _cancel(buyer: PublicClient, order_id: int) -> None:
    (await buyer.call("POST", f"/orders/{order_id}/cancel")).expect(200)


async def _expect_available(buyer: PublicClient, vehicle_id: int) -> None:
    status = (await buyer.vehicle(vehicle_id))["status"]
    if status != "available":
        raise UnexpectedAnswerError(f"vehicle {vehicle_id} is {status}, not available")


async def _leave(buyer: PublicClient) -> None:
    """Delete the buyer, so that a verification leaves no person behind."""
    (await buyer.call("DELETE", "/user")).expect(204)
