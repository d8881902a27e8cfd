"""Idempotency of commands: the answer is stored in the commit of the effect, and repeated from there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from autodeal_platform.idempotency import IdempotencyInProgressError, StoredAnswer, replay_or_none
from autodeal_platform.json_codec import encode_json
from autodeal_vehicle.app.errors import AnswerTakenError
from autodeal_vehicle.app.surroundings import Surroundings
from autodeal_vehicle.app.unit_of_work import Store, UnitOfWork, UnsafeRequest

ATTEMPTS = 3
"""The second finds the answer that the first was beaten by; the third is for a purge in between."""


async def answer_once(
    store: Store,
    surroundings: Surroundings,
    request: UnsafeRequest,
    act: Callable[[UnitOfWork], Awaitable[object]],
) -> StoredAnswer:
    """Run `act` in a unit of work and answer with what it returns, at most once for the caller's key.

    A refusal raised by `act` rolls everything back and is not stored: it changed nothing, so the same
    key may be tried again. Raises IdempotencyKeyReusedError when the key belongs to another request.
    """
    for _ in range(ATTEMPTS):
        try:
            return await _answer(store, surroundings, request, act)
        except AnswerTakenError:
            # The same key was committed meanwhile; our effect is rolled back, theirs is repeated.
            continue
    raise IdempotencyInProgressError


async def _answer(
    store: Store,
    surroundings: Surroundings,
    request: UnsafeRequest,
    act: Callable[[UnitOfWork], Awaitable[object]],
) -> StoredAnswer:
    async with store.begin() as work:
        stored = replay_or_none(await work.stored_answer(request), request.fingerprint)
        if stored is not None:
            return stored
        body = encode_json(await act(work))
        answer = StoredAnswer(fingerprint=request.fingerprint, status=request.success_status, body=body)
        await work.store_answer(request, answer, surroundings.clock())
        return answer
