"""Waking other processes after a commit, without weighing on the commit."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Self

import asyncpg
import structlog

from autodeal_messaging.backoff import Backoff, wait_for_event
from autodeal_messaging.postgres.connect import Connect, as_connector

log = structlog.get_logger(__name__)

CHANNEL = "autodeal_outbox"
"""The channel unless a service says otherwise."""
PENDING_LIMIT = 10_000
"""Payloads that may wait; beyond it they are dropped, as the listeners poll anyway."""
PAYLOAD_LIMIT_BYTES = 7_999
CHECK_INTERVAL_SECONDS = 15.0


class PostgresNotifier:
    """Sends `NOTIFY` in transactions of its own, at most one every few milliseconds.

    Inside the business transaction a notification would take a lock on the whole database at commit
    and put all sales in a queue. Lost notifications only cost the time until the next poll, so a
    failure here is logged and otherwise ignored.
    """

    def __init__(
        self, source: str | Connect, *, channel: str = CHANNEL, interval_milliseconds: float = 3.0
    ) -> None:
        self._connect = as_connector(source, name="autodeal-notifier")
        self._channel = channel
        self._interval_seconds = interval_milliseconds / 1000
        self._pending: set[str] = set()
        self._rung = asyncio.Event()
        self._connection: asyncpg.Connection | None = None
        self._task: asyncio.Task[None] | None = None

    def ring(self, payload: str = "") -> None:
        """Notify soon, after the commit; returns at once. Equal payloads in between fold into one."""
        if len(self._pending) < PENDING_LIMIT and len(payload.encode()) <= PAYLOAD_LIMIT_BYTES:
            self._pending.add(payload)
            self._rung.set()

    async def __aenter__(self) -> Self:
        """Start sending; connects with the first ring."""
        self._task = asyncio.create_task(self._send_when_rung())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Send what was rung last, and disconnect."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._pending:
            await self._send_pending()
        await self._disconnect()

    async def _send_when_rung(self) -> None:
        backoff = Backoff(first_seconds=0.05, maximum_seconds=5.0)
        while True:
            await self._rung.wait()
            self._rung.clear()
            if await self._send_pending():
                backoff.reset()
                await asyncio.sleep(self._interval_seconds)
            else:
                await asyncio.sleep(backoff.next_seconds())

    async def _send_pending(self) -> bool:
        payloads = list(self._pending)
        self._pending.clear()
        try:
            if self._connection is None or self._connection.is_closed():
                self._connection = await self._connect()
            await self._connection.execute(
                "SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload", self._channel, payloads
            )
        except Exception as error:  # noqa: BLE001  # whatever is wrong, the listeners poll
            log.warning("notify.failed", channel=self._channel, error=repr(error))
            await self._disconnect()
            return False
        return True

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                await connection.close(timeout=1.0)


class PostgresListener:
    """Calls `on_notify` with each payload of a channel, for as long as it runs.

    After every connection it calls it once with an empty payload, because notifications may have been
    missed before: an empty payload means "look everywhere".
    """

    def __init__(
        self, source: str | Connect, on_notify: Callable[[str], None], *, channel: str = CHANNEL
    ) -> None:
        self._connect = as_connector(source, name="autodeal-listener")
        self._on_notify = on_notify
        self._channel = channel

    async def run(self, stop: asyncio.Event) -> None:
        """Listen until told to stop, connecting again when the connection breaks."""
        backoff = Backoff(first_seconds=0.05, maximum_seconds=5.0)
        while not stop.is_set():
            try:
                await self._listen(stop, backoff)
            except Exception as error:  # noqa: BLE001  # the database may be away for any reason
                delay_seconds = backoff.next_seconds()
                log.warning("listen.failed", channel=self._channel, error=repr(error))
                await wait_for_event(stop, delay_seconds)

    async def _listen(self, stop: asyncio.Event, backoff: Backoff) -> None:
        connection = await self._connect()
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(
                self._channel, lambda _connection, _pid, _channel, payload: self._on_notify(str(payload))
            )
            backoff.reset()
            self._on_notify("")
            while not stop.is_set():
                await _first_set(stop, lost, timeout_seconds=CHECK_INTERVAL_SECONDS)
                if lost.is_set():
                    raise ConnectionError("the listening connection was lost")
                # A connection that broke without a word is found by using it.
                await connection.execute("SELECT 1")
        finally:
            with contextlib.suppress(Exception):
                await connection.close(timeout=1.0)


async def _first_set(*events: asyncio.Event, timeout_seconds: float) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiting, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
