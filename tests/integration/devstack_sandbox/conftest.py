"""A sandbox that listens on this machine, and a seller's webhook that records what reaches it."""

import asyncio
import contextlib
import hashlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from autodeal_devstack.processes.find_port import find_port
from autodeal_devstack.sandbox.application import create_sandbox
from autodeal_devstack.sandbox.client import SandboxControl
from autodeal_devstack.sandbox.settings import SandboxSettings
from autodeal_platform.health import Health
from autodeal_platform.run_http import run_http
from autodeal_platform.settings import Secret

TOKEN, SECRET = "the-token", "the-secret"
ATTEMPTS, CONCURRENCY = 4, 3
PATIENCE_SECONDS = 20


@dataclass(frozen=True)
class Received:
    """One request that reached the webhook."""

    notification_id: int
    action: str
    payment_id: int
    request_id: str
    is_signed: bool


@dataclass
class Webhook:
    """The seller's side: answers with `statuses` in turn and then 200; while closed, it does not answer."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    at_once: int = 0
    most_at_once: int = 0
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, request: web.Request) -> web.Response:
        body = msgspec.json.decode(await request.read())
        query, headers = request.query, request.headers
        assert (query["type"], body["data"]["id"]) == ("payment", query["data.id"])
        parts = dict(part.split("=", 1) for part in headers["x-signature"].split(","))
        manifest = f"id:{query['data.id']};request-id:{headers['x-request-id']};ts:{parts['ts']};"
        expected = hmac.new(SECRET.encode(), manifest.encode(), hashlib.sha256).hexdigest()
        async with self._arrived:
            self.received.append(
                Received(
                    notification_id=body["id"],
                    action=body["action"],
                    payment_id=int(query["data.id"]),
                    request_id=headers["x-request-id"],
                    is_signed=hmac.compare_digest(expected, parts["v1"]),
                )
            )
            self._arrived.notify_all()
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.open.wait()
        finally:
            self.at_once -= 1
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)

    async def wait_for(self, count: int) -> list[Received]:
        """Return what was received once it is `count` requests."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._arrived:
            await self._arrived.wait_for(lambda: len(self.received) >= count)
        return self.received


@dataclass(frozen=True)
class Seller:
    """Calls the provider as the payment service would."""

    url: str
    http: aiohttp.ClientSession

    async def call(
        self, method: str, path: str, body: object = None, *, key: str = "", timeout_seconds: float = 10
    ) -> tuple[int, dict[str, Any]]:
        headers = {"authorization": f"Bearer {TOKEN}"} | ({"x-idempotency-key": key} if key else {})
        data = None if body is None else msgspec.json.encode(body)
        timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        async with self.http.request(
            method, f"{self.url}/v1/payments{path}", data=data, headers=headers, timeout=timeout
        ) as response:
            return response.status, msgspec.json.decode(await response.read())

    async def create(
        self, reference: str = "17-1", *, key: str = "", timeout_seconds: float = 10, **changes: object
    ) -> tuple[int, dict[str, Any]]:
        body = {
            "transaction_amount": 89990,
            "description": "Fiat Pulse 2024",
            "payment_method_id": "pix",
            "external_reference": reference,
            "payer": {"email": "ana@example.com"},
        }
        return await self.call(
            "POST", "", body | changes, key=key or f"create {reference}", timeout_seconds=timeout_seconds
        )


@contextlib.asynccontextmanager
async def running_sandbox(webhook_url: str | None, **changes: Any) -> AsyncIterator[str]:
    """Serve a sandbox and yield its address; it stops within seconds whatever it is doing."""
    values: dict[str, Any] = {
        "http_port": find_port(),
        "sandbox_access_token": Secret(TOKEN),
        "sandbox_webhook_secret": Secret(SECRET),
        "sandbox_webhook_url": webhook_url,
        "sandbox_webhook_attempts": ATTEMPTS,
        "sandbox_webhook_first_retry_seconds": 0.01,
        "sandbox_webhook_longest_retry_seconds": 0.05,
        "sandbox_webhook_concurrency": CONCURRENCY,
    }
    settings = SandboxSettings(**(values | changes))
    health, stop = Health(), asyncio.Event()
    serving = asyncio.create_task(run_http(create_sandbox(settings, health), settings, health, stop=stop))
    url = f"http://127.0.0.1:{settings.http_port}"
    await eventually(lambda: _answers(url))
    try:
        yield url
    finally:
        stop.set()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await serving


async def eventually(check: Callable[[], Awaitable[bool]]) -> None:
    """Wait until `check` is true."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await check():  # noqa: ASYNC110 - what is checked is another server's state
            await asyncio.sleep(0.01)


async def _answers(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as http, http.get(f"{url}/readyz") as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False


@pytest.fixture
async def webhook() -> AsyncIterator[Webhook]:
    receiver = Webhook()
    receiver.open.set()
    app = web.Application()
    app.router.add_post("/webhook", receiver.take)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    port = find_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    receiver.url = f"http://127.0.0.1:{port}/webhook"
    yield receiver
    receiver.open.set()
    await runner.cleanup()


@pytest.fixture
async def sandbox_url(webhook: Webhook) -> AsyncIterator[str]:
    async with running_sandbox(webhook.url) as url:
        yield url


@pytest.fixture
def control(sandbox_url: str) -> SandboxControl:
    return SandboxControl(sandbox_url)


@pytest.fixture
async def seller(sandbox_url: str) -> AsyncIterator[Seller]:
    async with aiohttp.ClientSession() as http:
        yield Seller(sandbox_url, http)
