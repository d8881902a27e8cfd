"""One result, as it is stored and shown."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A figure beside its limit or peer, both taken in the same run."""

    name: str
    figure: str
    """What was reached, with its unit."""
    beside: str
    """The limit or peer and what it reached."""
    ratio: float
    wanted: str
    """The ratio to reach, in words."""
    runs: dict[str, list[float]] = field(default_factory=dict)
    """Every single run behind the medians."""
