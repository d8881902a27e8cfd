"""Where in a body a fault lies, read from msgspec's own words."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from autodeal_platform.errors import WHOLE_BODY, InvalidFieldError

AT_PATH: Final = re.compile(r" - at `(?:key in )?\$(.*?)`$", re.DOTALL)
"""How msgspec ends a message about something inside of the body."""
_NAMED_FIELD = re.compile(r"^Object (contains unknown|missing required) field `(.*)`$", re.DOTALL)
_MAX_LENGTH: Final = 200
"""Names of unknown fields are the caller's, and may be of any length."""


def locate_fault(error: msgspec.ValidationError) -> InvalidFieldError:
    """Return the fault with its field's path, such as `address.state` or `items[...].price`."""
    text = str(error)
    match = AT_PATH.search(text)
    message = text[: match.start()] if match else text
    path = match[1].removeprefix(".") if match else ""
    if isinstance(error.__cause__, InvalidFieldError):
        path, message = _join(path, error.__cause__.field), error.__cause__.message
    elif (named := _NAMED_FIELD.match(message)) is not None:
        path = _join(path, named[2])
        message = "is unknown" if named[1] == "contains unknown" else "is required"
    return InvalidFieldError((path or WHOLE_BODY)[:_MAX_LENGTH], message[:_MAX_LENGTH])


def _join(path: str, field: str) -> str:
    return f"{path}.{field}" if path else field
