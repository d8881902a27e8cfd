from __future__ import annotations

import signal

import aiohttp
import pytest

from .conftest import StartServer


async def test_worker_answers_probes_and_ends_with_zero_when_told_to_stop(
    start_server: StartServer, http: aiohttp.ClientSession
) -> None:
    server = await start_server("work")
    for path in ("/healthz", "/readyz", "/metrics"):
        async with http.get(await server.url(path)) as response:
            assert response.status == 200
    server.process.send_signal(signal.SIGTERM)
    assert await server.exit_code() == 0
    await server.wait_for("worker.stopped")


@pytest.mark.parametrize("kind", ["crash", "early"])
async def test_worker_fails_as_a_whole_when_a_loop_ends_by_itself(
    start_server: StartServer, kind: str
) -> None:
    server = await start_server(kind)
    assert await server.exit_code() == 1
    assert (await server.wait_for("process.failed"))["error"] == "LoopEndedError"


async def test_worker_leaves_a_loop_behind_when_it_outlasts_the_drain(start_server: StartServer) -> None:
    server = await start_server("stuck", HTTP_DRAIN_TIMEOUT_SECONDS="0.1")
    await server.url("/healthz")
    server.process.send_signal(signal.SIGTERM)
    assert await server.exit_code() == 0
    assert (await server.wait_for("worker.loop_cancelled"))["loop"] == "never_stop"
