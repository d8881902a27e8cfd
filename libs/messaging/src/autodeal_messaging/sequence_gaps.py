"""Noticing that an event is missing: each carries its aggregate's own count."""

from __future__ import annotations

import structlog
from aiokafka.structs import ConsumerRecord

from autodeal_messaging.metrics import SEQUENCE_GAPS

log = structlog.get_logger(__name__)

KEYS_REMEMBERED = 4_096
"""Keys of one partition whose last count is remembered; the one unheard of for longest is forgotten."""
LONGEST_KEY_BYTES = 256
"""Longer keys are not watched, so that the memory this takes has a bound."""
_SEQUENCE = "ce_sequence"


class SequenceWatch:
    """Compares each record's `ce_sequence` with the last one of its key, for one assignment of a partition.

    It never guesses: what comes first of a key after a start, a rebalance or being forgotten is taken as
    it is, repeats are no gap, and so is a count that is not there or not positive, which means
    "not counted". An event that an operator discarded, or that was lost, is a gap, told once.
    """

    def __init__(self, group: str, *, keys_remembered: int = KEYS_REMEMBERED) -> None:
        self._group = group
        self._keys_remembered = keys_remembered
        self._last: dict[bytes, int] = {}

    def note(self, record: ConsumerRecord) -> None:
        """Take a record into account; those of one key come in the order of their offsets."""
        key = record.key
        sequence = _sequence_of(record)
        if key is None or sequence is None or len(key) > LONGEST_KEY_BYTES:
            return
        last = self._last.pop(key, None)
        if last is not None and sequence > last + 1:
            SEQUENCE_GAPS.labels(self._group, record.topic).inc()
            log.error(
                "consumer.sequence_gap",
                group=self._group,
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                missing=sequence - last - 1,
            )
        # Put last, so that the first one is always the one unheard of for longest.
        self._last[key] = sequence if last is None else max(last, sequence)
        if len(self._last) > self._keys_remembered:
            del self._last[next(iter(self._last))]


def _sequence_of(record: ConsumerRecord) -> int | None:
    for name, value in record.headers:
        if name == _SEQUENCE:
            try:
                found = int(value)
            except (TypeError, ValueError):
                return None
            return found if found > 0 else None
    return None
