from __future__ import annotations

import asyncio
import hashlib
import io
import os
import socket
import struct
from collections.abc import AsyncIterator

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
MEBIBYTE = 1024 * 1024


async def pieces(count: int, size: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield os.urandom(size)


async def test_request_reaches_the_service_whole_when_forwarded(
    gateway: RunningGateway, vehicle: Upstream, mint: TokenMint
) -> None:
    body = b'{"price": 89990.00}'

    async def answer(request: web.Request) -> web.StreamResponse:
        assert await request.read() == body
        return web.Response(status=201, body=b"made", headers={"x-custom": "kept", "link": '<x>; rel="next"'})

    vehicle.handler = answer
    status, answered, headers = await gateway.call(
        "POST", "/vehicle?a=1&a=%20%C3%A9&b", token=mint.token("Admin"), data=body,
        headers={"idempotency-key": "k-1", "content-type": "application/json", "x-request-id": "mine-1"},
    )  # fmt: skip
    assert (status, answered) == (201, b"made")
    assert (headers["x-custom"], headers["link"]) == ("kept", '<x>; rel="next"')
    seen = vehicle.seen[0]
    assert (seen.method, seen.raw_path) == ("POST", "/vehicle?a=1&a=%20%C3%A9&b")
    assert seen.headers["idempotency-key"] == "k-1"
    assert seen.headers["authorization"].startswith("Bearer ")
    assert seen.headers.getall("x-request-id") == ["mine-1"]
    assert headers.getall("x-request-id") == ["mine-1"]


async def test_trace_goes_on_when_the_caller_began_one(gateway: RunningGateway, vehicle: Upstream) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    await gateway.call("GET", "/vehicles", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    (sent,) = vehicle.seen[0].headers.getall("traceparent")
    assert sent.split("-")[1] == trace
    assert sent.split("-")[2] != "00f067aa0ba902b7"


async def test_hop_by_hop_headers_stay_behind_when_forwarded(
    gateway: RunningGateway, vehicle: Upstream
) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(
            headers={"connection": "x-inner", "x-inner": "1", "keep-alive": "9", "server": "s"}
        )

    vehicle.handler = answer
    hops = {
        "connection": "x-hop",
        "x-hop": "1",
        "te": "trailers",
        "proxy-authorization": "p",
        "cookie": "c=1",
    }
    status, _, headers = await gateway.call("GET", "/vehicles", headers=hops)
    assert status == 200
    assert not {"x-hop", "te", "proxy-authorization"} & {name.lower() for name in vehicle.seen[0].headers}
    assert vehicle.seen[0].headers["host"] == vehicle.url.removeprefix("http://")
    assert not {"x-inner", "keep-alive", "server"} & {name.lower() for name in headers}


async def test_refusal_of_the_service_passes_when_it_is_a_problem(
    gateway: RunningGateway, vehicle: Upstream
) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response({"code": "x"}, status=409, content_type="application/problem+json")

    vehicle.handler = answer
    assert (await gateway.call("GET", "/vehicle/1"))[:2] == (409, {"code": "x"})


async def test_cookies_are_never_kept_when_a_service_sets_one(
    gateway: RunningGateway, vehicle: Upstream
) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(headers={"set-cookie": "who=somebody-else; Path=/"})

    vehicle.handler = answer
    await gateway.call("GET", "/vehicles")
    gateway.http.cookie_jar.clear()
    await gateway.call("GET", "/vehicles")
    assert "cookie" not in vehicle.seen[1].headers


async def test_connections_are_reused_when_requests_follow_each_other(
    gateway: RunningGateway, vehicle: Upstream
) -> None:
    ports = set()

    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        ports.add(request.transport.get_extra_info("peername")[1])
        return web.Response(body=b"x")

    vehicle.handler = answer
    for _ in range(20):
        await gateway.call("GET", "/vehicles")
    assert len(ports) == 1


async def test_large_answer_is_streamed_when_longer_than_any_buffer(
    gateway: RunningGateway, vehicle: Upstream
) -> None:
    digest, first_read = hashlib.sha256(), asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        async for piece in pieces(64, MEBIBYTE):
            digest.update(piece)
            await response.write(piece)
            if response.prepared and not first_read.is_set():
                # The rest is made only after the caller has seen the beginning.
                await first_read.wait()
        return response

    vehicle.handler = answer
    received = hashlib.sha256()
    async with gateway.http.get(f"{gateway.url}/vehicles") as reply:
        async for piece in reply.content.iter_any():
            received.update(piece)
            first_read.set()
    assert received.digest() == digest.digest()


async def test_large_body_is_streamed_when_the_limit_allows_it(
    make_settings: SettingsMaker, vehicle: Upstream, mint: TokenMint
) -> None:
    sent, received, beginning_seen = hashlib.sha256(), hashlib.sha256(), asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        async for piece in request.content.iter_any():
            received.update(piece)
            beginning_seen.set()
        return web.Response(body=received.hexdigest().encode())

    async def body() -> AsyncIterator[bytes]:
        async for piece in pieces(32, MEBIBYTE):
            sent.update(piece)
            yield piece
            # The rest is sent only after the service has seen the beginning.
            await beginning_seen.wait()

    vehicle.handler = answer
    async with running_gateway(make_settings(http_body_limit_bytes=64 * MEBIBYTE)) as gateway:
        status, answered, _ = await gateway.call("POST", "/vehicle", token=mint.token("Admin"), data=body())
    assert (status, answered) == (200, sent.hexdigest().encode())


@pytest.mark.parametrize("length", ["announced", "unknown"])
async def test_body_is_refused_when_over_the_limit(
    gateway: RunningGateway, vehicle: Upstream, mint: TokenMint, length: str
) -> None:
    body = b"x" * (10 * MEBIBYTE)

    async def chunked() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    status, problem, _ = await gateway.call(
        "POST",
        "/vehicle",
        token=mint.token("Admin"),
        data=io.BytesIO(body) if length == "announced" else chunked(),
    )
    assert (status, problem["code"]) == (413, "body_too_large")
    assert (await gateway.call("GET", "/vehicles"))[0] == 200


async def test_answer_is_504_when_the_service_is_slow(
    make_settings: SettingsMaker, vehicle: Upstream
) -> None:
    cancelled = asyncio.Event()

    async def never(_: web.Request) -> web.StreamResponse:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        raise AssertionError

    vehicle.handler = never
    async with running_gateway(make_settings(upstream_timeout_seconds=0.2)) as gateway:
        status, problem, _ = await gateway.call("GET", "/vehicles")
        assert (status, problem["code"]) == (504, "upstream_timed_out")
        await cancelled.wait()


async def test_answer_is_408_when_the_caller_does_not_send_its_body(
    make_settings: SettingsMaker, vehicle: Upstream, mint: TokenMint
) -> None:
    async with running_gateway(make_settings(upstream_timeout_seconds=0.2)) as gateway:
        reader, writer = await asyncio.open_connection(*gateway.url.removeprefix("http://").split(":"))
        head = f"POST /vehicle HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {mint.token('Admin')}\r\n"
        writer.write(f"{head}content-length: 100\r\n\r\nabc".encode())
        assert (await reader.readline()).split()[1] == b"408"
        writer.close()


async def test_answer_is_503_when_nothing_listens(gateway: RunningGateway, mint: TokenMint) -> None:
    status, problem, headers = await gateway.call("GET", "/payment", token=mint.token("Buyer"))
    assert (status, problem["code"]) == (503, "upstream_unavailable")
    assert "retry-after" in headers
    assert "127.0.0.1" not in str(problem)


async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: bytes) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(answer)
    await writer.drain()
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.close()


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 200 OK\r\ncontent-", b"rubbish\r\n\r\n"],
    ids=["none", "half a head", "not HTTP"],
)
async def test_answer_is_502_when_the_service_breaks_off(
    make_settings: SettingsMaker, mint: TokenMint, answer: bytes
) -> None:
    calls = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        await break_off(reader, writer, answer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with running_gateway(make_settings(payment_url=url)) as gateway:
        status, problem, _ = await gateway.call("POST", "/payment", token=mint.token("Buyer"), data=b"{}")
        assert (status, problem["code"]) == (502, "upstream_failed")
        assert calls == 1
        # A key makes a second sending harmless, so it is tried.
        await gateway.call(
            "POST", "/payment", token=mint.token("Buyer"), data=b"{}", headers={"idempotency-key": "k"}
        )
        assert calls == 3
    server.close()


async def test_caller_sees_a_broken_answer_when_the_service_breaks_off_midway(
    make_settings: SettingsMaker, mint: TokenMint
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await break_off(reader, writer, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n")

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with running_gateway(make_settings(payment_url=url)) as gateway:
        reader, writer = await asyncio.open_connection(*gateway.url.removeprefix("http://").split(":"))
        head = f"GET /payment HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {mint.token('Buyer')}\r\n\r\n"
        writer.write(head.encode())
        answer = await reader.read()
        assert not answer.endswith(b"0\r\n\r\n")
        writer.close()
    server.close()


async def test_service_is_left_when_the_caller_leaves(gateway: RunningGateway, vehicle: Upstream) -> None:
    began, cancelled = asyncio.Event(), asyncio.Event()

    async def never(_: web.Request) -> web.StreamResponse:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        raise AssertionError

    vehicle.handler = never
    call = asyncio.create_task(gateway.call("GET", "/vehicles"))
    await began.wait()
    call.cancel()
    await cancelled.wait()


async def test_service_sees_no_whole_body_when_the_caller_leaves_midway(
    gateway: RunningGateway, vehicle: Upstream, mint: TokenMint
) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        began.set()
        try:
            await request.read()
        except BaseException:
            ended.set()
            raise
        raise AssertionError("a half body was taken for a whole one")

    async def half() -> AsyncIterator[bytes]:
        yield b"x" * 100_000
        await began.wait()
        raise ConnectionAbortedError

    vehicle.handler = answer
    with pytest.raises((aiohttp.ClientError, ConnectionError)):
        await gateway.call("POST", "/vehicle", token=mint.token("Admin"), data=half())
    await ended.wait()


async def test_all_are_answered_when_two_hundred_call_at_once(
    gateway: RunningGateway, vehicle: Upstream
) -> None:
    waiting, all_there = 0, asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal waiting
        waiting += 1
        if waiting == 200:
            all_there.set()
        await all_there.wait()
        return web.json_response({"path": request.path})

    vehicle.handler = answer
    answers = await asyncio.gather(*(gateway.call("GET", f"/vehicle/{number}") for number in range(200)))
    assert [(status, body["path"]) for status, body, _ in answers] == [
        (200, f"/vehicle/{n}") for n in range(200)
    ]


async def test_callers_are_told_to_come_back_when_every_connection_is_taken(
    make_settings: SettingsMaker, vehicle: Upstream
) -> None:
    release, both_there = asyncio.Event(), asyncio.Event()

    async def wait(_: web.Request) -> web.StreamResponse:
        if len(vehicle.seen) == 2:
            both_there.set()
        await release.wait()
        return web.Response()

    vehicle.handler = wait
    settings = make_settings(upstream_connections_max=1, streams_max=1, upstream_connect_timeout_seconds=0.2)
    async with running_gateway(settings) as gateway:
        taken = [asyncio.create_task(gateway.call("GET", "/vehicles")) for _ in range(2)]
        await both_there.wait()
        status, problem, _ = await gateway.call("GET", "/vehicles")
        assert (status, problem["code"]) == (503, "upstream_unavailable")
        release.set()
        assert [status for status, *_ in await asyncio.gather(*taken)] == [200, 200]


@pytest.mark.parametrize("path", ["/", "/metrics/x", "/vehicle/1/secret", "/internal", "/vehicle/%2e%2e"])
async def test_nothing_is_forwarded_when_the_route_is_unknown(
    gateway: RunningGateway, vehicle: Upstream, path: str
) -> None:
    status, problem, _ = await gateway.call("GET", path)
    assert (status, problem["code"]) == (404, "not_found")
    assert not vehicle.seen


async def test_answer_names_the_methods_when_the_wrong_one_is_used(gateway: RunningGateway) -> None:
    status, problem, headers = await gateway.call("PATCH", "/vehicle/1")
    assert (status, problem["code"]) == (405, "method_not_allowed")
    assert headers["allow"] == "GET, PUT"
