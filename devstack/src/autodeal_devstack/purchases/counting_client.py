"""A person's session that counts every answer and sends again what got none."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import aiohttp

from autodeal_devstack.demo.public_client import Answer, PublicClient
from autodeal_devstack.purchases.tally import SERVER_ERROR, Tally

ATTEMPTS = 5
PAUSE_SECONDS = 0.2


@dataclass(frozen=True)
class CountingClient(PublicClient):
    """Repeats a request whose connection broke, as any frontend does; each can be repeated.

    An answer is final whatever it says: a 5xx is counted, not smoothed over.
    """

    tally: Tally = field(default_factory=Tally)

    async def call(
        self, method: str, path: str, body: object = None, *, headers: dict[str, str] | None = None
    ) -> Answer:
        """Send one request until it is answered. Raises aiohttp.ClientError when it never is."""
        for attempts_left in reversed(range(ATTEMPTS)):
            began = time.monotonic()
            try:
                answer = await super().call(method, path, body, headers=headers)
            except (aiohttp.ClientError, TimeoutError) as error:
                self.tally.broken_connections += 1
                self.tally.note(f"{method} {path}: {type(error).__name__} {error}")
                if not attempts_left:
                    raise
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            took_ms = round((time.monotonic() - began) * 1000)
            self.tally.slowest_answer_ms = max(self.tally.slowest_answer_ms, took_ms)
            self.tally.answers[answer.status] += 1
            if answer.status >= SERVER_ERROR:
                self.tally.note(f"{method} {path}: {answer.status} {answer.body}")
            return answer
        raise AssertionError("a loop over attempts ends by a return or an error")
