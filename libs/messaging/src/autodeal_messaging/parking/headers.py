"""How the headers of any Kafka record are kept: readable where they are text, exact where they are not."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class KeptHeader(msgspec.Struct, frozen=True, omit_defaults=True):
    """One header; `raw` holds (in base64, on the wire) what is no text."""

    name: str
    text: str | None = None
    raw: bytes | None = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[KeptHeader]).decode


def keep_headers(headers: Iterable[tuple[str, bytes]]) -> str:
    """Return headers as a JSON list."""
    return _encode([_keep(name, value) for name, value in headers]).decode()


def restore_headers(kept: str) -> tuple[tuple[str, bytes], ...]:
    """Return kept headers exactly as they came."""
    return tuple(
        (header.name, header.raw or b"" if header.text is None else header.text.encode())
        for header in _decode(kept)
    )


def readable(value: bytes) -> str:
    """Return bytes as text, with what is no text, or no text to a database, escaped."""
    return value.decode("utf-8", "backslashreplace").replace("\x00", "\\x00")


def _keep(name: str, value: bytes | None) -> KeptHeader:
    try:
        return KeptHeader(name, text=(value or b"").decode())
    except UnicodeDecodeError:
        return KeptHeader(name, raw=value)
