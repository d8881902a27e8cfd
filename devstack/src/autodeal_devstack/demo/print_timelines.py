"""The timeline of each purchase as a table that a person reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from rich.console import Console

    from autodeal_devstack.demo.endings import Ending
    from autodeal_devstack.demo.stage import Purchase

_LONG = {"pix_code", "boleto_line"}


@dataclass(frozen=True)
class Told:
    """An ending as it went: the purchase with its final order, or what went wrong."""

    ending: Ending
    seconds: float
    purchase: Purchase | None = None
    order: dict[str, Any] | None = None
    failure: str = ""


def print_timeline(console: Console, told: Told) -> None:
    """Print one ending."""
    mark = "[red]✗[/]" if told.failure else "[green]✓[/]"
    title = f"{mark} [bold]{told.ending.title}[/]"
    if told.order is not None:
        ids = f"order {told.order['id']}, vehicle {told.order['vehicle_id']}"
        title += f"  [dim]{ids}, {told.seconds:.1f} s[/]"
    console.print(title, highlight=False)
    if told.order is not None:
        console.print(_table(told.order))
    if told.purchase is not None:
        for note in told.purchase.notes:
            console.print(f"  [dim]· {note}[/]", highlight=False)
    if told.failure:
        console.print(f"  [red]{told.failure}[/]", highlight=False)
    console.print()


def _table(order: dict[str, Any]) -> Table:
    table = Table(box=None, padding=(0, 1), show_header=False, expand=True)
    table.add_column(justify="right", style="cyan", no_wrap=True, min_width=9)
    table.add_column(no_wrap=True, min_width=22)
    table.add_column(style="dim", overflow="fold", ratio=1)
    began = datetime.fromisoformat(order["timeline"][0]["at"])
    for entry in order["timeline"]:
        after = (datetime.fromisoformat(entry["at"]) - began).total_seconds()
        table.add_row(f"+{after:.3f} s", entry["event"], _detail(entry.get("detail") or {}))
    table.add_row("", f"[bold]{order['status']}[/]", f"R$ {order['price']:,.2f}")
    return table


def _detail(detail: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in detail.items() if value and name not in _LONG)
