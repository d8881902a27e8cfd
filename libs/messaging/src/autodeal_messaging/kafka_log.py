"""The Kafka client's own log lines: while a broker is away it repeats the same few ten times a second."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from autodeal_messaging.backoff import worth_logging

QUIET_SECONDS = 60.0
"""A line that was not repeated for this long counts as new."""
MAXIMUM_TEXTS = 1_000
"""How many texts are remembered at most."""
_LOGGERS = (
    "aiokafka",
    "aiokafka.cluster",
    "aiokafka.conn",
    "aiokafka.consumer.consumer",
    "aiokafka.consumer.fetcher",
    "aiokafka.consumer.group_coordinator",
    "aiokafka.producer.producer",
    "aiokafka.producer.sender",
)


@dataclass(slots=True)
class _Repeats:
    count: int
    seen_at: float


class RepeatedLines(logging.Filter):
    """Lets the 1st, 2nd, 4th, 8th … of lines with one text through; what they are about may differ."""

    def __init__(self) -> None:
        super().__init__()
        self._repeats: dict[object, _Repeats] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a line is worth it."""
        now = time.monotonic()
        if len(self._repeats) >= MAXIMUM_TEXTS:
            self._repeats.clear()
        repeats = self._repeats.setdefault(record.msg, _Repeats(0, now))
        if now - repeats.seen_at > QUIET_SECONDS:
            repeats.count = 0
        repeats.count += 1
        repeats.seen_at = now
        return worth_logging(repeats.count)


def limit_repeated_lines() -> None:
    """Put the limit on the client's loggers, once."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(each, RepeatedLines) for each in logger.filters):
            logger.addFilter(RepeatedLines())
