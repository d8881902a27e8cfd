"""Whether this process is alive, and whether it should be sent work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from autodeal_platform.logs import get_logger

Check = Callable[[], Awaitable[object]]
"""Returns when what it checks is well, and raises (or never returns) when not."""

_log = get_logger(__name__)


@dataclass(frozen=True)
class Readiness:
    """What readiness says: `ready`, `unready` or `draining`, and each check's own word."""

    status: str
    checks: dict[str, str]

    @property
    def is_ready(self) -> bool:
        """Tell whether to send work here."""
        return self.status == "ready"


class Health:
    """Collects readiness checks and knows when the process drains.

    Checks run side by side, each within `timeout_s`; their result is kept for `cache_s`, so that
    probes, however many, ask a database about once a second.
    """

    def __init__(
        self, *, timeout_s: float = 2.0, cache_s: float = 1.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._timeout_s = timeout_s
        self._cache_s = cache_s
        self._monotonic = monotonic
        self._checks: dict[str, Check] = {}
        self._results: dict[str, str] = {}
        self._checked_at = float("-inf")
        self._lock = asyncio.Lock()
        self._drain = asyncio.Event()

    def add_check(self, name: str, check: Check) -> None:
        """Let readiness depend on `check`."""
        self._checks[name] = check

    @property
    def draining(self) -> bool:
        """Tell whether the process was asked to stop."""
        return self._drain.is_set()

    def start_draining(self) -> None:
        """Fail readiness from now on; the runner calls it on SIGTERM."""
        self._drain.set()

    async def wait_until_draining(self) -> None:
        """Return once the process is asked to stop: what long answers such as event streams wait for."""
        await self._drain.wait()

    async def readiness(self) -> Readiness:
        """Return whether to send work here."""
        if self.draining:
            return Readiness("draining", {})
        async with self._lock:
            if self._monotonic() - self._checked_at >= self._cache_s:
                words = await asyncio.gather(*(self._run(name) for name in self._checks))
                self._results = dict(zip(self._checks, words, strict=True))
                self._checked_at = self._monotonic()
        well = all(word == "ok" for word in self._results.values())
        return Readiness("ready" if well else "unready", dict(self._results))

    async def _run(self, name: str) -> str:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._checks[name]()
        except TimeoutError:
            word = "timed out"
        except Exception as error:  # noqa: BLE001  whatever a check raises means "not well"
            _log.warning("health.check_failed", check=name, error=type(error).__name__)
            return "failed"
        else:
            return "ok"
        _log.warning("health.check_timed_out", check=name)
        return word
