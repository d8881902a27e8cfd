from __future__ import annotations

import asyncio
import io
import signal
import socket

import aiohttp

from .conftest import ServerProcess, StartServer


async def readiness(http: aiohttp.ClientSession, server: ServerProcess) -> tuple[int, str]:
    async with http.get(await server.url("/readyz")) as response:
        return response.status, (await response.json())["status"]


async def test_requests_in_flight_finish_and_readiness_fails_when_told_to_stop(
    start_server: StartServer, http: aiohttp.ClientSession
) -> None:
    server = await start_server("serve", HTTP_DRAIN_DELAY_SECONDS="10")
    assert await readiness(http, server) == (200, "ready")
    slow = asyncio.create_task(http.get(await server.url("/slow")))
    await server.wait_for("slow.entered")
    server.process.send_signal(signal.SIGTERM)
    await server.wait_for("http.draining")
    assert await readiness(http, server) == (503, "draining")
    async with http.post(await server.url("/release")):
        pass
    async with await slow as response:
        assert await response.json() == {"answered": True}


async def test_request_in_flight_is_answered_when_the_listener_is_already_closed(
    start_server: StartServer, http: aiohttp.ClientSession
) -> None:
    server = await start_server("serve")
    address = await server.url("/upload")
    reader, writer = await asyncio.open_connection("127.0.0.1", int(address.split(":")[2].split("/")[0]))
    writer.write(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nab")
    assert b"100 Continue" in await reader.readline()  # the handler waits for the rest of the body
    server.process.send_signal(signal.SIGTERM)
    await refused(address)
    writer.write(b"cd")
    answer = await reader.read()
    writer.close()
    assert b"201 Created" in answer
    assert b'{"length":4}' in answer
    assert await server.exit_code() == 0


async def refused(url: str) -> None:
    """Return once nobody listens there any more."""
    port = int(url.split(":")[2].split("/", maxsplit=1)[0])
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                return
            writer.close()
            await asyncio.sleep(0.02)


async def test_process_ends_with_zero_when_a_request_outlasts_the_drain(
    start_server: StartServer, http: aiohttp.ClientSession
) -> None:
    server = await start_server("serve", HTTP_DRAIN_TIMEOUT_SECONDS="0.2")
    slow = asyncio.create_task(http.get(await server.url("/slow")))
    await server.wait_for("slow.entered")
    server.process.send_signal(signal.SIGINT)
    async with await slow as response:
        assert (response.status, (await response.json())["code"]) == (503, "unavailable")
    assert await server.exit_code() == 0


async def test_process_ends_with_zero_when_disconnecting_takes_for_ever(start_server: StartServer) -> None:
    server = await start_server("hang", HTTP_DRAIN_TIMEOUT_SECONDS="0.2")
    await server.wait_for("http.listening")
    server.process.send_signal(signal.SIGTERM)
    await server.wait_for("http.close_timed_out")
    assert await server.exit_code() == 0


async def test_process_ends_at_once_when_told_twice(
    start_server: StartServer, http: aiohttp.ClientSession
) -> None:
    server = await start_server("serve", HTTP_DRAIN_TIMEOUT_SECONDS="600")
    slow = asyncio.create_task(http.get(await server.url("/slow")))
    await server.wait_for("slow.entered")
    server.process.send_signal(signal.SIGTERM)
    await server.wait_for("http.draining")
    server.process.send_signal(signal.SIGTERM)
    assert await server.exit_code() == 0
    await asyncio.gather(slow, return_exceptions=True)


async def test_process_fails_when_its_port_is_taken(start_server: StartServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = await start_server("serve", HTTP_PORT=str(taken.getsockname()[1]))
        assert await server.exit_code() == 1
        assert (await server.wait_for("process.failed"))["error"] == "ServerStartError"


async def test_process_fails_when_its_startup_fails(start_server: StartServer) -> None:
    server = await start_server("refuse")
    assert await server.exit_code() == 1
    assert (await server.wait_for("process.failed"))["error"] == "ServerStartError"


async def test_chunked_upload_is_refused_before_its_end_when_it_passes_the_limit(
    start_server: StartServer,
) -> None:
    server = await start_server("serve", HTTP_BODY_LIMIT_BYTES="65536")
    url = await server.url("/upload")
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.split(":")[2].split("/")[0]))
    writer.write(b"POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(5):
        writer.write(b"4000\r\n" + b" " * 0x4000 + b"\r\n")
    # The upload never ends, and yet the answer comes.
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
    writer.close()
    assert b"413" in head.splitlines()[0]
    assert b"application/problem+json" in head


async def test_large_upload_is_refused_with_a_problem_when_its_length_is_announced(
    start_server: StartServer, http: aiohttp.ClientSession
) -> None:
    server = await start_server("serve")
    for _ in range(3):
        async with http.post(await server.url("/upload"), data=io.BytesIO(b" " * 10_000_000)) as response:
            assert (response.status, (await response.json())["code"]) == (413, "body_too_large")
