"""The services behind the gateway, over HTTP with aiohttp.

One session for the process, so that connections are reused: a new one a request costs more than
the request. Nothing is decoded, decompressed, redirected or remembered on the way.
"""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp
from yarl import URL

from autodeal_gateway.app.errors import UpstreamFailedError, UpstreamUnavailableError
from autodeal_gateway.app.forward_request import UpstreamReply, UpstreamRequest
from autodeal_gateway.domain.route_table import Upstream

DROPPED_REPLY_HEADERS = frozenset(
    {
        b"connection",
        b"date",
        b"keep-alive",
        b"proxy-authenticate",
        b"server",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"x-request-id",
    }
)
"""Hop-by-hop headers, and those that the gateway sets itself on every answer."""

_ADDED_BY_AIOHTTP = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class AiohttpReply:
    """A reply in the making; see UpstreamReply."""

    __slots__ = ("_response", "headers", "status")

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        headers = [(name.lower(), value) for name, value in response.raw_headers]
        named = response.headers.get("Connection", "").lower().encode("latin-1")
        dropped = DROPPED_REPLY_HEADERS
        if named and named not in {b"close", b"keep-alive"}:
            dropped = dropped | {name.strip() for name in named.split(b",")}
        self.headers = [pair for pair in headers if pair[0] not in dropped]

    async def read_chunk(self) -> bytes:
        """Return what has arrived next, or nothing at the end. Raises UpstreamFailedError."""
        try:
            return await self._response.content.readany()
        except (aiohttp.ClientError, OSError):
            raise UpstreamFailedError from None

    def at_end(self) -> bool:
        """Tell whether the body is known to be complete with what was read so far."""
        return self._response.content.at_eof()

    def close(self) -> None:
        """Give the connection back, or break it off when the body is not at its end."""
        # At the end aiohttp has given the connection back by itself, and this does nothing.
        self._response.close()


class AiohttpUpstreams:
    """The services at their addresses, through one bounded pool of connections."""

    def __init__(
        self,
        addresses: Mapping[Upstream, str],
        *,
        connections_max: int,
        connect_timeout_seconds: float,
        keep_alive_seconds: float,
    ) -> None:
        """Make the session; it must happen in the running event loop.

        `connections_max` bounds all services together. `connect_timeout_seconds` covers waiting
        for a free connection and opening one. `keep_alive_seconds` must be shorter than what the
        services allow an idle connection, or requests meet connections that just closed.
        """
        self._bases = {upstream: address.rstrip("/") for upstream, address in addresses.items()}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=connections_max, keepalive_timeout=keep_alive_seconds, ttl_dns_cache=10
            ),
            # Without a jar one caller's cookie would be sent along with another caller's request.
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=_ADDED_BY_AIOHTTP,
            # The deadline of a route is kept by whoever waits for the reply.
            timeout=aiohttp.ClientTimeout(total=None, connect=connect_timeout_seconds),
            trust_env=False,
        )

    async def send(self, request: UpstreamRequest) -> UpstreamReply:
        """Send a request and return once the head of the answer is there; see Upstreams."""
        # Marked as encoded: the path is forwarded as it was checked, never normalised anew.
        url = URL(self._bases[request.upstream] + request.target, encoded=True)
        try:
            return await self._send_once(request, url)
        except UpstreamFailedError:
            # A kept connection may have closed at this very moment, as on a restart.
            if not request.repeatable:
                raise
            return await self._send_once(request, url)

    async def _send_once(self, request: UpstreamRequest, url: URL) -> UpstreamReply:
        try:
            response = await self._session.request(
                request.method, url, headers=request.headers, data=request.body, allow_redirects=False
            )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise UpstreamUnavailableError from None
        except (aiohttp.ClientError, OSError):
            raise UpstreamFailedError from None
        return AiohttpReply(response)

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()
