"""Deadlines in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from autodeal_messaging.deadlines import Deadline


class MemoryDeadlineStore:
    """Deadlines by kind and subject."""

    def __init__(self) -> None:
        self.deadlines: dict[tuple[str, str], datetime] = {}

    def schedule(self, kind: str, subject: str, due_at: datetime) -> None:
        """Set a deadline, moving an earlier one."""
        self.deadlines[kind, subject] = due_at

    def cancel(self, kind: str, subject: str) -> None:
        """Remove a deadline; one that is not there is no error."""
        self.deadlines.pop((kind, subject), None)

    def claim(self, kind: str, subject: str, due_at: datetime) -> bool:
        """Take a deadline; False when it was cancelled, moved or taken."""
        if self.deadlines.get((kind, subject)) != due_at:
            return False
        del self.deadlines[kind, subject]
        return True

    async def earliest(self, *, before: datetime, limit: int) -> Sequence[Deadline]:
        """Return deadlines due by then, the soonest first."""
        found = sorted(
            Deadline(due_at=due_at, kind=kind, subject=subject)
            for (kind, subject), due_at in self.deadlines.items()
            if due_at <= before
        )
        return found[:limit]
