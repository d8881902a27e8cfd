"""Engines of somebody else, named by the environment."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace

from autodeal_devstack.engines.endpoints import (
    LOCAL_ACCESS_KEY_ID,
    LOCAL_REGION,
    LOCAL_SECRET_ACCESS_KEY,
    Endpoints,
    EngineError,
    EngineName,
)
from autodeal_devstack.engines.engine import Engine, EngineProcess, EngineRoom
from autodeal_devstack.engines.probes import probe_cognito, probe_dynamodb, probe_kafka, probe_postgres

VARIABLES = {
    EngineName.POSTGRES: "AUTODEAL_POSTGRES_URL",
    EngineName.KAFKA: "AUTODEAL_KAFKA",
    EngineName.DYNAMODB: "AUTODEAL_DYNAMODB",
    EngineName.COGNITO: "AUTODEAL_COGNITO",
}
"""A PostgreSQL URL of a role that may create databases, Kafka's bootstrap servers, two HTTP URLs."""
IDEMPOTENT_VARIABLE = "AUTODEAL_KAFKA_IDEMPOTENT"
PROBES: dict[EngineName, Callable[[str], Awaitable[None]]] = {
    EngineName.POSTGRES: probe_postgres,
    EngineName.KAFKA: probe_kafka,
    EngineName.DYNAMODB: probe_dynamodb,
    EngineName.COGNITO: probe_cognito,
}


@dataclass(frozen=True)
class AddressedEngine:
    """An engine that runs elsewhere: it is probed, but never stopped, killed or restarted."""

    name: EngineName
    environment: Mapping[str, str]

    async def start(self) -> None:
        """See that it answers."""
        try:
            await PROBES[self.name](self._address)
        except Exception as error:
            raise EngineError(f"{VARIABLES[self.name]}={self._shown} does not answer: {error}") from error

    async def stop(self) -> None:
        """Leave it alone."""

    async def kill(self) -> None:
        """Refuse."""
        raise EngineError(f"{self.name} runs elsewhere and is not killed from here")

    async def restart(self) -> None:
        """Refuse."""
        raise EngineError(f"{self.name} runs elsewhere and is not restarted from here")

    def locate(self, endpoints: Endpoints) -> Endpoints:
        """Fill in what the environment says."""
        found = replace(
            endpoints,
            aws_region=self.environment.get("AWS_REGION", LOCAL_REGION),
            aws_access_key_id=self.environment.get("AWS_ACCESS_KEY_ID", LOCAL_ACCESS_KEY_ID),
            aws_secret_access_key=self.environment.get("AWS_SECRET_ACCESS_KEY", LOCAL_SECRET_ACCESS_KEY),
        )
        match self.name:
            case EngineName.POSTGRES:
                return replace(found, postgres_url=self._address)
            case EngineName.KAFKA:
                idempotent = self.environment.get(IDEMPOTENT_VARIABLE, "true").lower() != "false"
                return replace(found, kafka_bootstrap_servers=self._address, kafka_idempotent=idempotent)
            case EngineName.DYNAMODB:
                return replace(found, dynamodb_url=self._address)
            case EngineName.COGNITO:
                return replace(found, cognito_url=self._address)

    def describe(self) -> EngineProcess:
        """Return nothing: it is somebody else's."""
        return EngineProcess(pid=None, port=None)

    @property
    def _address(self) -> str:
        return self.environment[VARIABLES[self.name]]

    @property
    def _shown(self) -> str:
        """The address without the password that it may contain."""
        return self._address.rpartition("@")[2]


def addressed_engines(_room: EngineRoom, need: Collection[EngineName]) -> dict[str, Engine]:
    """Return what the environment names. Raises EngineError when something needed has no address."""
    missing = [VARIABLES[name] for name in EngineName if name in need and not os.environ.get(VARIABLES[name])]
    if missing:
        raise EngineError(f"ENGINES=addresses needs {', '.join(missing)}")
    return {str(name): AddressedEngine(name, os.environ) for name in need}
