"""How an event's headers are kept in the outbox: a JSON object, which a person can read."""

from __future__ import annotations

import msgspec

from autodeal_contracts.envelope import Envelope

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, str]).decode


def encode_headers(envelope: Envelope) -> str:
    """Return the headers of an event as the outbox keeps them."""
    return _encode({name: value.decode() for name, value in envelope.headers()}).decode()


def decode_headers(encoded: str) -> list[tuple[str, bytes]]:
    """Return kept headers as Kafka wants them."""
    return [(name, value.encode()) for name, value in _decode(encoded).items()]
