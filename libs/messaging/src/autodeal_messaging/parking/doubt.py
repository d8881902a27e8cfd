"""Whether the surroundings are really away: a record that always times out would say so for ever."""

from __future__ import annotations

import asyncio

import structlog

from autodeal_messaging.failure_kind import FailureKind, FailureKinds
from autodeal_messaging.parking.port import ParkingStore

log = structlog.get_logger(__name__)

PROBE_TIMEOUT_SECONDS = 1.0
"""A database that takes longer for one look-up by key is as good as away."""
_NOBODY = ("", "")
"""A topic and key that no record has."""


async def kind_after_doubt(kinds: FailureKinds, error: BaseException, store: ParkingStore) -> FailureKind:
    """Return what a failure says about its record.

    Where it blames the surroundings and may be wrong, the database is asked a small thing. Parked records
    are kept where the handler's effects are, so an answer means that it is the record that failed, and
    that its attempt counts. Silence means that all would fail, and that the record could not be parked.
    """
    kind = kinds.of(error)
    if kind is FailureKind.SURROUNDINGS and kinds.is_doubtful(error) and await _answers(store):
        return FailureKind.TRANSIENT
    return kind


async def _answers(store: ParkingStore) -> bool:
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
            await store.parked_among([_NOBODY])
    except Exception as error:  # noqa: BLE001  # whatever it is, it is no answer
        log.info("surroundings.away", group=store.group, error=repr(error))
        return False
    return True
