"""What may be chosen, and where the chosen engines answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EngineChoice(StrEnum):
    """Where the engines come from."""

    EMBEDDED = "embedded"
    """Python packages only: real PostgreSQL, a broker in memory, emulators of DynamoDB and Cognito."""
    REAL = "real"
    """Apache Kafka and DynamoDB Local as JVM processes; PostgreSQL and Cognito as embedded."""
    DOCKER = "docker"
    """Containers."""
    ADDRESSES = "addresses"
    """Engines of your own, named by AUTODEAL_* variables."""


class EngineName(StrEnum):
    """An engine that a stack or test may need."""

    POSTGRES = "postgres"
    KAFKA = "kafka"
    DYNAMODB = "dynamodb"
    COGNITO = "cognito"


class EngineError(RuntimeError):
    """An engine cannot be had; the message says why in one line, or with the engine's last log lines."""


LOCAL_REGION = "sa-east-1"
LOCAL_ACCESS_KEY_ID = "autodeal"
LOCAL_SECRET_ACCESS_KEY = "autodeal"
"""Credentials of the emulators, which take any (DynamoDB Local: letters and digits only)."""


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """Addresses of the started engines; the address of an engine that nobody asked for is empty."""

    postgres_url: str = ""
    """`postgresql://user@host:port/database` of a role that may create databases."""
    kafka_bootstrap_servers: str = ""
    kafka_idempotent: bool = True
    """Whether the broker takes idempotent producers (the embedded one does not)."""
    dynamodb_url: str | None = None
    """None: the region's own DynamoDB of AWS."""
    cognito_url: str | None = None
    """None: the region's own Cognito of AWS."""
    aws_region: str = LOCAL_REGION
    aws_access_key_id: str = LOCAL_ACCESS_KEY_ID
    aws_secret_access_key: str = LOCAL_SECRET_ACCESS_KEY
