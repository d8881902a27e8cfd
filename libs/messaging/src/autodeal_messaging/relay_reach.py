"""Whether a relay gets anything to Kafka, or had better leave its shards to relays that do."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from aiokafka.errors import BrokerResponseError, RequestTimedOutError

from autodeal_messaging.backoff import Backoff
from autodeal_messaging.relay_round import RelayLimits, RelayRound

log = structlog.get_logger(__name__)


class KafkaReach:
    """What one relay knows of its way to Kafka.

    It cannot send once nothing got through for `give_up_seconds` after a first failure, and is given
    another chance when a new client finds Kafka. What Kafka itself refuses is no such failure, for other
    relays would be told the same.
    """

    def __init__(self, name: str, limits: RelayLimits, now: Callable[[], float]) -> None:
        self._name = name
        self._give_up_seconds = limits.give_up_seconds
        self._now = now
        self._failing_since: float | None = None
        self._pauses = Backoff(
            first_seconds=limits.aside_first_seconds, maximum_seconds=limits.aside_maximum_seconds
        )
        self.can_send = True

    def note_found(self) -> None:
        """Note that a new client found Kafka; whether records get through remains to be seen."""
        if not self.can_send:
            self.can_send = True
            self._failing_since = None
            log.info("relay.kafka_found_again", relay=self._name)

    def note_failure(self) -> None:
        """Note that a new client did not find Kafka, or was not let in, or that its sends failed."""
        if self._failing_since is None:
            self._failing_since = self._now()
        elif self.can_send and self._now() - self._failing_since >= self._give_up_seconds:
            self.can_send = False
            log.warning("relay.cannot_send", relay=self._name)

    def note_end_of(self, ended: RelayRound) -> None:
        """Note how a round went."""
        if ended.acknowledged_count:
            self._pauses.reset()
        if ended.acknowledged_count or ended.had_nothing_to_send or _is_answer(ended.failure):
            self._failing_since = None
        if ended.failure is not None and not _is_answer(ended.failure):
            self.note_failure()

    def next_pause_seconds(self) -> float:
        """Return how long to do without shards before Kafka is tried again."""
        return self._pauses.next_seconds()


def _is_answer(error: Exception | None) -> bool:
    # The client uses the broker's name for a time-out of its own, too.
    return isinstance(error, BrokerResponseError) and not isinstance(error, RequestTimedOutError)
