"""What a load of purchases saw."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import msgspec

SERVER_ERROR = 500
SHOWN_PROBLEMS = 20


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How a load went; printed as one line of JSON."""

    begun: int
    """Purchases that somebody asked for."""
    sold: int
    """Those that ended sold."""
    lost: int
    """Those that ended otherwise, or not at all."""
    answers: dict[str, int]
    """Answers by status."""
    server_errors: int
    """Answers of 500 and above."""
    broken_connections: int
    """Requests that got no answer and were sent again."""
    slowest_answer_ms: int
    longest_purchase_ms: int
    problems: list[str]
    """The first of what went wrong, in words."""

    @property
    def is_clean(self) -> bool:
        """Tell whether every purchase was sold and nobody saw an error of the server's."""
        return self.begun > 0 and self.lost == 0 and self.server_errors == 0


@dataclass
class Tally:
    """Counts while the load runs."""

    begun: int = 0
    sold: int = 0
    ended: int = 0
    broken_connections: int = 0
    slowest_answer_ms: int = 0
    longest_purchase_ms: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def note(self, problem: str) -> None:
        """Keep the first problems."""
        if len(self.problems) < SHOWN_PROBLEMS:
            self.problems.append(problem)

    def report(self) -> Report:
        """Return what was seen up to now; purchases under way count as neither sold nor lost."""
        return Report(
            begun=self.begun,
            sold=self.sold,
            lost=self.ended - self.sold,
            answers={str(status): count for status, count in sorted(self.answers.items())},
            server_errors=sum(count for status, count in self.answers.items() if status >= SERVER_ERROR),
            broken_connections=self.broken_connections,
            slowest_answer_ms=self.slowest_answer_ms,
            longest_purchase_ms=self.longest_purchase_ms,
            problems=list(self.problems),
        )
