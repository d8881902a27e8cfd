"""The body of `POST /v1/payments`: read exactly, and refused with the provider's causes when it is wrong."""

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import msgspec
from yarl import URL

from autodeal_devstack.sandbox.payment import Method
from autodeal_devstack.sandbox.provider_errors import bad_request
from autodeal_platform.errors import InvalidFieldError, MalformedJsonError
from autodeal_platform.json_codec import decode_json
from autodeal_platform.money import cents_from_decimal

CARD_BRANDS = frozenset({"amex", "elo", "hipercard", "master", "visa"})
_METHODS = {"pix": Method.PIX, "bolbradesco": Method.BOLETO} | dict.fromkeys(CARD_BRANDS, Method.CARD)
_BOLETO_LIMIT_CENTS = 10**10
_LONGEST_REFERENCE = 256
_LONGEST_EXPIRATION = timedelta(days=30)
_MOST_INSTALLMENTS = 24
_CPF_LENGTH = 11
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}(Z|[+-]\d{2}:?\d{2})")


class Identification(msgspec.Struct, frozen=True):
    """A payer's document."""

    type: str | None = None
    number: str | None = None


class Address(msgspec.Struct, frozen=True):
    """A payer's address, as a boleto has to show it."""

    zip_code: str | None = None
    street_name: str | None = None
    street_number: str | int | None = None
    neighborhood: str | None = None
    city: str | None = None
    federal_unit: str | None = None


class Payer(msgspec.Struct, frozen=True):
    """Who pays."""

    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    identification: Identification | None = None
    address: Address | None = None


class CreateRequest(msgspec.Struct, frozen=True):
    """What a caller may ask for; the provider ignores fields that it does not know."""

    transaction_amount: Decimal
    payment_method_id: str
    payer: Payer | None = None
    description: str | None = None
    external_reference: str | None = None
    notification_url: str | None = None
    date_of_expiration: str | None = None
    token: str | None = None
    installments: int | None = None
    capture: bool | None = None
    binary_mode: bool | None = None
    metadata: dict[str, Any] | None = None


def read_document(body: bytes) -> dict[str, Any]:
    """Read a JSON object with exact numbers, an empty body as `{}`; 400 for anything else."""
    try:
        return cast(dict[str, Any], decode_json(body or b"{}", dict[str, Any]))
    except (MalformedJsonError, InvalidFieldError, msgspec.ValidationError):
        raise bad_request(6, "The body is not a JSON object") from None


def read_create_request(document: dict[str, Any]) -> CreateRequest:
    """Read the fields of a payment to create and check what does not depend on the time."""
    amount = document.get("transaction_amount")
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal):
        raise bad_request(4037, "Invalid transaction_amount")
    try:
        request = msgspec.convert(document, CreateRequest)
    except msgspec.ValidationError as error:
        # The message names the field and its type; it holds no value, so nothing personal.
        raise bad_request(1, f"Params Error: {error}") from None
    _check_amount(request)
    _check_payer(request)
    if len(request.external_reference or "") > _LONGEST_REFERENCE:
        raise bad_request(1, "Params Error: external_reference is too long")
    if request.notification_url and not _is_url(request.notification_url):
        raise bad_request(4020, "notification_url attribute must be url valid")
    if method_of(request) is Method.CARD and not 1 <= (request.installments or 0) <= _MOST_INSTALLMENTS:
        raise bad_request(4033, "Invalid installments")
    return request


def method_of(request: CreateRequest) -> Method:
    """Return the family of the method asked for."""
    method = _METHODS.get(request.payment_method_id)
    if method is None:
        raise bad_request(3028, "Invalid payment_method_id")
    return method


def read_expiration(text: str, now: datetime, minimum: timedelta) -> datetime:
    """Read `date_of_expiration`, which lies ahead by `minimum` to 30 days."""
    if not _TIMESTAMP.fullmatch(text):
        raise bad_request(
            23, "date_of_expiration must be a valid date in the format yyyy-MM-dd'T'HH:mm:ss.SSSZ"
        )
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise bad_request(23, "date_of_expiration is not a date") from None
    if not now < moment or not now + minimum <= moment <= now + _LONGEST_EXPIRATION:
        raise bad_request(23, "date_of_expiration is too early or too late")
    return moment


def _check_amount(request: CreateRequest) -> None:
    try:
        cents = cents_from_decimal(request.transaction_amount)
    except ValueError:
        raise bad_request(4037, "Invalid transaction_amount") from None
    limit = _BOLETO_LIMIT_CENTS if method_of(request) is Method.BOLETO else 100 * _BOLETO_LIMIT_CENTS
    if not 0 < cents < limit:
        raise bad_request(4037, "Invalid transaction_amount")


def _is_url(text: str) -> bool:
    try:
        url = URL(text)
    except ValueError:
        return False
    return url.scheme in {"http", "https"} and bool(url.host)


def _check_payer(request: CreateRequest) -> None:
    payer = request.payer
    if payer is None or not payer.email or not _EMAIL.fullmatch(payer.email):
        raise bad_request(4050, "payer.email must be a valid email")
    identification = payer.identification
    if identification is not None and identification.type == "CPF" and not _is_cpf(identification.number):
        raise bad_request(2067, "Invalid user identification number")
    if method_of(request) is not Method.BOLETO:
        return
    if identification is None or not identification.type or not identification.number:
        raise bad_request(2067, "payer.identification is required for a boleto")
    if not payer.first_name or not payer.last_name:
        raise bad_request(4051, "payer.first_name and payer.last_name are required for a boleto")
    address = payer.address
    if address is None or not all(msgspec.structs.astuple(address)):
        raise bad_request(4052, "payer.address is required for a boleto, with all its fields")


def _is_cpf(number: str | None) -> bool:
    digits = [int(character) for character in number or "" if character.isdecimal()]
    if len(digits) != _CPF_LENGTH or len(set(digits)) == 1:
        return False
    for length in (9, 10):
        total = sum(digit * weight for digit, weight in zip(digits, range(length + 1, 1, -1), strict=False))
        if digits[length] != total * 10 % 11 % 10:
            return False
    return True
