"""A short-lived token that is renewed ahead of time, so that nobody waits for a signature."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import Counter

from autodeal_platform.logs import get_logger

RENEW_BEFORE_SECONDS = 300.0
"""A token with less time left than this is renewed while it is still given out."""
MARGIN_SECONDS = 30.0
"""A token with less time left than this is given out no more: it must outlast the way to the server."""
ISSUE_TIMEOUT_SECONDS = 15.0
RETRY_SECONDS = 5.0
"""The pause between attempts to renew ahead of time."""

RENEWALS = Counter(
    "token_renewals",
    "Renewals of the tokens that stand in for passwords: renewed or failed.",
    ["token", "outcome"],
)

_log = get_logger(__name__)


class TokenUnavailableError(ConnectionError):
    """No valid token can be had just now; to whoever connects it is as if the server were away."""

    code = "token_unavailable"


@dataclass(frozen=True)
class IssuedToken:
    """A token and when it stops being valid, in seconds of the epoch."""

    text: str
    expires_at: float

    def __repr__(self) -> str:
        return f"IssuedToken(expires_at={self.expires_at})"


class FreshToken:
    """Gives out one token to all who ask and has it renewed before it expires.

    `issue` may block, by asking the pod's identity for credentials, so it runs in a thread; it runs once
    at a time, whoever asks meanwhile shares its outcome. Only who comes when no valid token is left waits.
    """

    def __init__(
        self, name: str, issue: Callable[[], IssuedToken], *, clock: Callable[[], float] = time.time
    ) -> None:
        self._name = name
        self._issue = issue
        self._clock = clock
        self._token: IssuedToken | None = None
        self._renewing: asyncio.Task[str] | None = None
        self._renew_at = float("-inf")
        self._count_renewed = RENEWALS.labels(name, "renewed").inc
        self._count_failed = RENEWALS.labels(name, "failed").inc

    async def __call__(self) -> str:
        """Return a valid token. Raises TokenUnavailableError."""
        now = self._clock()
        token = self._token
        if token is None or now >= token.expires_at - MARGIN_SECONDS:
            # Shielded: many may wait for this one, and none that gives up may end it.
            return await asyncio.shield(self._renewal())
        if now >= self._renew_at:
            self._renewal()
        return token.text

    def _renewal(self) -> asyncio.Task[str]:
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._renew(), name=f"renew-token-{self._name}")
            self._renewing.add_done_callback(self._renewed)
        return self._renewing

    async def _renew(self) -> str:
        try:
            async with asyncio.timeout(ISSUE_TIMEOUT_SECONDS):
                token = await asyncio.to_thread(self._issue)
        except Exception as error:
            self._renew_at = self._clock() + RETRY_SECONDS
            self._count_failed()
            _log.warning("token.not_renewed", token=self._name, error=type(error).__name__)
            raise TokenUnavailableError(f"no token for {self._name}: {type(error).__name__}") from error
        self._token = token
        self._count_renewed()
        self._renew_at = token.expires_at - RENEW_BEFORE_SECONDS
        _log.info("token.renewed", token=self._name, seconds_left=round(token.expires_at - self._clock()))
        return token.text

    def _renewed(self, task: asyncio.Task[str]) -> None:
        self._renewing = None
        if not task.cancelled():
            # Nobody may have waited; the outcome was logged.
            task.exception()
