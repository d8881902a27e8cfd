"""Which failures park a record, which pause the consumer, and which are for good."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from aiokafka.errors import KafkaConnectionError
from botocore.exceptions import EndpointConnectionError
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from autodeal_contracts.envelope import MalformedEnvelopeError
from autodeal_messaging.failure_kind import FailureKind, FailureKinds, describe_failure


class ProviderAwayError(Exception):
    pass


class WrongSchemaError(ValueError):
    pass


class StoreAwayError(Exception):
    pass


KINDS = FailureKinds(
    surroundings=(ProviderAwayError,), permanent=(WrongSchemaError,), database=(StoreAwayError,)
)


class ToldError(Exception):
    """As a driver's error tells what the server said."""

    def __init__(self, sqlstate: str | None) -> None:
        super().__init__("first line\nDETAIL: secret")
        self.sqlstate = sqlstate


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def wrapped(cause: Exception) -> Exception:
    return DBAPIError("UPDATE x SET y = $1", {"y": "secret"}, cause)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionRefusedError(), FailureKind.SURROUNDINGS),
        (TimeoutError(), FailureKind.SURROUNDINGS),
        (KafkaConnectionError(), FailureKind.SURROUNDINGS),
        (PoolTimeoutError(), FailureKind.SURROUNDINGS),
        (InterfaceError("SELECT 1", {}, Exception()), FailureKind.SURROUNDINGS),
        (asyncpg.InterfaceError("connection is closed"), FailureKind.SURROUNDINGS),
        (
            asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"),
            FailureKind.SURROUNDINGS,
        ),
        (EndpointConnectionError(endpoint_url="http://x"), FailureKind.SURROUNDINGS),
        (asyncpg.CannotConnectNowError(), FailureKind.SURROUNDINGS),
        (asyncpg.AdminShutdownError(), FailureKind.SURROUNDINGS),
        (asyncpg.TooManyConnectionsError(), FailureKind.SURROUNDINGS),
        (ProviderAwayError(), FailureKind.SURROUNDINGS),
        (StoreAwayError(), FailureKind.SURROUNDINGS),
        (caused(ProviderAwayError(), asyncpg.DeadlockDetectedError()), FailureKind.TRANSIENT),
        (caused(ProviderAwayError(), wrapped(ToldError("55P03"))), FailureKind.TRANSIENT),
        (caused(ProviderAwayError(), wrapped(ToldError("57014"))), FailureKind.TRANSIENT),
        (caused(ProviderAwayError(), wrapped(ToldError("57P01"))), FailureKind.SURROUNDINGS),
        (asyncpg.UniqueViolationError(), FailureKind.TRANSIENT),
        (RuntimeError(), FailureKind.TRANSIENT),
        (KeyError("x"), FailureKind.TRANSIENT),
        (asyncio.CancelledError(), FailureKind.TRANSIENT),
        (MalformedEnvelopeError(), FailureKind.PERMANENT),
        (WrongSchemaError(), FailureKind.PERMANENT),
    ],
    ids=repr,
)
def test_kind_is_told_by_type_when_something_fails(error: BaseException, kind: FailureKind) -> None:
    assert KINDS.of(error) is kind


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TimeoutError(), True),
        (caused(RuntimeError(), TimeoutError()), True),
        (StoreAwayError(), True),
        (caused(StoreAwayError(), ConnectionRefusedError()), True),
        (ConnectionRefusedError(), False),
        (KafkaConnectionError(), False),
        (ProviderAwayError(), False),
        (caused(ProviderAwayError(), TimeoutError()), False),
    ],
    ids=repr,
)
def test_a_failure_is_doubted_when_the_record_may_ask_for_too_much(
    *, error: BaseException, expected: bool
) -> None:
    assert KINDS.is_doubtful(error) is expected


def test_chain_of_causes_ends_when_it_bites_its_tail() -> None:
    error = RuntimeError("no")
    error.__cause__ = RuntimeError("why")
    error.__cause__.__cause__ = error
    assert KINDS.of(error) is FailureKind.TRANSIENT


def test_parameters_and_details_stay_out_when_an_error_is_described() -> None:
    described = describe_failure(wrapped(ToldError("23505")))
    assert described == "DBAPIError: first line"


def test_a_description_is_one_short_line_when_the_error_is_long() -> None:
    assert describe_failure(RuntimeError("x" * 5_000 + "\nmore")) == f"RuntimeError: {'x' * 286}"
    assert describe_failure(RuntimeError()) == "RuntimeError"
