"""Notifications are sent apart from the commits they tell of, and may fail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from autodeal_messaging.postgres.notify import PENDING_LIMIT, PostgresNotifier


class FakeConnection:
    def __init__(self, server: FakeServer) -> None:
        self._server = server

    def is_closed(self) -> bool:
        return False

    async def execute(self, _statement: str, channel: str, payloads: list[str]) -> None:
        await asyncio.sleep(0)
        if self._server.failures:
            self._server.failures -= 1
            raise ConnectionError("the server went away")
        self._server.sent.append((channel, sorted(payloads)))

    async def close(self, *, timeout: float) -> None:  # noqa: ASYNC109  # as asyncpg names it
        pass


class FakeServer:
    def __init__(self) -> None:
        self.sent: list[tuple[str, list[str]]] = []
        self.failures = 0
        self.connections = 0

    async def connect(self) -> Any:
        self.connections += 1
        return FakeConnection(self)


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110  # conditions are looked at, not told
        await asyncio.sleep(0.001)


async def test_rings_are_folded_into_one_statement_when_they_come_together() -> None:
    server = FakeServer()
    async with PostgresNotifier(server.connect, channel="bell") as notifier:
        for payload in ("1", "2", "1", "3"):
            notifier.ring(payload)
        await until(lambda: server.sent)
    assert server.sent == [("bell", ["1", "2", "3"])]


async def test_nothing_is_sent_and_nobody_connects_when_nobody_rings() -> None:
    server = FakeServer()
    async with PostgresNotifier(server.connect):
        await asyncio.sleep(0.01)
    assert server.connections == 0


async def test_later_rings_are_sent_when_an_earlier_one_failed() -> None:
    server = FakeServer()
    server.failures = 1
    async with PostgresNotifier(server.connect) as notifier:
        notifier.ring("lost")
        await until(lambda: not server.failures)
        notifier.ring("sent")
        await until(lambda: server.sent)
    assert server.sent[0][1] == ["sent"]
    assert server.connections == 2


async def test_the_last_rings_are_sent_when_it_ends() -> None:
    server = FakeServer()
    async with PostgresNotifier(server.connect) as notifier:
        notifier.ring("last")
    assert server.sent == [("autodeal_outbox", ["last"])]


async def test_memory_is_bounded_when_the_server_is_away() -> None:
    notifier = PostgresNotifier(FakeServer().connect)
    for number in range(PENDING_LIMIT + 100):
        notifier.ring(str(number))
    assert len(notifier._pending) == PENDING_LIMIT


async def test_a_payload_is_dropped_when_postgres_would_refuse_it() -> None:
    notifier = PostgresNotifier(FakeServer().connect)
    notifier.ring("x" * 8_000)
    assert not notifier._pending
