"""JSON in and out: one encoder, one decoder per type, money exact both ways."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from autodeal_platform.errors import InvalidFieldError, MalformedJsonError
from autodeal_platform.locate_fault import locate_fault
from autodeal_platform.money import Amount, amount_from_json, parse_json_number


class RequestBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of every struct that a request's body is read into; unknown fields are refused.

    A subclass says `frozen=True, kw_only=True` again: type checkers and msgspec do not inherit them.
    """


class ResponseBody(msgspec.Struct, frozen=True, kw_only=True):
    """The base of every struct that a response is written from."""


def _encode_unusual(value: object) -> object:
    if isinstance(value, Decimal):  # a Price or Amount handed back as it came
        return Decimal(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


_encoder = msgspec.json.Encoder(enc_hook=_encode_unusual, decimal_format="number")
encode_json = _encoder.encode
"""Encode any value; a Decimal becomes a JSON number with the decimals it has."""

_any_decoder = msgspec.json.Decoder(float_hook=parse_json_number)


def _decode_unusual(wanted: type[Any], value: object) -> object:
    if issubclass(wanted, Amount):
        return amount_from_json(wanted, value)
    raise NotImplementedError(f"{wanted.__name__} cannot be read from JSON")


@lru_cache(maxsize=1024)
def decoder_of(wanted: object) -> msgspec.json.Decoder[Any]:
    """Return the one decoder of a type."""
    return msgspec.json.Decoder(wanted, dec_hook=_decode_unusual, float_hook=parse_json_number)


def decode_json(body: bytes, wanted: object) -> object:
    """Read a request's body as `wanted`, without rounding any number.

    Raises MalformedJsonError when it is no JSON, and InvalidFieldError when it is JSON of another
    shape. (Never msgspec's own errors: from a handler, those mean that our data is at fault.)
    """
    try:
        value = decoder_of(wanted).decode(body)
    except msgspec.ValidationError as error:
        _require_json(body)
        raise locate_fault(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedJsonError from None
    if b"\\u0000" in body and (path := _path_of_nul(_any_decoder.decode(body), "")) is not None:
        # PostgreSQL's text cannot hold U+0000; refused here, it never becomes a failed statement.
        raise InvalidFieldError(path, "must not contain the character U+0000")
    return value


def _require_json(body: bytes) -> None:
    """Raise MalformedJsonError unless the whole body is JSON.

    A typed decoder stops at the first misfit, before it sees a syntax error further on.
    """
    try:
        _any_decoder.decode(body)
    except msgspec.ValidationError:
        return
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedJsonError from None


def _path_of_nul(value: object, path: str) -> str | None:
    if isinstance(value, str):
        return path if "\0" in value else None
    if isinstance(value, dict):
        for name, member in value.items():
            if "\0" in name:
                return path
            found = _path_of_nul(member, f"{path}.{name}" if path else name)
            if found is not None:
                return found
    if isinstance(value, list):
        for index, member in enumerate(value):
            found = _path_of_nul(member, f"{path}[{index}]")
            if found is not None:
                return found
    return None
