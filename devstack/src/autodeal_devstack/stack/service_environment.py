"""The environment of each process: all the settings that a service needs to find its neighbours."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from autodeal_devstack.engines.describe_kafka import kafka_environment
from autodeal_devstack.engines.endpoints import Endpoints
from autodeal_devstack.engines.engine import plain_environment
from autodeal_devstack.stack.service_processes import GATEWAY, SANDBOX, Addresses

DYNAMODB_TABLE = "autodeal-payment"
DRAIN_TIMEOUT_SECONDS = "3"
"""Shorter than in production: whoever presses Ctrl-C waits for it."""


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """What the services and the provider share; drawn anew for each stack."""

    provider_token: str = field(default_factory=lambda: f"TEST-{secrets.token_hex(16)}")
    webhook_secret: str = field(default_factory=lambda: secrets.token_hex(32))


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """All that the settings of the services are made from."""

    endpoints: Endpoints
    addresses: Addresses
    database_url: str
    user_pool_id: str
    client_id: str
    issuer: str
    jwks_url: str
    secrets: Secrets = field(default_factory=Secrets)

    def environment(self, name: str) -> dict[str, str]:
        """Return the environment of a process or migration by its name."""
        makers = {
            "vehicle": self._vehicle,
            "payment": self._payment,
            "gateway": self._gateway,
            "sandbox": self._sandbox,
        }
        own = makers[name.partition("-")[0]]()
        port = {"HTTP_PORT": str(self.addresses.ports[name])} if name in self.addresses.ports else {}
        return {**self._shared(), **own, **port}

    def _shared(self) -> dict[str, str]:
        return {
            **aws_environment(self.endpoints, os.environ),
            **plain_environment(),
            **kafka_environment(self.endpoints),
            "PYTHONUNBUFFERED": "1",
            "HTTP_HOST": "127.0.0.1",
            "HTTP_DRAIN_TIMEOUT_SECONDS": DRAIN_TIMEOUT_SECONDS,
            "COGNITO_ISSUER": self.issuer,
            "COGNITO_CLIENT_ID": self.client_id,
            "COGNITO_JWKS_URL": self.jwks_url,
            "COGNITO_USER_POOL_ID": self.user_pool_id,
            **optional("COGNITO_ENDPOINT_URL", self.endpoints.cognito_url),
        }

    def _vehicle(self) -> dict[str, str]:
        return {"DATABASE_URL": self.database_url, "KAFKA_CLIENT_ID": "vehicle"}

    def _payment(self) -> dict[str, str]:
        return {
            "KAFKA_CLIENT_ID": "payment",
            "DYNAMODB_TABLE": DYNAMODB_TABLE,
            **optional("DYNAMODB_ENDPOINT_URL", self.endpoints.dynamodb_url),
            "MERCADO_PAGO_URL": self.addresses.url(SANDBOX),
            "MERCADO_PAGO_ACCESS_TOKEN": self.secrets.provider_token,
            "MERCADO_PAGO_NOTIFICATION_URL": self._webhook_url,
        }

    def _gateway(self) -> dict[str, str]:
        return {
            "KAFKA_CLIENT_ID": "gateway",
            "VEHICLE_URL": self.addresses.url("vehicle-serve"),
            "PAYMENT_URL": self.addresses.url("payment-serve"),
            "WEBHOOK_SECRET": self.secrets.webhook_secret,
        }

    def _sandbox(self) -> dict[str, str]:
        return {
            "SANDBOX_ACCESS_TOKEN": self.secrets.provider_token,
            "SANDBOX_WEBHOOK_SECRET": self.secrets.webhook_secret,
            "SANDBOX_WEBHOOK_URL": self._webhook_url,
        }

    @property
    def _webhook_url(self) -> str:
        return f"{self.addresses.url(GATEWAY)}/webhook"


def aws_environment(endpoints: Endpoints, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what an AWS SDK needs: emulators take made-up keys, AWS itself the caller's own variables."""
    local = {
        "AWS_REGION": endpoints.aws_region,
        "AWS_DEFAULT_REGION": endpoints.aws_region,
        "AWS_ACCESS_KEY_ID": endpoints.aws_access_key_id,
        "AWS_SECRET_ACCESS_KEY": endpoints.aws_secret_access_key,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    if endpoints.dynamodb_url and endpoints.cognito_url:
        return local
    return {name: value for name, value in environ.items() if name.startswith("AWS_")} | {
        "AWS_REGION": endpoints.aws_region
    }


def optional(name: str, value: str | None) -> dict[str, str]:
    """Return the variable, or nothing when there is no value."""
    return {} if value is None else {name: value}
