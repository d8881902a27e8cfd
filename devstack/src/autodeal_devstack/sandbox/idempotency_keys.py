"""What the provider remembers under each `X-Idempotency-Key`: the request's digest and its first answer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from autodeal_devstack.sandbox.provider_errors import ProviderError, missing_idempotency_key

_KEPT_FOR = timedelta(hours=24)
_LONGEST_KEY = 64


@dataclass(frozen=True, slots=True)
class _Remembered:
    fingerprint: str
    answer: bytes
    at: datetime


class IdempotencyKeys:
    """First answers by scope and key, kept for a day; an error is not kept, since nothing happened."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str], _Remembered] = {}
        self._in_use: set[tuple[str, str]] = set()

    @contextmanager
    def reserve(self, scope: str, key: str) -> Iterator[None]:
        """Hold a key while its request runs; another request with it meanwhile gets 423."""
        if not 1 <= len(key) <= _LONGEST_KEY:
            raise missing_idempotency_key()
        if (scope, key) in self._in_use:
            raise ProviderError(423, "resource_locked", "The idempotency key is in use by another request")
        self._in_use.add((scope, key))
        try:
            yield
        finally:
            self._in_use.discard((scope, key))

    def once(
        self, scope: str, key: str, fingerprint: str, now: datetime, effect: Callable[[], bytes]
    ) -> bytes:
        """Return the first answer of the key, running `effect` only if there is none.

        409 when the key belongs to another request.
        """
        self._forget_before(now - _KEPT_FOR)
        remembered = self._answers.get((scope, key))
        if remembered is None:
            remembered = _Remembered(fingerprint, effect(), now)
            self._answers[scope, key] = remembered
        elif remembered.fingerprint != fingerprint:
            message = "The idempotency key was already used with another request"
            raise ProviderError(409, "idempotency_key_already_used", message)
        return remembered.answer

    def clear(self) -> None:
        """Forget all answers."""
        self._answers.clear()

    def _forget_before(self, moment: datetime) -> None:
        # The dictionary keeps the order of insertion, so the oldest come first.
        while self._answers:
            oldest = next(iter(self._answers))
            if self._answers[oldest].at > moment:
                return
            del self._answers[oldest]
