"""DynamoDB's errors, told apart: what another try may cure, and what tells of another writer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from autodeal_payment.app.ports.sale_store import StoreUnavailableError

CONDITION_FAILED = "ConditionalCheckFailed"
TRANSACTION_CONFLICT = "TransactionConflict"
_SERVER_ERROR = 500
_PASSING = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ResourceNotFoundException",  # The table is being made or migrated.
        "ThrottlingException",
        "TransactionInProgressException",
    }
)
_PASSING_REASONS = frozenset({"ThrottlingError", "ProvisionedThroughputExceeded"})


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn the errors of a store that is away or overloaded into StoreUnavailableError."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _PASSING or status >= _SERVER_ERROR:
            raise StoreUnavailableError(code) from error
        if _PASSING_REASONS.intersection(cancellation_reasons(error)):
            raise StoreUnavailableError("throttled") from error
        raise
    except BotoCoreError as error:
        raise StoreUnavailableError(type(error).__name__) from error


def cancellation_reasons(error: ClientError) -> Sequence[str]:
    """Return why each item of a cancelled transaction was refused, `None` where it was not."""
    response: Any = error.response
    return [reason.get("Code") or "None" for reason in response.get("CancellationReasons", ())]
