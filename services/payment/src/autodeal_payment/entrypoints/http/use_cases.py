"""What the routes call."""

from __future__ import annotations

from dataclasses import dataclass

from autodeal_payment.app.choose_payment import ChoosePayment
from autodeal_payment.app.find_payments import FindPayments


@dataclass(frozen=True)
class UseCases:
    """The use cases behind the routes."""

    choose_payment: ChoosePayment
    find_payments: FindPayments
