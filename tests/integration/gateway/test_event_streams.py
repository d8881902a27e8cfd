from __future__ import annotations

import asyncio

import aiohttp
import pytest
from aiohttp import web
from tests.integration.gateway.conftest import (
    RunningGateway,
    SettingsMaker,
    TokenMint,
    Upstream,
    running_gateway,
)

pytestmark = pytest.mark.integration
PATH = "/orders/7/events"


class EventSource:
    """A stream of the vehicle service that sends what the test puts in."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.requests: list[web.Request] = []
        self.left = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        try:
            while (line := await self.lines.get()) is not None:
                await response.write(line)
        except (asyncio.CancelledError, ConnectionError):
            self.left.set()
            raise
        return response


@pytest.fixture
def source(vehicle: Upstream) -> EventSource:
    source = EventSource()
    vehicle.handler = source.handle
    return source


def follow(gateway: RunningGateway, mint: TokenMint, **headers: str) -> aiohttp.client._RequestContextManager:
    signed = {"authorization": f"Bearer {mint.token('Buyer')}", **headers}
    return gateway.http.get(gateway.url + PATH, headers=signed)


async def test_each_event_arrives_at_once_when_the_stream_goes_on(
    gateway: RunningGateway, source: EventSource, mint: TokenMint
) -> None:
    async with follow(gateway, mint, **{"last-event-id": "3"}) as reply:
        assert reply.content_type == "text/event-stream"
        for number in range(4, 8):
            # The next is sent only after the one before has arrived, so nothing can be buffered.
            source.lines.put_nowait(f"id: {number}\n\n".encode())
            assert await reply.content.readuntil(b"\n\n") == f"id: {number}\n\n".encode()
        source.lines.put_nowait(None)
        assert await reply.content.read() == b""
    assert source.requests[0].headers["last-event-id"] == "3"


async def test_stream_outlives_the_deadline_of_requests_when_something_comes(
    make_settings: SettingsMaker, source: EventSource, mint: TokenMint
) -> None:
    settings = make_settings(upstream_timeout_seconds=0.3, stream_idle_seconds=5.0)
    async with running_gateway(settings) as gateway, follow(gateway, mint) as reply:
        for _ in range(5):
            source.lines.put_nowait(b":\n\n")
            await reply.content.readuntil(b"\n\n")
            await asyncio.sleep(0.1)
        source.lines.put_nowait(None)
        assert await reply.content.read() == b""


async def test_stream_is_broken_off_when_nothing_comes_for_too_long(
    make_settings: SettingsMaker, source: EventSource, mint: TokenMint
) -> None:
    async with running_gateway(make_settings(stream_idle_seconds=0.2)) as gateway:
        async with follow(gateway, mint) as reply:
            source.lines.put_nowait(b":\n\n")
            with pytest.raises(aiohttp.ClientPayloadError):
                await reply.content.read()
        await source.left.wait()


async def test_service_is_left_when_the_caller_leaves(
    gateway: RunningGateway, source: EventSource, mint: TokenMint
) -> None:
    async with follow(gateway, mint) as reply:
        source.lines.put_nowait(b":\n\n")
        await reply.content.readuntil(b"\n\n")
        reply.close()
        await source.left.wait()


async def test_streams_end_in_good_order_when_the_process_is_told_to_stop(
    make_settings: SettingsMaker, source: EventSource, mint: TokenMint
) -> None:
    async with running_gateway(make_settings(http_drain_timeout_seconds=30.0)) as gateway:
        async with follow(gateway, mint) as reply:
            source.lines.put_nowait(b"id: 1\n\n")
            await reply.content.readuntil(b"\n\n")
            gateway.stop.set()
            # A clean end: the client comes back with the last id, to another process.
            assert await reply.content.read() == b""
            await source.left.wait()
        await gateway.serving


async def test_one_stream_more_is_refused_when_all_are_taken(
    make_settings: SettingsMaker, source: EventSource, mint: TokenMint, vehicle: Upstream
) -> None:
    async with running_gateway(make_settings(streams_max=1)) as gateway, follow(gateway, mint) as first:
        source.lines.put_nowait(b":\n\n")
        await first.content.readuntil(b"\n\n")
        async with follow(gateway, mint) as second:
            assert (second.status, (await second.json(content_type=None))["code"]) == (
                503,
                "too_many_streams",
            )
        first.close()
        await source.left.wait()
        assert len(vehicle.seen) == 1


async def test_refusal_passes_when_the_service_opens_no_stream(
    gateway: RunningGateway, vehicle: Upstream, mint: TokenMint
) -> None:
    async def refuse(_: web.Request) -> web.StreamResponse:
        return web.json_response({"code": "order_not_found"}, status=404)

    vehicle.handler = refuse
    async with follow(gateway, mint) as reply:
        assert (reply.status, await reply.json()) == (404, {"code": "order_not_found"})
