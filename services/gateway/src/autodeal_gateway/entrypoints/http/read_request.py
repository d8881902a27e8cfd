"""Reading a request that is to be forwarded: its head, less what is not for the service, and its body."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from litestar.types import HTTPScope, Receive

from autodeal_platform.errors import BodyTooLargeError
from autodeal_platform.problems import REQUEST_ID_KEY
from autodeal_platform.telemetry import current_traceparent

DROPPED_REQUEST_HEADERS = frozenset(
    {
        b"connection",
        b"content-length",
        b"expect",
        b"host",
        b"keep-alive",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"traceparent",
        b"transfer-encoding",
        b"upgrade",
        b"x-request-id",
    }
)
"""Hop-by-hop headers, and those that the gateway writes itself."""


@dataclass(slots=True)
class RequestHead:
    """What of a request's head goes on to the service."""

    headers: list[tuple[str, str]]
    has_body: bool
    content_length: str | None
    has_idempotency_key: bool


def read_head(scope: HTTPScope) -> RequestHead:
    """Return the end-to-end headers, with this request's own id and trace in the place of the caller's."""
    headers: list[tuple[str, str]] = []
    named_by_connection: frozenset[bytes] = frozenset()
    content_length: str | None = None
    chunked = has_key = False
    for name, value in scope["headers"]:
        if name not in DROPPED_REQUEST_HEADERS:
            headers.append((name.decode("latin-1"), value.decode("latin-1")))
            has_key = has_key or name == b"idempotency-key"
        elif name == b"content-length":
            content_length = value.decode("latin-1")
        elif name == b"transfer-encoding":
            chunked = True
        elif name == b"connection" and value.lower() not in {b"keep-alive", b"close"}:
            named_by_connection = frozenset(part.strip().lower() for part in value.split(b","))
    if named_by_connection:
        headers = [pair for pair in headers if pair[0].encode("latin-1") not in named_by_connection]
    request_id = scope.get(REQUEST_ID_KEY)
    if isinstance(request_id, str):
        headers.append(("x-request-id", request_id))
    traceparent = current_traceparent()
    if traceparent is not None:
        headers.append(("traceparent", traceparent))
    has_body = chunked or content_length not in {None, "0"}
    return RequestHead(headers, has_body, content_length if has_body else None, has_key)


class RequestContent:
    """The body of one request, on its way through.

    A body that is there in one piece, as small ones are, is forwarded as bytes; only a longer one
    is streamed. Afterwards the flags tell how the reading ended.
    """

    __slots__ = (
        "_head",
        "_limit_bytes",
        "_receive",
        "_received_bytes",
        "client_gone",
        "complete",
        "too_large",
    )

    def __init__(self, head: RequestHead, receive: Receive, *, limit_bytes: int) -> None:
        self._head = head
        self._receive = receive
        self._limit_bytes = limit_bytes
        self._received_bytes = 0
        self.complete = not head.has_body
        self.client_gone = False
        self.too_large = False

    async def open(self) -> bytes | AsyncIterator[bytes] | None:
        """Return the body, whole or as a stream; None when there is none or nobody to send it.

        Raises BodyTooLargeError when the first piece is already too much.
        """
        if not self._head.has_body:
            return None
        first = await self._next()
        if self.too_large:
            raise BodyTooLargeError
        if self.complete:
            return first
        return None if self.client_gone else self._stream(first)

    async def _stream(self, first: bytes) -> AsyncIterator[bytes]:
        yield first
        while not self.complete:
            piece = await self._next()
            if self.client_gone or self.too_large:
                # The service must not take the part for the whole: ending with an error breaks
                # the connection to it off.
                raise ConnectionAbortedError("the body did not come to its end")
            yield piece

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] != "http.request":
            self.client_gone = True
            return b""
        piece = message["body"]
        self._received_bytes += len(piece)
        self.too_large = self._received_bytes > self._limit_bytes
        self.complete = not message.get("more_body", False)
        return piece
