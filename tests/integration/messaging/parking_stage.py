"""What tests of records that fail stand on: a consumer that parks them, and a worker that replays them."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from tests.integration.messaging.consumer_stage import ConsumerStage, Handle

from autodeal_messaging.failure_kind import FailureKinds
from autodeal_messaging.parking.limits import ParkingLimits
from autodeal_messaging.parking.park_records import RecordParking
from autodeal_messaging.parking.port import ParkingStore
from autodeal_messaging.parking.replay import ReplayWorker

LIMITS = ParkingLimits(
    attempt_limit=2, retry_first_seconds=0.05, retry_maximum_seconds=0.1, poll_seconds=0.02, claim_seconds=2.0
)


@dataclass(frozen=True)
class ParkingStage(ConsumerStage):
    """A consumer's stage with a store for what fails."""

    store: ParkingStore
    kinds: FailureKinds = field(default_factory=FailureKinds)

    def consuming(self, handle: Handle, **options: Any) -> AbstractAsyncContextManager[asyncio.Task[None]]:
        """Consume while a block runs, and park what fails."""
        parking = RecordParking(self.store, self.kinds, limits=LIMITS)
        return super().consuming(handle, failures=parking, **options)

    def replaying(self, handle: Handle) -> AbstractAsyncContextManager[asyncio.Task[None]]:
        """Replay what is parked while a block runs."""
        return self.running(ReplayWorker(self.store, handle, self.kinds, limits=LIMITS).run)
