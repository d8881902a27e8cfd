"""SIGTERM in the middle of requests: readiness fails, then nobody new is let in, and all are answered."""

from __future__ import annotations

import asyncio
import json
import signal
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import aiohttp
import pytest

from autodeal_devstack.demo.public_client import Answer, PublicClient
from autodeal_devstack.demo.stage import Purchase, Stage
from autodeal_devstack.processes import KeptProcess, await_ready, find_port, python_command
from autodeal_devstack.stack import Stack
from autodeal_devstack.stack.service_processes import COMMANDS
from autodeal_devstack.stack.stack import probe_readiness

pytestmark = pytest.mark.e2e

IN_FLIGHT = 3
DRAIN = {"HTTP_DRAIN_DELAY_SECONDS": "4", "HTTP_DRAIN_TIMEOUT_SECONDS": "40"}
GRACE_SECONDS = 4 + 40 + 10
"""What docs/settings.md says that `serve` takes at most."""


@dataclass(frozen=True)
class Replica:
    """One more process of a kind, beside that of the stack."""

    process: KeptProcess
    port: int

    async def readiness(self) -> tuple[int, str]:
        url = f"http://127.0.0.1:{self.port}/readyz"
        async with aiohttp.ClientSession() as http, http.get(url) as response:
            return response.status, (await response.json())["status"]

    async def ended(self) -> int:
        async with asyncio.timeout(GRACE_SECONDS):
            while (code := self.process.code()) is None:  # noqa: ASYNC110  it is another process
                await asyncio.sleep(0.02)
        return code


@asynccontextmanager
async def replica(stack: Stack, name: str) -> AsyncIterator[Replica]:
    port = find_port()
    process = stack.keeper.spawn(
        python_command(*COMMANDS[name]),
        env={**stack.environment(name), **DRAIN, "HTTP_PORT": str(port)},
        cwd=stack.logs,
        log=stack.logs / f"{name}-replica.log",
    )
    try:
        probe = partial(probe_readiness, f"http://127.0.0.1:{port}")
        await await_ready(name, process, port=port, probe=probe, timeout_seconds=60)
        yield Replica(process, port)
    finally:
        if process.code() is None:
            await process.kill()


class HalfRequest:
    """A request that the service is in the middle of: it waits for the second half of the body."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rest: bytes) -> None:
        self._reader, self._writer, self._rest = reader, writer, rest

    @classmethod
    async def send(cls, port: int, client: PublicClient, path: str, body: dict[str, Any]) -> HalfRequest:
        content = json.dumps(body).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nhost: autodeal\r\nauthorization: Bearer {client.token}\r\n"
            f"idempotency-key: {uuid.uuid4().hex}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(content)}\r\nexpect: 100-continue\r\n\r\n"
        )
        half = len(content) // 2
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head.encode() + content[:half])
        async with asyncio.timeout(20):
            # Said when the handler asks for the body: after tokens and guards.
            assert b"100 Continue" in await reader.readuntil(b"\r\n\r\n")
        return cls(reader, writer, content[half:])

    async def finish(self) -> Answer:
        self._writer.write(self._rest)
        async with asyncio.timeout(20):
            head = await self._reader.readuntil(b"\r\n\r\n")
            content = await self._reader.read()
        self._writer.close()
        return Answer(int(head.split()[1]), json.loads(content))


async def offer_car(stage: Stage, port: int, number: int) -> HalfRequest:
    car = {"brand_name": "Fiat", "model": f"half {number}", "year": 2024, "color": "prata", "price": 89990}
    return await HalfRequest.send(port, stage.admin, "/vehicle", car)


async def pay_once_more(stage: Stage, port: int, number: int) -> HalfRequest:
    purchase = await Purchase.begin(stage, f"half {number}")
    await stage.provider.decline(await purchase.wait_for_instructions())
    await purchase.wait_for_event("payment.rejected")
    choice = {"order_id": purchase.order_id, "payment_method": "pix"}
    return await HalfRequest.send(port, stage.buyer, "/payment", choice)


async def refuses(port: int) -> None:
    """Return once nobody listens there any more."""
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                return
            writer.close()
            await asyncio.sleep(0.02)


Begin = Callable[[Stage, int, int], Awaitable[HalfRequest]]


@pytest.mark.parametrize(
    ("name", "begin"),
    [("vehicle-serve", offer_car), ("payment-serve", pay_once_more), ("gateway-serve", offer_car)],
)
async def test_requests_in_flight_are_answered_when_a_server_is_told_to_stop(
    stack: Stack, stage: Stage, name: str, begin: Begin
) -> None:
    async with replica(stack, name) as server:
        requests = await asyncio.gather(*(begin(stage, server.port, number) for number in range(IN_FLIGHT)))
        assert await server.readiness() == (200, "ready")
        server.process.send(signal.SIGTERM)
        ended = asyncio.create_task(server.ended())
        while await server.readiness() != (503, "draining"):  # noqa: ASYNC110  it is another process
            await asyncio.sleep(0.02)
        await refuses(server.port)
        assert server.process.code() is None
        answers = await asyncio.gather(*(request.finish() for request in requests))
        assert [answer.status for answer in answers] == [201] * IN_FLIGHT, answers
        assert await ended == 0, server.process.tail()


@pytest.mark.parametrize("name", ["vehicle-work", "payment-work"])
async def test_worker_is_ready_and_ends_with_zero_when_told_to_stop(stack: Stack, name: str) -> None:
    async with replica(stack, name) as worker:
        worker.process.send(signal.SIGTERM)
        assert await worker.ended() == 0, worker.process.tail()
