"""What the current piece of work belongs to: its purchase, its cause, its trace, its request.

Bound once at the edge (an HTTP request, a consumed event, a due deadline); log lines and outgoing
events pick it up by themselves. No framework is needed to use it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token

_correlation_id: ContextVar[str | None] = ContextVar("correlation_id", default=None)
_causation_id: ContextVar[str | None] = ContextVar("causation_id", default=None)
_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)
_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})", re.ASCII)


@contextmanager
def bind_purchase(
    correlation_id: str | None = None, causation_id: str | None = None, traceparent: str | None = None
) -> Iterator[None]:
    """Bind what is known of the purchase for the length of a block; what is None stays as it was.

    `correlation_id` is the order's id, `causation_id` the id of the event being handled.
    """
    bound: list[tuple[ContextVar[str | None], Token[str | None]]] = []
    for variable, value in (
        (_correlation_id, correlation_id),
        (_causation_id, causation_id),
        (_traceparent, traceparent),
    ):
        if value is not None:
            bound.append((variable, variable.set(value)))
    try:
        yield
    finally:
        for variable, token in bound:
            variable.reset(token)


@contextmanager
def bind_request(request_id: str, traceparent: str) -> Iterator[None]:
    """Bind an HTTP request for the length of a block."""
    request_token = _request_id.set(request_id)
    trace_token = _traceparent.set(traceparent)
    try:
        yield
    finally:
        _traceparent.reset(trace_token)
        _request_id.reset(request_token)


def current_correlation_id() -> str | None:
    """Return the order that the current work belongs to, if one is bound."""
    return _correlation_id.get()


def current_causation_id() -> str | None:
    """Return the id of the event that is being handled, if any."""
    return _causation_id.get()


def current_traceparent() -> str | None:
    """Return the W3C trace context of the current work, if any."""
    return _traceparent.get()


def current_request_id() -> str | None:
    """Return the `x-request-id` of the HTTP request being answered, if any."""
    return _request_id.get()


def bound_ids() -> dict[str, str]:
    """Return everything bound, by the names that log lines use."""
    found: dict[str, str] = {}
    if (request_id := _request_id.get()) is not None:
        found["request_id"] = request_id
    if (correlation_id := _correlation_id.get()) is not None:
        found["correlation_id"] = correlation_id
    if (causation_id := _causation_id.get()) is not None:
        found["causation_id"] = causation_id
    if (traceparent := _traceparent.get()) is not None:
        found["trace_id"] = traceparent[3:35]
    return found


def new_traceparent() -> str:
    """Start a trace: W3C Trace Context, version 00, sampled."""
    return f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-01"


def child_traceparent(parent: str | None) -> str:
    """Continue a trace with a span of its own; start a new one when `parent` is absent or malformed."""
    match = _TRACEPARENT.fullmatch(parent) if parent else None
    if match is None:
        return new_traceparent()
    return f"00-{match[1]}-{os.urandom(8).hex()}-{match[2]}"
