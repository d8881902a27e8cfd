"""What the database's absence raises becomes one error of the store's."""

from __future__ import annotations

import asyncpg
import pytest

from autodeal_vehicle.adapters.postgres.connect import unavailable_when_unreachable
from autodeal_vehicle.app.errors import StoreUnavailableError


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError(),
        ConnectionResetError(),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"),
        asyncpg.CannotConnectNowError("the database system is starting up"),
        asyncpg.InvalidPasswordError("password authentication failed"),
    ],
)
def test_an_unreachable_database_is_one_error(error: Exception) -> None:
    with pytest.raises(StoreUnavailableError) as caught, unavailable_when_unreachable():
        raise error
    assert caught.value.__cause__ is error


def test_an_error_of_ours_stays_itself() -> None:
    with pytest.raises(asyncpg.UndefinedTableError), unavailable_when_unreachable():
        raise asyncpg.UndefinedTableError("no such table")
