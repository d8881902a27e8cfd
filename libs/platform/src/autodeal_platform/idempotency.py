"""HTTP idempotency without a framework and without a store.

A service stores the answer in its own database, in the commit of the effect, under
`digest_key(key, caller)`, and keeps it for at least `RETENTION_SECONDS`. On a repeat it looks the
answer up and asks `replay_or_none`.
"""

from __future__ import annotations

import hashlib

import msgspec

from autodeal_platform.errors import PlatformError

HEADER = "Idempotency-Key"
MAX_KEY_LENGTH = 255
RETENTION_SECONDS = 24 * 60 * 60
"""The least time for which an answer must be kept."""


class InvalidIdempotencyKeyError(PlatformError):
    """The key is empty, too long, or holds more than visible ASCII."""

    code = "idempotency_key_invalid"
    detail = "An Idempotency-Key has 1 to 255 visible ASCII characters."


class IdempotencyKeyReusedError(PlatformError):
    """The key was used for another request."""

    code = "idempotency_key_reused"
    detail = "This Idempotency-Key was used for another request."


class IdempotencyInProgressError(PlatformError):
    """The first request with this key is still running."""

    code = "idempotency_in_progress"
    detail = "The first request with this Idempotency-Key is still running."


class StoredAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The first answer that a key was given."""

    fingerprint: str
    """What was asked; see `fingerprint`."""
    status: int
    body: bytes


def validate_key(key: str) -> str:
    """Return the key, or raise InvalidIdempotencyKeyError."""
    if not 1 <= len(key) <= MAX_KEY_LENGTH or not all("!" <= character <= "~" for character in key):
        raise InvalidIdempotencyKeyError
    return key


def digest_key(key: str, caller: str = "") -> str:
    """Return what the key is stored under: its SHA-256, scoped to the caller (a principal's subject)."""
    return hashlib.sha256(f"{caller}\n{key}".encode()).hexdigest()


def fingerprint(method: str, path: str, body: bytes) -> str:
    """Return what tells one request from another: the SHA-256 of its method, path and body."""
    return hashlib.sha256(f"{method} {path}\n".encode() + body).hexdigest()


def replay_or_none(stored: StoredAnswer | None, fingerprint: str) -> StoredAnswer | None:
    """Return the stored answer to repeat, or None when the key is new.

    Raises IdempotencyKeyReusedError when the key was used for another request.
    """
    if stored is not None and stored.fingerprint != fingerprint:
        raise IdempotencyKeyReusedError
    return stored
