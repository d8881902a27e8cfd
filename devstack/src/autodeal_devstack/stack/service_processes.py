"""The processes of the platform: what each is started with, and where it listens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

GATEWAY = "gateway-serve"
SANDBOX = "sandbox"
COMMANDS: dict[str, tuple[str, ...]] = {
    "vehicle-serve": ("autodeal_vehicle", "serve"),
    "vehicle-work": ("autodeal_vehicle", "work"),
    "payment-serve": ("autodeal_payment", "serve"),
    "payment-work": ("autodeal_payment", "work"),
    GATEWAY: ("autodeal_gateway", "serve"),
    SANDBOX: ("autodeal_devstack.sandbox",),
}
"""The module and arguments of each process, by its name."""
MIGRATIONS: dict[str, tuple[str, ...]] = {
    "vehicle-migrate": ("autodeal_vehicle", "migrate"),
    "payment-migrate": ("autodeal_payment", "migrate"),
}
"""What runs to its end before the services start."""
Overrides = Mapping[str, Mapping[str, str]]
"""Further variables, by process (`vehicle-work`) or by service (`vehicle`)."""


@dataclass(frozen=True)
class Addresses:
    """The port of each process on 127.0.0.1."""

    ports: Mapping[str, int]

    def url(self, name: str) -> str:
        """Return where a process answers."""
        return f"http://127.0.0.1:{self.ports[name]}"


def overridden(name: str, environment: Mapping[str, str], overrides: Overrides) -> dict[str, str]:
    """Return the environment of a process with what its service's and its own overrides say."""
    service = name.partition("-")[0]
    return {**environment, **overrides.get(service, {}), **overrides.get(name, {})}
