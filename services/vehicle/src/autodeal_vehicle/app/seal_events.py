"""From the events of a change to envelopes that are ready for the outbox."""

from __future__ import annotations

from datetime import datetime

from autodeal_contracts.catalog import seal
from autodeal_contracts.envelope import Envelope
from autodeal_platform.telemetry import current_causation_id, current_traceparent
from autodeal_vehicle.app.surroundings import Surroundings
from autodeal_vehicle.domain.order import Change

SOURCE = "vehicle"


def seal_events(change: Change, now: datetime, surroundings: Surroundings) -> list[Envelope]:
    """Return a change's events, numbered as the order counts them and linked to what caused them."""
    first = change.order.event_sequence - len(change.events) + 1
    return [
        seal(
            event,
            event_id=surroundings.new_id(),
            source=SOURCE,
            time=now,
            sequence=sequence,
            causation_id=current_causation_id(),
            traceparent=current_traceparent(),
        )
        for sequence, event in enumerate(change.events, start=first)
    ]
