"""An inbox in memory."""

from __future__ import annotations

from autodeal_messaging.metrics import count_inbox_duplicate


class MemoryInbox:
    """The events each consumer has handled."""

    def __init__(self) -> None:
        self.handled: set[tuple[str, str]] = set()

    def claim(self, consumer: str, event_id: str) -> bool:
        """Claim an event; False when it was handled before."""
        if (consumer, event_id) in self.handled:
            count_inbox_duplicate(consumer)
            return False
        self.handled.add((consumer, event_id))
        return True

    def forget(self, consumer: str, event_id: str) -> None:
        """Undo a claim, as a rollback does."""
        self.handled.discard((consumer, event_id))
