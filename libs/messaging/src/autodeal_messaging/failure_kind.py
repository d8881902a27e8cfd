"""Whether another attempt may help: told by the error's type, here and nowhere else."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from aiokafka.errors import KafkaError

from autodeal_contracts.envelope import MalformedEnvelopeError


class FailureKind(enum.Enum):
    """What a failure says about the record that met it."""

    SURROUNDINGS = "surroundings"
    """The database, the broker or the provider is away, so every record would fail: wait, park nothing."""
    TRANSIENT = "transient"
    """This record failed; the same attempt may succeed later."""
    PERMANENT = "permanent"
    """This record cannot succeed as it stands, however often it is tried."""


PERMANENT_ERRORS: tuple[type[BaseException], ...] = (MalformedEnvelopeError,)
SURROUNDINGS_ERRORS: tuple[type[BaseException], ...] = (OSError, TimeoutError, KafkaError)
"""`ConnectionError` is an OSError."""
SURROUNDINGS_NAMES = frozenset(
    {
        "asyncpg.exceptions._base.InterfaceError",
        "asyncpg.exceptions._base.InternalClientError",  # the server ended the session in mid-statement
        "botocore.exceptions.ConnectionError",
        "botocore.exceptions.HTTPClientError",
        "sqlalchemy.exc.InterfaceError",
        "sqlalchemy.exc.TimeoutError",
    }
)
"""Types of drivers that a service may not have installed, by their full names."""
SURROUNDINGS_SQLSTATES = ("08", "53", "57P")
"""Connection, resources, and a server that starts or stops."""
TRANSIENT_SQLSTATES = ("40", "55", "57014")
"""A rollback by the server, a lock that was not to be had, and a statement that took too long."""


@dataclass(frozen=True)
class FailureKinds:
    """Tells kinds of failures apart; a service adds the types of its own errors.

    What names no reason counts as transient: it is tried again, with growing delays and up to a limit,
    and until then nothing of it is lost.
    """

    surroundings: tuple[type[BaseException], ...] = ()
    permanent: tuple[type[BaseException], ...] = ()
    database: tuple[type[BaseException], ...] = ()
    """Types that blame the handler's own database, which can be asked whether it is so."""

    def of(self, error: BaseException) -> FailureKind:
        """Return the kind of a failure."""
        if isinstance(error, (*PERMANENT_ERRORS, *self.permanent)):
            return FailureKind.PERMANENT
        # The database's own word counts for more than the type that an adapter wraps it in.
        for sqlstate in _sqlstates(error):
            if sqlstate.startswith(TRANSIENT_SQLSTATES):
                return FailureKind.TRANSIENT
            if sqlstate.startswith(SURROUNDINGS_SQLSTATES):
                return FailureKind.SURROUNDINGS
        if isinstance(
            error, (*SURROUNDINGS_ERRORS, *self.surroundings, *self.database)
        ) or _is_of_absent_driver(error):
            return FailureKind.SURROUNDINGS
        return FailureKind.TRANSIENT

    def is_doubtful(self, error: BaseException) -> bool:
        """Tell whether a failure that blames the surroundings may be the record's own.

        A refused connection speaks for itself, and so do the types of a service's other surroundings. A
        time-out does not: the record may ask for too much.
        """
        if isinstance(error, self.database):
            return True
        return not isinstance(error, self.surroundings) and any(
            isinstance(link, TimeoutError) for link in _chain(error)
        )


def _is_of_absent_driver(error: BaseException) -> bool:
    if getattr(error, "connection_invalidated", False):
        return True
    names = {f"{one.__module__}.{one.__qualname__}" for one in type(error).__mro__}
    return not SURROUNDINGS_NAMES.isdisjoint(names)


def _sqlstates(error: BaseException) -> Iterator[str]:
    """Yield what PostgreSQL said, wherever an adapter keeps it."""
    for link in _chain(error):
        for holder in (link, getattr(link, "orig", None)):
            sqlstate = getattr(holder, "sqlstate", None)
            if isinstance(sqlstate, str):
                yield sqlstate


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes."""
    seen: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in seen:
        seen.append(link)
        yield link
        link = link.__cause__


DESCRIPTION_LIMIT = 300


def describe_failure(error: BaseException) -> str:
    """Return an error in one line, without the parameters that database errors carry along."""
    told = getattr(error, "orig", None) or error
    first_line = next(iter(str(told).splitlines()), "")
    named = f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__
    return named[:DESCRIPTION_LIMIT].replace("\x00", "")
