"""One commit for many records: a disk write takes as long for a hundred of them as for one."""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog
from aiokafka.structs import ConsumerRecord

log = structlog.get_logger(__name__)

BringTogether = Callable[[Sequence[ConsumerRecord]], Awaitable[None]]
"""Brings records of different keys into effect in one transaction: all of them, or, raising, none."""

SIDE_BY_SIDE = 2
"""Commits under way at a time: while one is written to the disk, another is prepared."""


class Outcome(enum.Enum):
    """How a record fared among others."""

    DONE = "done"
    FAILED = "failed"
    """One of them failed, so none took effect: the record has to be tried on its own."""
    GIVEN_UP = "given up"
    """Its partition was given up before it was its turn."""


@dataclass(eq=False, slots=True)
class _Passenger:
    record: ConsumerRecord
    closing: asyncio.Event
    outcome: asyncio.Future[Outcome]
    commit: asyncio.Task[None] | None = field(default=None)


class SharedCommit:
    """Gathers the records that are ready while earlier ones are committed; it waits for no others.

    So a quiet consumer commits each record as it comes, and a busy one up to `maximum_records` at a
    time. No commit holds two records of one key.
    """

    def __init__(self, bring: BringTogether, maximum_records: int) -> None:
        self._bring = bring
        self._maximum_records = maximum_records
        self._waiting: deque[_Passenger] = deque()
        self._commits: set[asyncio.Task[None]] = set()

    async def attempt(self, record: ConsumerRecord, closing: asyncio.Event) -> Outcome:
        """Bring a record into effect with whatever others are ready."""
        passenger = _Passenger(record, closing, asyncio.get_running_loop().create_future())
        self._waiting.append(passenger)
        self._depart()
        try:
            return await passenger.outcome
        except asyncio.CancelledError:
            # It took too long for its partition's next owner to wait: nothing of it may go on here.
            # The others, if they have time left, begin again on their own.
            if passenger.commit is not None and not passenger.commit.done():
                passenger.commit.cancel()
                await asyncio.wait({passenger.commit})
            raise

    def _depart(self) -> None:
        if self._waiting and len(self._commits) < SIDE_BY_SIDE:
            commit = asyncio.create_task(self._run())
            self._commits.add(commit)
            commit.add_done_callback(self._arrive)

    def _arrive(self, commit: asyncio.Task[None]) -> None:
        self._commits.discard(commit)
        self._depart()

    async def _run(self) -> None:
        # This began one turn of the event loop after the first of them was ready, so all that were
        # read together, and the next records of keys that have just been committed, are here by now.
        passengers = self._board()
        if not passengers:
            return
        outcome = Outcome.FAILED
        try:
            await self._bring([passenger.record for passenger in passengers])
            outcome = Outcome.DONE
        except Exception as error:  # noqa: BLE001  # each tells its own reason when it is tried alone
            log.info("commit.unshared", records=len(passengers), error=repr(error))
        finally:
            _settle(passengers, outcome)

    def _board(self) -> list[_Passenger]:
        """Take those whose turn it is; a second record of a key, from another topic, waits for the next."""
        passengers: list[_Passenger] = []
        left: list[_Passenger] = []
        keys: set[bytes | None] = set()
        while self._waiting and len(passengers) < self._maximum_records:
            passenger = self._waiting.popleft()
            if passenger.outcome.done():
                continue
            if passenger.closing.is_set():
                _settle([passenger], Outcome.GIVEN_UP)
            elif passenger.record.key in keys:
                left.append(passenger)
            else:
                keys.add(passenger.record.key)
                passenger.commit = asyncio.current_task()
                passengers.append(passenger)
        self._waiting.extendleft(reversed(left))
        return passengers


def _settle(passengers: Sequence[_Passenger], outcome: Outcome) -> None:
    for passenger in passengers:
        if not passenger.outcome.done():
            passenger.outcome.set_result(outcome)
