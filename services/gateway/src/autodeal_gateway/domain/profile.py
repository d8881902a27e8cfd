"""A registered person, as the identity provider keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from autodeal_gateway.domain.address import Address
from autodeal_gateway.domain.check_cpf import Cpf


@dataclass(frozen=True, kw_only=True, repr=False)
class Profile:
    """Who a subject id is. Personal data: it has no repr that could reach a log.

    People registered by other means, an administrator for one, may lack what registration demands.
    """

    subject: str
    email: str
    first_name: str | None
    last_name: str | None
    cpf: Cpf | None
    address: Address | None
    terms_accepted_at: datetime | None
