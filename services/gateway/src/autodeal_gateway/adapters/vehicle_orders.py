"""A person's orders, asked of the vehicle service in the person's own name."""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

import msgspec

from autodeal_contracts.saga import OrderState
from autodeal_gateway.app.errors import OrdersUnavailableError, UpstreamFailedError, UpstreamUnavailableError
from autodeal_gateway.app.forward_request import UpstreamRequest, Upstreams
from autodeal_gateway.domain.route_table import Upstream
from autodeal_platform.telemetry import current_request_id, current_traceparent

ANSWER_BYTES_MAX = 262_144
"""One order with its timeline is a few kilobytes."""
_OK = 200
_list_decoder = msgspec.json.Decoder(list[msgspec.Raw])


class VehicleOrders:
    """The vehicle service's list of orders; see OrderBook."""

    def __init__(self, upstreams: Upstreams, *, timeout_seconds: float) -> None:
        self._upstreams = upstreams
        self._timeout_seconds = timeout_seconds

    async def has_order_in(self, states: tuple[OrderState, ...], *, subject: str, token: str) -> bool:
        """Tell whether the token's person has an order in one of these states."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                for state in states:
                    if await self._has_order(state, subject, token):
                        return True
        except (TimeoutError, UpstreamFailedError, UpstreamUnavailableError, msgspec.DecodeError):
            raise OrdersUnavailableError from None
        return False

    async def _has_order(self, state: OrderState, subject: str, token: str) -> bool:
        # An administrator sees everybody's orders, so the person is named, too.
        query = urlencode({"status": state.value, "user_id": subject, "limit": 1})
        reply = await self._upstreams.send(
            UpstreamRequest(
                upstream=Upstream.VEHICLE,
                method="GET",
                target=f"/orders?{query}",
                headers=_headers(token),
                body=None,
                repeatable=True,
            )
        )
        try:
            if reply.status != _OK:
                raise OrdersUnavailableError
            body = bytearray()
            while not reply.at_end() and len(body) <= ANSWER_BYTES_MAX:
                body += await reply.read_chunk()
        finally:
            reply.close()
        return bool(_list_decoder.decode(bytes(body)))


def _headers(token: str) -> list[tuple[str, str]]:
    headers = {
        "authorization": f"Bearer {token}",
        "accept": "application/json",
        "x-request-id": current_request_id(),
        "traceparent": current_traceparent(),
    }
    return [(name, value) for name, value in headers.items() if value is not None]
