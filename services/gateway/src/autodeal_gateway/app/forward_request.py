"""What forwarding needs of the services behind the gateway.

The path of a forwarded request is hot: nothing here copies a body or makes an object a chunk.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from autodeal_gateway.domain.route_table import Upstream


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """A request as it goes to a service."""

    upstream: Upstream
    method: str
    target: str
    """The path and query as they came, already encoded."""
    headers: list[tuple[str, str]]
    body: bytes | AsyncIterator[bytes] | None
    repeatable: bool
    """Whether a second sending is harmless, because the service recognises a repeat."""


class UpstreamReply(Protocol):
    """An answer whose body is still arriving."""

    @property
    def status(self) -> int:
        """Return the HTTP status."""
        ...

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the end-to-end headers, names in lower case."""
        ...

    async def read_chunk(self) -> bytes:
        """Return what has arrived next, or nothing at the end. Raises UpstreamFailedError."""
        ...

    def at_end(self) -> bool:
        """Tell whether the body is known to be complete with what was read so far."""
        ...

    def close(self) -> None:
        """Give the connection back, or break it off when the body is not at its end."""
        ...


class Upstreams(Protocol):
    """The services behind the gateway."""

    async def send(self, request: UpstreamRequest) -> UpstreamReply:
        """Send a request and return once the head of the answer is there; the caller closes it.

        Raises UpstreamUnavailableError, UpstreamFailedError. Cancelling it breaks the request off.
        """
        ...
