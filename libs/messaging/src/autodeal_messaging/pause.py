"""A rest for a whole consumer: while the database is away, trying every record is only noise."""

from __future__ import annotations

import asyncio

import structlog

from autodeal_messaging.backoff import Backoff, wait_for_event, worth_logging
from autodeal_messaging.metrics import PAUSED

log = structlog.get_logger(__name__)

FIRST_PAUSE_SECONDS = 0.2
MAXIMUM_PAUSE_SECONDS = 5.0


class Pause:
    """Nothing begins while it is on. It grows for as long as the attempts after it fail likewise.

    After it a few attempts go ahead, as many as may run at once; the first failure turns it on again for
    all others. The client goes on sending heartbeats meanwhile, so the partitions stay.
    """

    def __init__(self, group: str) -> None:
        self._group = group
        self._until = 0.0
        self._backoff = Backoff(first_seconds=FIRST_PAUSE_SECONDS, maximum_seconds=MAXIMUM_PAUSE_SECONDS)

    @property
    def is_on(self) -> bool:
        """Whether it is time to wait."""
        return self._until > 0.0 and asyncio.get_running_loop().time() < self._until

    def begin(self, error: BaseException) -> None:
        """Wait from now on; failures of what ran at the same time count once."""
        if self.is_on:
            return
        delay_seconds = self._backoff.next_seconds()
        self._until = asyncio.get_running_loop().time() + delay_seconds
        PAUSED.labels(self._group).set(1)
        if worth_logging(self._backoff.failures):
            log.warning(
                "consumer.paused",
                group=self._group,
                error=repr(error),
                pauses=self._backoff.failures,
                retry_in_seconds=round(delay_seconds, 3),
            )

    def end(self) -> None:
        """Go on: something took effect."""
        if not self._until:
            return
        self._until = 0.0
        PAUSED.labels(self._group).set(0)
        log.info("consumer.resumed", group=self._group, pauses=self._backoff.failures)
        self._backoff.reset()

    async def passed(self, closing: asyncio.Event) -> bool:
        """Wait until it is off; False when the partition was given up meanwhile."""
        while self.is_on:
            remaining_seconds = self._until - asyncio.get_running_loop().time()
            if await wait_for_event(closing, max(0.001, remaining_seconds)):
                return False
        return True
