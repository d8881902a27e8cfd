"""What falls due, one deadline at a time."""

from __future__ import annotations

from datetime import datetime

from autodeal_messaging.deadlines import DeadlineHandler
from autodeal_platform.logs import get_logger
from autodeal_platform.telemetry import bind_purchase, new_traceparent
from autodeal_vehicle.app.expire_order import ExpireOrder

_log = get_logger(__name__)


def sale_deadline_handler(expire_order: ExpireOrder) -> DeadlineHandler:
    """Return the worker's handler; orders have one kind of deadline."""

    async def handle_deadline(kind: str, subject: str, due_at: datetime) -> None:
        with bind_purchase(correlation_id=subject, traceparent=new_traceparent()):
            await expire_order(int(subject), due_at)
            _log.info("deadline.handled", kind=kind)

    return handle_deadline
