"""The table in `docs/scaling.md` of what one process does, out of the stored results."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "scaling.md"
PART = re.compile(r"(<!-- measured: processes -->\n).*?(<!-- end -->)", re.DOTALL)
ROWS = (
    (
        "beginning sales through the gateway: gateway, vehicle, PostgreSQL, broker and load together",
        "sales through the gateway, 32 clients",
    ),
    ("the sale's transaction alone, one process", "sale transaction, 32 clients"),
    (
        "Kafka to PostgreSQL with inbox, one process",
        "Kafka to PostgreSQL, inbox and one update an event, one process",
    ),
    ("relay from PostgreSQL, one process", "PostgreSQL outbox to Kafka, 1 relay"),
    (
        "relay from DynamoDB; its events a second say nothing, for DynamoDB Local is slow",
        "DynamoDB outbox to Kafka, one relay",
    ),
    (
        "deadlines of PostgreSQL due at once, by 1, 2 and 4 workers",
        "5,000 deadlines due at once, 1,000,000 others waiting",
    ),
)
"""Each row's words, and the name of its measurement."""


def process_table(stored: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the table."""
    lines = ["", "| what | measured |", "|---|---|"]
    lines += [f"| {words} | {stored[name]['figure']} |" for words, name in ROWS if name in stored]
    return "\n".join(lines) + "\n\n"


def write_process_table(stored: Mapping[str, Mapping[str, Any]]) -> None:
    """Put the table into the page."""
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(PART.sub(lambda part: part[1] + process_table(stored) + part[2], text), encoding="utf-8")
