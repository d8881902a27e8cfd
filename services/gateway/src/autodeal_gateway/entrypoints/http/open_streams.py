"""The event streams that this process carries: a bounded number, ended together when it stops."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Gauge

from autodeal_gateway.app.errors import TooManyStreamsError
from autodeal_gateway.entrypoints.http.keep_deadline import Deadline
from autodeal_platform.health import Health

OPEN_STREAMS = Gauge("gateway_open_event_streams", "Event streams that are being forwarded.")


class OpenStreams:
    """Every open event stream by its deadline, which is how one is ended from outside."""

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._open: set[Deadline] = set()

    @contextmanager
    def counted(self, deadline: Deadline) -> Iterator[None]:
        """Count a stream for the length of a block. Raises TooManyStreamsError."""
        if len(self._open) >= self._limit:
            raise TooManyStreamsError
        self._open.add(deadline)
        OPEN_STREAMS.set(len(self._open))
        try:
            yield
        finally:
            self._open.discard(deadline)
            OPEN_STREAMS.set(len(self._open))

    def end_all(self) -> None:
        """End every stream in good order; clients take them up again elsewhere by `Last-Event-ID`."""
        for deadline in tuple(self._open):
            deadline.stop()

    async def end_when_draining(self, health: Health, *, delay_seconds: float) -> None:
        """End every stream once the process stops accepting connections.

        Not before: a client whose stream ended would come right back to this process.
        """
        await health.wait_until_draining()
        await asyncio.sleep(delay_seconds)
        self.end_all()
