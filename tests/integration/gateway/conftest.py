"""A gateway on a loopback port, with servers behind it whose behaviour each test writes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from multidict import CIMultiDictProxy

from autodeal_devstack.processes import find_port
from autodeal_gateway.bootstrap import open_gateway
from autodeal_gateway.settings import Settings
from autodeal_platform.health import Health
from autodeal_platform.run_http import run_http
from autodeal_platform.settings import Secret

ISSUER = "https://cognito-idp.sa-east-1.amazonaws.com/sa-east-1_test"
CLIENT_ID = "the-app"
WEBHOOK_SECRET = "webhook-secret"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def answer_ok(request: web.Request) -> web.StreamResponse:
    await request.read()
    return web.json_response({"path": request.path_qs})


@dataclass
class Upstream:
    """A service behind the gateway that does what the test says."""

    url: str = ""
    handler: Handler = answer_ok
    seen: list[web.Request] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        return await self.handler(request)

    def reset(self) -> None:
        self.handler = answer_ok
        self.seen.clear()


class TokenMint:
    """Signs tokens as the user pool would, and serves the key that proves it."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.key_set = {
            "keys": [
                RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True) | {"kid": "key-1", "use": "sig"}
            ]
        }
        self.jwks_url = ""

    def token(self, *groups: str, subject: str = "person-1", seconds: int = 3600, **claims: object) -> str:
        now = int(time.time())
        body = {
            "sub": subject, "iss": ISSUER, "client_id": CLIENT_ID, "token_use": "access", "iat": now - 7200,
            "exp": now + seconds, "cognito:groups": list(groups), **claims,
        }  # fmt: skip
        return jwt.encode(body, self._key, algorithm="RS256", headers={"kid": "key-1"})


@dataclass
class RunningGateway:
    """A gateway and a client of it."""

    url: str
    http: aiohttp.ClientSession
    health: Health
    stop: asyncio.Event
    serving: asyncio.Task[None]

    async def call(
        self, method: str, path: str, *, token: str | None = None, **options: Any
    ) -> tuple[int, Any, CIMultiDictProxy[str]]:
        """Send a request; return the status, the body (decoded when JSON) and the headers."""
        headers = dict(options.pop("headers", {}))
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        async with self.http.request(method, self.url + path, headers=headers, **options) as reply:
            is_json = "json" in reply.headers.get("content-type", "")
            return (
                reply.status,
                await (reply.json(content_type=None) if is_json else reply.read()),
                reply.headers,
            )


@asynccontextmanager
async def served(routes: list[web.RouteDef]) -> AsyncIterator[str]:
    app = web.Application(client_max_size=2**30)
    app.add_routes(routes)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def running_upstream() -> AsyncIterator[Upstream]:
    upstream = Upstream()
    async with served([web.route("*", "/{path:.*}", upstream.handle)]) as upstream.url:
        yield upstream


@asynccontextmanager
async def running_gateway(settings: Settings) -> AsyncIterator[RunningGateway]:
    health, stop = Health(), asyncio.Event()
    async with (
        open_gateway(settings, health) as app,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
    ):
        serving = asyncio.create_task(run_http(app, settings, health, stop=stop))
        url = f"http://127.0.0.1:{settings.http_port}"
        while not await answers(http, url):
            if serving.done():
                serving.result()
            await asyncio.sleep(0.01)
        try:
            yield RunningGateway(url, http, health, stop, serving)
        finally:
            stop.set()
            await serving


async def answers(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(f"{url}/healthz") as reply:
            return reply.status == 200
    except aiohttp.ClientConnectionError:
        return False


@pytest.fixture(scope="session")
async def mint() -> AsyncIterator[TokenMint]:
    mint = TokenMint()

    async def key_set(_: web.Request) -> web.StreamResponse:
        return web.json_response(mint.key_set)

    async with served([web.get("/jwks.json", key_set)]) as url:
        mint.jwks_url = f"{url}/jwks.json"
        yield mint


@pytest.fixture(scope="session")
async def session_vehicle() -> AsyncIterator[Upstream]:
    async with running_upstream() as upstream:
        yield upstream


@pytest.fixture
def vehicle(session_vehicle: Upstream) -> Upstream:
    """The vehicle service behind the gateway, answering 200 until told otherwise."""
    session_vehicle.reset()
    return session_vehicle


SettingsMaker = Callable[..., Settings]


@pytest.fixture(scope="session")
def make_settings(mint: TokenMint, session_vehicle: Upstream) -> SettingsMaker:
    """Make settings; what a test does not name points at what is there, or at a port where nothing is."""

    def make(**changes: Any) -> Settings:
        nothing = f"127.0.0.1:{find_port()}"
        values: dict[str, Any] = {
            "http_port": find_port(),
            "cognito_issuer": ISSUER,
            "cognito_client_id": CLIENT_ID,
            "cognito_jwks_url": mint.jwks_url,
            "cognito_user_pool_id": "sa-east-1_test",
            "cognito_endpoint_url": f"http://{nothing}",
            "aws_region": "sa-east-1",
            "kafka_bootstrap_servers": nothing,
            "vehicle_url": session_vehicle.url,
            "payment_url": f"http://{nothing}",
            "webhook_secret": Secret(WEBHOOK_SECRET),
            "upstream_timeout_seconds": 600.0,
            "stream_idle_seconds": 600.0,
            "webhook_timeout_seconds": 2.0,
            **changes,
        }
        return Settings(**values)

    return make


@pytest.fixture(scope="session", autouse=True)
def aws_credentials() -> Any:
    """Sign calls to the emulator with something; nobody checks it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        yield


@pytest.fixture(scope="session")
async def session_gateway(
    make_settings: SettingsMaker, aws_credentials: None
) -> AsyncIterator[RunningGateway]:
    async with running_gateway(make_settings()) as gateway:
        yield gateway


@pytest.fixture
def gateway(session_gateway: RunningGateway, vehicle: Upstream) -> RunningGateway:
    """A gateway with the scripted vehicle service behind it and nothing else running."""
    return session_gateway
