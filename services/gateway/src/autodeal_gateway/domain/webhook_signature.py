"""Mercado Pago's webhook signature: what is signed, and whether it was signed by the provider.

Source: Mercado Pago developers, "Webhooks", "Validate the origin of a notification". What the
documentation leaves open is accepted in both ways: the casing of `data.id`, and the unit of `ts`.
The body is not signed, so nothing in it is ever believed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime

_MILLISECONDS_FROM = 10**11
"""Below, a `ts` is in seconds (this many seconds are the year 5138), above in milliseconds (1973)."""
_TIMESTAMP_MAX = 10**14
_HEADER_LENGTH_MAX = 512
_TIMESTAMP = re.compile(r"\d{1,15}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


class WebhookForgedError(Exception):
    """The request does not prove that the provider sent it."""

    code = "webhook_forged"


@dataclass(frozen=True)
class SignatureHeader:
    """The parts of `x-signature: ts=<n>,v1=<hex>`."""

    timestamp: str
    """As it was sent, since that text is what is signed."""
    digest: str

    @property
    def signed_at(self) -> datetime:
        """Return when the provider says it signed, telling seconds from milliseconds by magnitude."""
        value = int(self.timestamp)
        seconds = value / 1000 if value >= _MILLISECONDS_FROM else float(value)
        return datetime.fromtimestamp(seconds, tz=UTC)


def read_signature_header(header: str | None) -> SignatureHeader:
    """Take the header apart.

    Raises WebhookForgedError when it is missing or is not of the documented form.
    """
    if header is None:
        raise WebhookForgedError("The request carries no signature.")
    if len(header) > _HEADER_LENGTH_MAX:
        raise WebhookForgedError("The signature is not of the documented form.")
    parts: dict[str, str] = {}
    for part in header.split(","):
        name, _, value = part.partition("=")
        if name.strip() in parts:
            # Two values of one name could be read differently by two readers.
            raise WebhookForgedError("The signature names a part twice.")
        parts[name.strip()] = value.strip()
    timestamp, digest = parts.get("ts", ""), parts.get("v1", "")
    if not _TIMESTAMP.fullmatch(timestamp) or not _DIGEST.fullmatch(digest):
        raise WebhookForgedError("The signature is not of the documented form.")
    if int(timestamp) > _TIMESTAMP_MAX:
        raise WebhookForgedError("The signature's time is out of range.")
    return SignatureHeader(timestamp=timestamp, digest=digest.lower())


def manifest(*, data_id: str | None, request_id: str | None, timestamp: str) -> bytes:
    """Return the text that is signed; a pair whose value is absent is left out."""
    pairs = (("id", data_id), ("request-id", request_id), ("ts", timestamp))
    return "".join(f"{name}:{value};" for name, value in pairs if value).encode()


def sign(secret: bytes, *, data_id: str | None, request_id: str | None, timestamp: str) -> str:
    """Return the hexadecimal signature that the provider would send."""
    signed = manifest(data_id=data_id, request_id=request_id, timestamp=timestamp)
    return hmac.new(secret, signed, hashlib.sha256).hexdigest()


def verify_signature(
    header: str | None, *, data_id: str | None, request_id: str | None, secrets: tuple[bytes, ...]
) -> SignatureHeader:
    """Check that the notification was signed with one of the secrets.

    Several secrets are accepted so that the secret can be changed without losing a notification.
    Every candidate is computed and compared in constant time, whichever of them fits, so that the
    time taken tells nothing. Raises WebhookForgedError.
    """
    found = read_signature_header(header)
    spellings = (data_id, data_id.lower() if data_id else data_id)
    genuine = False
    for secret in secrets:
        for spelling in spellings:
            expected = sign(secret, data_id=spelling, request_id=request_id, timestamp=found.timestamp)
            genuine |= hmac.compare_digest(expected, found.digest)
    if not genuine:
        raise WebhookForgedError("The signature does not fit the request.")
    return found
