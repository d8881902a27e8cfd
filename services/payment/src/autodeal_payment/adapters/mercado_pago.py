"""Mercado Pago, live or sandbox: the same calls to another address."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote

import aiohttp
import msgspec

from autodeal_payment.adapters import mercado_pago_messages as messages
from autodeal_payment.app.ports.payment_provider import (
    NewPayment,
    ProviderRefusedError,
    ProviderUnansweredError,
)
from autodeal_payment.domain.provider_payment import ProviderPayment, ProviderRefund
from autodeal_platform.secret import Secret

Read = TypeVar("Read")

TRIES = 3
PAUSE_SECONDS = 0.15
LONGEST_PAUSE_SECONDS = 1.0
"""When the provider asks for a longer pause than this, the janitor keeps it."""
_TRY_AGAIN = frozenset(
    {
        # About us and not about the payment: a token that was just rotated, or is about to be.
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.LOCKED,
        HTTPStatus.FAILED_DEPENDENCY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)


@dataclass(frozen=True)
class _Answer:
    status: int
    body: bytes
    retry_after: timedelta | None

    @property
    def is_success(self) -> bool:
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def may_be_cured(self) -> bool:
        """Whether the same request with the same key may get another answer."""
        return self.status in _TRY_AGAIN or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


class MercadoPago:
    """The PaymentProvider over HTTP; the session is the process's own and outlives it.

    A time-out is never tried again here: what it did is looked up. An answer that says "later" is tried
    again a few times with the same key.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        url: str,
        access_token: Secret,
        timeout_seconds: float,
        notification_url: str | None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._access_token = access_token
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._notification_url = notification_url
        self._pause = pause

    async def create(self, new: NewPayment, *, key: str) -> ProviderPayment:
        """`POST /v1/payments`."""
        body = messages.write_payment(new, self._notification_url)
        answer = await self._request("POST", "/v1/payments", key=key, body=body)
        if answer.is_success:
            return _read_payment(answer)
        if answer.status == HTTPStatus.CONFLICT:
            # The key made a payment under another body (the payer's data changed): it can be looked up.
            raise ProviderUnansweredError("the key was used")
        raise ProviderRefusedError(_reason(answer))

    async def fetch(self, provider_id: str) -> ProviderPayment | None:
        """`GET /v1/payments/{id}`."""
        answer = await self._request("GET", f"/v1/payments/{quote(provider_id, safe='')}")
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        return _read_payment(answer)

    async def find(self, reference: str) -> ProviderPayment | None:
        """`GET /v1/payments/search`, by external reference."""
        query = f"external_reference={quote(reference, safe='')}&sort=date_created&criteria=desc"
        answer = await self._request("GET", f"/v1/payments/search?{query}")
        found = _read(answer, messages.read_search_message).results
        with_reference = [each for each in found if each.external_reference == reference]
        return messages.weightiest([_payment(each) for each in with_reference])

    async def cancel(self, provider_id: str, *, key: str) -> ProviderPayment:
        """`PUT /v1/payments/{id}` with the status cancelled."""
        path = f"/v1/payments/{quote(provider_id, safe='')}"
        answer = await self._request("PUT", path, key=key, body=b'{"status":"cancelled"}')
        if answer.is_success:
            return _read_payment(answer)
        raise ProviderRefusedError(_reason(answer))

    async def refund(self, provider_id: str, *, key: str) -> ProviderRefund:
        """`POST /v1/payments/{id}/refunds` without an amount: all of it."""
        path = f"/v1/payments/{quote(provider_id, safe='')}/refunds"
        answer = await self._request("POST", path, key=key, body=b"{}")
        if answer.is_success:
            return messages.read_refund(_read(answer, messages.read_refund_message))
        if answer.status == HTTPStatus.CONFLICT:
            raise ProviderUnansweredError("the key was used")
        raise ProviderRefusedError(_reason(answer))

    async def _request(
        self, method: str, path: str, *, key: str | None = None, body: bytes | None = None
    ) -> _Answer:
        """Return an answer that stands; raises ProviderUnansweredError when there is none."""
        for number in range(1, TRIES + 1):
            answer = await self._send(method, path, key, body)
            if not answer.may_be_cured:
                return answer
            wanted = answer.retry_after.total_seconds() if answer.retry_after is not None else 0.0
            if number == TRIES or wanted > LONGEST_PAUSE_SECONDS:
                raise ProviderUnansweredError(f"status {answer.status}", answer.retry_after)
            spread = PAUSE_SECONDS * number * (0.5 + random.random())  # noqa: S311 - only spreads the load
            await self._pause(max(wanted, spread))
        raise AssertionError("unreachable")

    async def _send(self, method: str, path: str, key: str | None, body: bytes | None) -> _Answer:
        headers = {
            # Asked for at each call: the token is rotated while the process runs.
            "Authorization": f"Bearer {self._access_token.reveal()}",
            "Content-Type": "application/json",
        }
        if key is not None:
            headers["X-Idempotency-Key"] = key
        try:
            async with self._session.request(
                method,
                self._url + path,
                headers=headers,
                data=body,
                timeout=self._timeout,
                allow_redirects=False,
            ) as response:
                text = await response.read()
                return _Answer(response.status, text, _retry_after(response.headers.get("Retry-After")))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ProviderUnansweredError(type(error).__name__) from error


def _read_payment(answer: _Answer) -> ProviderPayment:
    return _payment(_read(answer, messages.read_payment_message))


def _payment(message: messages.PaymentMessage) -> ProviderPayment:
    try:
        return messages.read_payment(message)
    except (ValueError, ArithmeticError):
        raise ProviderUnansweredError("an unreadable amount") from None


def _read(answer: _Answer, decode: Callable[[bytes], Read]) -> Read:
    """Read an answer; one that is no success or cannot be read is as good as none."""
    if not answer.is_success:
        raise ProviderUnansweredError(f"status {answer.status}")
    try:
        return decode(answer.body)
    except (msgspec.MsgspecError, ArithmeticError, UnicodeDecodeError):
        raise ProviderUnansweredError("an unreadable answer") from None


def _reason(answer: _Answer) -> str:
    try:
        word = messages.read_error_message(answer.body).word()
    except (msgspec.MsgspecError, UnicodeDecodeError):
        word = "refused"
    return f"provider_{answer.status}_{word}"


def _retry_after(value: str | None) -> timedelta | None:
    """Read a number of seconds; the other form, a date, is not used by the provider."""
    if value is None or not (value.isascii() and value.isdecimal()):
        return None
    return timedelta(seconds=min(int(value), 24 * 60 * 60))
