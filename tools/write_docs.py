"""Write the generated parts of the documents and charts: `python tools/write_docs.py [--check]`.

A generated part stands between `<!-- generated: NAME -->` and `<!-- end -->`; the rest of the page
is written by people.
"""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from autodeal_contracts.saga import PAYMENT_SAGA, VEHICLE_SAGA
from autodeal_contracts.saga_diagram import choreography_diagram, order_diagram, payment_diagram
from autodeal_platform.settings import describe_settings

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "docs" / "saga.md", ROOT / "docs" / "settings.md")
PART = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> int:
    """Write the pages anew; with --check, only say which are stale."""
    check = "--check" in sys.argv[1:]
    stale = 0
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        fresh = PART.sub(lambda part: part[1] + PARTS[part["name"]]() + part[3], text)
        if fresh == text:
            continue
        stale += 1
        if check:
            sys.stderr.write(f"stale: {page.relative_to(ROOT)} (make docs)\n")
        else:
            page.write_text(fresh, encoding="utf-8")
    charts = subprocess.run([sys.executable, ROOT / "tools" / "write_charts.py", *sys.argv[1:]], check=False)
    return 1 if check and (stale or charts.returncode) else 0


def mermaid(draw: Callable[[], str]) -> str:
    """Wrap a diagram so that a forge draws it."""
    return f"\n```mermaid\n{draw()}\n```\n\n"


def vehicle_table() -> str:
    """Return the vehicle service's rows of the saga."""
    rows = [
        (
            _trigger(row.trigger, row.condition),
            ", ".join(row.when) or "no order yet",
            row.then or "as it was",
            row.vehicle or "as it was",
            ", ".join(f"`{event}`" for event in row.emits),
            row.note,
        )
        for row in VEHICLE_SAGA
    ]
    return _table(("when", "order is", "order becomes", "vehicle becomes", "says", ""), rows)


def payment_table() -> str:
    """Return the payment service's rows of the saga."""
    rows = [
        (
            _trigger(row.trigger, row.condition),
            ", ".join(row.when) or "no payment yet",
            "any" if len(row.sale) == 4 else ", ".join(row.sale),  # noqa: PLR2004 - all four standings
            row.then or "as the provider answers",
            row.calls,
            ", ".join(f"`{event}`" for event in row.emits),
            row.note,
        )
        for row in PAYMENT_SAGA
    ]
    return _table(("when", "payment is", "sale is", "payment becomes", "asks the provider", "says", ""), rows)


def _trigger(trigger: str, condition: str) -> str:
    return f"`{trigger}`" + (f" ({condition.replace('_', ' ')})" if condition else "")


def settings_table(service: str) -> Callable[[], str]:
    """Return a writer of one service's settings."""

    def write() -> str:
        settings = importlib.import_module(f"autodeal_{service}.settings").Settings
        rows = [
            (
                f"`{field.env}`",
                field.type,
                "required" if field.default is None else f"`{field.default}`" if field.default else "none",
                " ".join(field.doc.split()),
            )
            for field in describe_settings(settings)
        ]
        return _table(("variable", "type", "default", "meaning"), rows)

    return write


def make_targets() -> str:
    """Return what `make help` prints."""
    run = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    return f"\n```\n{run.stdout.rstrip()}\n```\n\n"


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n" + "\n".join(lines) + "\n\n"


PARTS: dict[str, Callable[[], str]] = {
    "choreography": lambda: mermaid(choreography_diagram),
    "order-states": lambda: mermaid(order_diagram),
    "payment-states": lambda: mermaid(payment_diagram),
    "vehicle-saga": vehicle_table,
    "payment-saga": payment_table,
    "settings-vehicle": settings_table("vehicle"),
    "settings-payment": settings_table("payment"),
    "settings-gateway": settings_table("gateway"),
    "make-targets": make_targets,
}

if __name__ == "__main__":
    sys.exit(main())
