"""What becomes of a record that failed: the one place where the consumer asks."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Protocol

from aiokafka.structs import ConsumerRecord


class Verdict(enum.Enum):
    """What the consumer does with a record that failed."""

    RETRY = "retry"
    """Try it again after a growing delay; it holds its key meanwhile."""
    PAUSE = "pause"
    """The surroundings are away, so every record would fail: nothing begins before a growing delay has
    passed, and the attempt does not count against the record."""
    PARKED = "parked"
    """It is stored elsewhere, durably, and will be seen to there: here it counts as finished."""


class RecordFailures(Protocol):
    """Decides about records that failed, and takes over the later records of a key that is parked."""

    async def take_over(self, records: Sequence[ConsumerRecord]) -> Sequence[bool]:
        """Park each record whose key has parked ones, behind them; tell, in order, which were parked.

        Asked before every attempt, with a single record or with all those that are
        to share a commit; no two of them have the same topic and key. What it raises counts as a failure
        of every one of these records.
        """
        ...

    async def on_failure(self, record: ConsumerRecord, error: BaseException, attempts: int) -> Verdict:
        """Decide about a record that failed alone, in a transaction of its own.

        `attempts` counts the failures of this record since it was read, this one included, without
        those that were answered by PAUSE. PARKED promises that the record is stored. What it raises is
        treated as PAUSE.
        """
        ...


class RetryForever:
    """No record is ever parked: for a consumer whose service has nowhere to put it."""

    async def take_over(self, records: Sequence[ConsumerRecord]) -> Sequence[bool]:
        """Take over none."""
        return [False] * len(records)

    async def on_failure(self, record: ConsumerRecord, error: BaseException, attempts: int) -> Verdict:
        """Try again."""
        del record, error, attempts
        return Verdict.RETRY
