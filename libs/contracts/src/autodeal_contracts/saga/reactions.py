"""What a row of the saga table says."""

from __future__ import annotations

from dataclasses import dataclass

from autodeal_contracts.saga.states import OrderState, PaymentState, SaleStanding, VehicleState


@dataclass(frozen=True, kw_only=True)
class VehicleReaction:
    """One row of the vehicle service: on this trigger, an order in these states ends in that one."""

    trigger: str
    """An event type, or an act: `buyer.initialize_sale`, `clock.deadline_passed`, …"""
    when: tuple[OrderState, ...]
    """The states in which the row applies; empty when there is no order yet."""
    then: OrderState | None
    """The state afterwards; None when it stays as it is."""
    vehicle: VehicleState | None = None
    """What the vehicle becomes; None when it stays as it is."""
    emits: tuple[str, ...] = ()
    condition: str = ""
    """What else must hold for this row rather than its neighbour, by a name the tests know."""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class PaymentReaction:
    """One row of the payment service: on this trigger, a payment in these states ends in that one."""

    trigger: str
    """An event type, an act, or what the provider was found to say: `provider.approved`, …"""
    when: tuple[PaymentState, ...]
    """The states in which the row applies; empty when there is no payment yet."""
    then: PaymentState | None
    """The state afterwards; None when it stays as it is."""
    sale: tuple[SaleStanding, ...] = tuple(SaleStanding)
    """The standings of the order for which the row applies."""
    calls: str = ""
    """The call to the provider that the reaction brings about."""
    emits: tuple[str, ...] = ()
    condition: str = ""
    """What else must hold for this row rather than its neighbour, by a name the tests know."""
    note: str = ""
