"""The saga table as Mermaid diagrams, for the README."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodeal_contracts.saga import PAYMENT_SAGA, VEHICLE_SAGA

if TYPE_CHECKING:
    from collections.abc import Iterable


def order_diagram() -> str:
    """Return the order's state machine: every row that moves an order."""
    lines = ["stateDiagram-v2", "    direction LR"]
    edges: dict[tuple[str, str], list[str]] = {}
    for row in VEHICLE_SAGA:
        if row.then is None:
            continue
        for before in row.when or ("[*]",):
            edges.setdefault((str(before), str(row.then)), []).append(row.trigger)
    return "\n".join([*lines, *_edges(edges)])


def payment_diagram() -> str:
    """Return the payment's state machine: every row that moves a payment."""
    lines = ["stateDiagram-v2", "    direction LR"]
    edges: dict[tuple[str, str], list[str]] = {}
    for row in PAYMENT_SAGA:
        if row.then is None:
            continue
        for before in row.when or ("[*]",):
            edges.setdefault((str(before), str(row.then)), []).append(row.trigger)
    return "\n".join([*lines, *_edges(edges)])


def choreography_diagram() -> str:
    """Return who says what to whom: each event from its producer to the reaction it brings about."""
    lines = ["flowchart LR"]
    lines += [
        "    buyer([buyer, admin, clock])",
        "    provider([payment provider])",
        "    vehicle[vehicle<br/>orders and cars]",
        "    payment[payment<br/>money]",
        "    gateway[gateway]",
    ]
    acts = sorted({row.trigger for row in VEHICLE_SAGA if not row.trigger.startswith("payment.")})
    lines.append(f'    buyer -- "{"<br/>".join(acts)}" --> vehicle')
    said = sorted({event for row in VEHICLE_SAGA for event in row.emits})
    lines.append(f'    vehicle == "{"<br/>".join(said)}" ==> payment')
    answered = sorted({event for row in PAYMENT_SAGA for event in row.emits})
    lines.append(f'    payment == "{"<br/>".join(answered)}" ==> vehicle')
    lines += [
        '    payment -- "create, find, get,<br/>cancel, refund" --> provider',
        '    provider -- "webhook" --> gateway',
        '    gateway == "notification.received" ==> payment',
    ]
    return "\n".join(lines)


def _edges(edges: dict[tuple[str, str], list[str]]) -> Iterable[str]:
    for (before, after), triggers in edges.items():
        yield f"    {before} --> {after}: {', '.join(dict.fromkeys(triggers))}"
