"""Alarms as log lines and a counter, which monitoring turns into a call."""

from __future__ import annotations

from prometheus_client import Counter

from autodeal_platform.logs import get_logger
from autodeal_vehicle.domain.order import Alarm

_log = get_logger(__name__)
_alarms = Counter("vehicle_alarms", "Orders that a person must look at.", ["alarm"])
for _alarm in Alarm:  # an alert sees nothing when a counter is born at one
    _alarms.labels(alarm=_alarm.value)


class LoggedAlarms:
    """Implements Alarms."""

    def raise_alarm(self, alarm: Alarm, order_id: int) -> None:
        """Log an error and count it."""
        _alarms.labels(alarm=alarm.value).inc()
        _log.error(f"alarm.{alarm.value}", order_id=order_id)
