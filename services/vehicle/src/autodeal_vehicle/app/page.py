"""Pages of long lists, by keyset: a cursor names the last row seen, so every page costs the same."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from autodeal_vehicle.app.errors import InvalidCursorError

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
MAX_CURSOR_LENGTH = 200
_MAX_KEY = 2**63 - 1

Row = TypeVar("Row")
View = TypeVar("View")


class _CursorText(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    list_name: str
    keys: tuple[int, ...]


_decoder = msgspec.json.Decoder(_CursorText)
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, kw_only=True, slots=True)
class PageRequest:
    """Which part of a list is wanted."""

    limit: int = DEFAULT_LIMIT
    after: tuple[int, ...] | None = None
    """The sort keys of the last row seen; None for the first page."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Page(Generic[Row]):
    """A part of a list."""

    rows: Sequence[Row]
    next_cursor: str | None
    """None on the last page."""

    def shown(self, show: Callable[[Row], View]) -> Page[View]:
        """Return the page with each row as people see it."""
        return Page(rows=[show(row) for row in self.rows], next_cursor=self.next_cursor)


def cut_page(
    rows: Sequence[Row], limit: int, list_name: str, keys_of: Callable[[Row], tuple[int, ...]]
) -> Page[Row]:
    """Make a page of rows, of which one more than `limit` was fetched to see whether a next page exists."""
    if len(rows) <= limit:
        return Page(rows=rows, next_cursor=None)
    shown = rows[:limit]
    return Page(rows=shown, next_cursor=write_cursor(list_name, keys_of(shown[-1])))


def write_cursor(list_name: str, keys: tuple[int, ...]) -> str:
    """Return the opaque text that `read_cursor` understands."""
    return base64.urlsafe_b64encode(_encoder.encode(_CursorText(list_name, keys))).rstrip(b"=").decode()


def read_cursor(cursor: str | None, list_name: str, length: int) -> tuple[int, ...] | None:
    """Return the sort keys in a cursor; raises InvalidCursorError unless this very list gave it out."""
    if cursor is None:
        return None
    if len(cursor) > MAX_CURSOR_LENGTH:
        raise InvalidCursorError
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        found = _decoder.decode(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (UnicodeError, binascii.Error, msgspec.MsgspecError):
        raise InvalidCursorError from None
    if found.list_name != list_name or len(found.keys) != length:
        raise InvalidCursorError
    if not all(0 <= key <= _MAX_KEY for key in found.keys):
        raise InvalidCursorError
    return found.keys
