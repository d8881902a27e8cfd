"""Buyers and readers who carry on through an outage, and a record of every answer they get."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from autodeal_devstack.demo.public_client import PublicClient
from autodeal_devstack.demo.stage import Purchase, Stage

BUY_EVERY_SECONDS = 0.7
READ_EVERY_SECONDS = 0.15
INSIST_SECONDS = 0.3
CARS_AT_A_TIME = 8


@dataclass(frozen=True)
class Seen:
    """One answer."""

    route: str
    status: int
    media_type: str
    code: str | None
    """The problem's code."""
    began: float
    seconds: float

    @property
    def is_sound(self) -> bool:
        """Whether a client can make sense of it: a success, or a problem with a stable code."""
        if self.status < 400:
            return True
        is_problem = self.media_type == "application/problem+json" and bool(self.code)
        return is_problem and (self.status < 500 or self.status in {503, 504})


@dataclass
class Load:
    """What happens beside an outage."""

    stage: Stage
    before: Sequence[Purchase]
    """Purchases that wait to be paid."""
    cars: list[int]
    seen: list[Seen] = field(default_factory=list)
    bought: list[Purchase] = field(default_factory=list)

    def unsound(self) -> list[Seen]:
        """Return the answers that no client can make sense of."""
        return [seen for seen in self.seen if not seen.is_sound]

    def failed(self, routes: Iterable[str]) -> list[Seen]:
        """Return the answers of these routes that were no success."""
        wanted = set(routes)
        return [seen for seen in self.seen if seen.route in wanted and seen.status >= 400]

    def tally(self) -> str:
        """Say in one line what was answered."""
        counts = Counter(
            f"{seen.route} {seen.status}{f' {seen.code}' * bool(seen.code)}" for seen in self.seen
        )
        return ", ".join(f"{what}: {count}" for what, count in sorted(counts.items()))

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """Buy and read while the block runs; whoever has begun to buy insists until it is done."""
        stop = asyncio.Event()
        order = self.before[0].order_id
        reads = {
            "GET /vehicles": (self.stage.stranger, "/vehicles?limit=5"),
            "GET /orders/{id}": (self.stage.buyer, f"/orders/{order}"),
            "GET /payment": (self.stage.buyer, f"/payment?order_id={order}"),
        }
        async with asyncio.TaskGroup() as tasks:
            for route, (client, path) in reads.items():
                tasks.create_task(self._read(route, client, path, stop))
            tasks.create_task(self._buy_cars(stop))
            try:
                yield
            finally:
                stop.set()

    async def _read(self, route: str, client: PublicClient, path: str, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self.ask(route, client, "GET", path)
            await asyncio.sleep(READ_EVERY_SECONDS)

    async def _buy_cars(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as buyers:
            while not stop.is_set() and self.cars:
                buyers.create_task(self._insist(self.cars.pop()))
                await asyncio.sleep(BUY_EVERY_SECONDS)

    async def _insist(self, car: int) -> None:
        headers = {"idempotency-key": uuid.uuid4().hex}
        path = f"/vehicle/{car}/initialize-sale"
        while True:
            seen, body = await self.ask(
                "POST initialize-sale",
                self.stage.buyer,
                "POST",
                path,
                body={"payment_method": "pix"},
                headers=headers,
            )
            if seen.status == 201:
                self.bought.append(Purchase(self.stage, self.stage.buyer, body["order_id"], car))
                return
            await asyncio.sleep(INSIST_SECONDS)

    async def ask(
        self,
        route: str,
        client: PublicClient,
        method: str,
        path: str,
        *,
        body: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[Seen, Any]:
        """Send one request and note what came of it."""
        sent = dict(headers or {}) | ({"authorization": f"Bearer {client.token}"} if client.token else {})
        began = time.monotonic()
        url = client.gateway_url + path
        async with client.http.request(method, url, json=body, headers=sent) as reply:
            raw = await reply.read()
        answer = json.loads(raw) if raw else None
        code = answer.get("code") if isinstance(answer, dict) else None
        seen = Seen(
            route=route,
            status=reply.status,
            media_type=reply.content_type,
            code=code if reply.status >= 400 else None,
            began=began,
            seconds=time.monotonic() - began,
        )
        self.seen.append(seen)
        return seen, answer


async def prepare_load(stage: Stage, *, seconds: float, waiting: int = 4) -> Load:
    """Put up the cars that will be bought, and begin some purchases that wait to be paid."""
    before = await asyncio.gather(*(Purchase.begin(stage, f"waiting {each}") for each in range(waiting)))
    await asyncio.gather(*(purchase.wait_for_instructions() for purchase in before))
    slots = asyncio.Semaphore(CARS_AT_A_TIME)

    async def put_up(number: int) -> int:
        async with slots:
            return await stage.new_car(f"outage {number}")

    count = int(seconds / BUY_EVERY_SECONDS) + 1
    return Load(stage, before, list(await asyncio.gather(*(put_up(number) for number in range(count)))))


async def pay(stage: Stage, purchase: Purchase) -> None:
    """Pay as the buyer would, and wait until the car is sold."""
    await stage.provider.approve(await purchase.wait_for_instructions())
    await purchase.wait_for_status("sold")
