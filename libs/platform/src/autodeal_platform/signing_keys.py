"""The user pool's public signing keys, fetched when needed and kept.

One fetch at a time and a pause between fetches, whatever callers send: a flood of made-up key ids
costs the pool nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp
import jwt
import msgspec
from prometheus_client import Counter

from autodeal_platform.errors import UnauthenticatedError, UnavailableError
from autodeal_platform.logs import get_logger

Fetch = Callable[[str], Awaitable[bytes]]

FETCH_TIMEOUT_SECONDS: Final = 3.0
MAX_KEY_SET_BYTES: Final = 256 * 1024

FETCHES: Final = Counter(
    "signing_key_fetches", "Fetches of the user pool's signing keys: fetched or failed.", ["outcome"]
)
_FETCHED = FETCHES.labels("fetched")
_FAILED = FETCHES.labels("failed")

_log = get_logger(__name__)


async def fetch_over_http(url: str) -> bytes:
    """Return the document at `url`; raises aiohttp.ClientError or TimeoutError when it is not to be had."""
    timeout = aiohttp.ClientTimeout(total=FETCH_TIMEOUT_SECONDS)
    async with (
        aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as session,
        session.get(url) as response,
    ):
        return await response.content.read(MAX_KEY_SET_BYTES)


class SigningKeys:
    """Finds the RSA key with a given id, fetching the key set again when the id is unknown or the set is old.

    `refetch_pause_s` lies between two fetches that succeeded, `retry_pause_s` after one that failed.
    A set older than `max_age_s` is renewed, so that withdrawn keys go; if that fails, it stays in use.
    """

    def __init__(
        self,
        url: str,
        *,
        fetch: Fetch = fetch_over_http,
        monotonic: Callable[[], float] = time.monotonic,
        refetch_pause_s: float = 10.0,
        retry_pause_s: float = 1.0,
        max_age_s: float = 3600.0,
    ) -> None:
        self._url = url
        self._fetch = fetch
        self._monotonic = monotonic
        self._refetch_pause_s = refetch_pause_s
        self._retry_pause_s = retry_pause_s
        self._max_age_s = max_age_s
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")
        self._next_fetch_at = float("-inf")
        self._last_fetch_failed = False
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str) -> jwt.PyJWK:
        """Return the key.

        Raises UnauthenticatedError when the pool has no such key, UnavailableError when the pool
        could not be asked.
        """
        key = self._keys.get(key_id)
        if key is not None:
            if self._monotonic() - self._fetched_at > self._max_age_s:
                self._begin_fetch()
            return key
        fetching = self._begin_fetch()
        if fetching is not None:
            # Shielded: many requests wait for this one fetch, and one that goes away must not end it.
            await asyncio.shield(fetching)
            key = self._keys.get(key_id)
        if key is not None:
            return key
        if self._last_fetch_failed:
            raise UnavailableError("The signing keys cannot be fetched right now.")
        raise UnauthenticatedError

    def _begin_fetch(self) -> asyncio.Task[None] | None:
        """Return the running fetch, a new one, or None when it is too early for another."""
        if self._fetching is None and self._monotonic() >= self._next_fetch_at:
            self._fetching = asyncio.create_task(self._renew(), name="fetch-signing-keys")
        return self._fetching

    async def _renew(self) -> None:
        try:
            self._keys = parse_key_set(await self._fetch(self._url))
        except Exception as error:  # noqa: BLE001  whatever went wrong, the keys could not be had
            self._last_fetch_failed = True
            _FAILED.inc()
            self._next_fetch_at = self._monotonic() + self._retry_pause_s
            _log.warning("tokens.signing_keys_unreachable", error=type(error).__name__)
        else:
            self._last_fetch_failed = False
            _FETCHED.inc()
            self._fetched_at = self._monotonic()
            self._next_fetch_at = self._fetched_at + self._refetch_pause_s
            _log.info("tokens.signing_keys_fetched", keys=len(self._keys))
        finally:
            self._fetching = None


class _KeySet(msgspec.Struct):
    keys: list[dict[str, object]]


def parse_key_set(document: bytes) -> dict[str, jwt.PyJWK]:
    """Return the RSA signing keys of a JWKS document by their ids; keys of other kinds are passed over."""
    found: dict[str, jwt.PyJWK] = {}
    for raw in msgspec.json.decode(document, type=_KeySet).keys:
        key_id = raw.get("kid")
        if raw.get("kty") == "RSA" and isinstance(key_id, str) and raw.get("use", "sig") == "sig":
            found[key_id] = jwt.PyJWK(raw, algorithm="RS256")
    if not found:
        raise ValueError("the key set holds no RSA signing key")
    return found
