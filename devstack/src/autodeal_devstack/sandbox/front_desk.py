"""What surrounds an operation: who calls, the record, the faults, the answer that never comes."""

import asyncio
import hmac
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from litestar import Request, Response

from autodeal_devstack.sandbox.call_log import CallLog
from autodeal_devstack.sandbox.clock import Clock
from autodeal_devstack.sandbox.control_messages import Operation
from autodeal_devstack.sandbox.faults import CallPlan, FaultBoard
from autodeal_devstack.sandbox.idempotency_keys import IdempotencyKeys
from autodeal_devstack.sandbox.payment_book import wait_for_event
from autodeal_devstack.sandbox.provider_errors import ProviderError, injected_error, missing_idempotency_key
from autodeal_platform.health import Health
from autodeal_platform.settings import Secret

AnyRequest = Request[Any, Any, Any]
Effect = Callable[[CallPlan], bytes]
"""The operation itself: returns the JSON of the answer or raises `ProviderError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What is known of a call before it runs. `key_scope` is set where an idempotency key is demanded."""

    operation: Operation
    external_reference: str | None
    key_scope: str | None = None
    success: int = 200


class FrontDesk:
    """Takes the calls of `/v1`."""

    def __init__(
        self,
        *,
        faults: FaultBoard,
        calls: CallLog,
        keys: IdempotencyKeys,
        clock: Clock,
        health: Health,
        access_token: Secret,
        unanswered_seconds: float,
    ) -> None:
        self._faults = faults
        self._calls = calls
        self._keys = keys
        self._clock = clock
        self._health = health
        self._access_token = access_token
        self._unanswered_seconds = unanswered_seconds

    async def serve(self, request: AnyRequest, visit: Visit, effect: Effect) -> Response[bytes]:
        """Run an operation as the switched faults let it run, and record the call."""
        key = request.headers.get("x-idempotency-key")
        number = self._calls.begin(
            at=self._clock.now(),
            method=request.method,
            path=request.url.path,
            operation=visit.operation,
            external_reference=visit.external_reference,
            idempotency_key=key,
        )
        plan = CallPlan()
        try:
            self._authenticate(request)
            plan = self._faults.plan_call(visit.operation, visit.external_reference)
            self._calls.note(number, faults=plan.kinds)
            response = await self._run(visit, plan, key, effect)
        except ProviderError as error:
            response = error_response(error)
        if plan.silent_before or plan.silent_after:
            await self._stay_silent(request)
            return error_response(ProviderError(504, "gateway_timeout", "No answer came in time"))
        self._calls.note(number, status=response.status_code)
        return response

    async def _run(self, visit: Visit, plan: CallPlan, key: str | None, effect: Effect) -> Response[bytes]:
        if visit.key_scope is not None and not key:
            raise missing_idempotency_key()
        with self._reserved(visit, key):
            await self._clock.sleep(plan.delay_ms / 1000)
            if plan.status_before is not None:
                raise injected_error(plan.status_before, plan.retry_after_seconds)
            if plan.silent_before:
                return Response(b"")
            # The operation does not wait, so it is never cut in two when a caller leaves.
            body = effect(plan)
        if plan.status_after is not None:
            raise injected_error(plan.status_after, plan.retry_after_seconds)
        return Response(body, status_code=visit.success, media_type="application/json")

    def _reserved(self, visit: Visit, key: str | None) -> AbstractContextManager[None]:
        if visit.key_scope is None or key is None:
            return nullcontext()
        return self._keys.reserve(visit.key_scope, key)

    def _authenticate(self, request: AnyRequest) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        expected = self._access_token.reveal()
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.encode(), expected.encode()):
            raise ProviderError(401, "unauthorized", "Invalid access token", code=401)

    async def _stay_silent(self, request: AnyRequest) -> None:
        """Hold the connection until the caller leaves, the process stops or the time is over."""
        gone = asyncio.Event()
        watchers = [
            asyncio.create_task(_watch_caller(request, gone)),
            asyncio.create_task(self._watch_stop(gone)),
        ]
        try:
            await wait_for_event(gone, self._unanswered_seconds)
        finally:
            for watcher in watchers:
                watcher.cancel()
            await asyncio.gather(*watchers, return_exceptions=True)

    async def _watch_stop(self, gone: asyncio.Event) -> None:
        await self._health.wait_until_draining()
        gone.set()


async def _watch_caller(request: AnyRequest, gone: asyncio.Event) -> None:
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            gone.set()
            return


def error_response(error: ProviderError) -> Response[bytes]:
    """Return the answer of an error, in the provider's shape."""
    return Response(
        error.body(), status_code=error.status, headers=error.headers, media_type="application/json"
    )
