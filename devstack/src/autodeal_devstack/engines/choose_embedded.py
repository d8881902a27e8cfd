"""The engines that Python packages bring."""

from __future__ import annotations

from collections.abc import Collection

from autodeal_devstack.engines.aws_embedded import EmbeddedAws
from autodeal_devstack.engines.endpoints import EngineName
from autodeal_devstack.engines.engine import Engine, EngineRoom
from autodeal_devstack.engines.kafka_embedded import EmbeddedKafka
from autodeal_devstack.engines.postgres_embedded import EmbeddedPostgres


def embedded_engines(room: EngineRoom, need: Collection[EngineName]) -> dict[str, Engine]:
    """Return what is needed; DynamoDB and Cognito share a process when both are."""
    engines: dict[str, Engine] = {}
    if EngineName.POSTGRES in need:
        engines["postgres"] = EmbeddedPostgres(room.for_engine("postgres"))
    if EngineName.KAFKA in need:
        engines["kafka"] = EmbeddedKafka(room.for_engine("kafka"))
    dynamodb, cognito = EngineName.DYNAMODB in need, EngineName.COGNITO in need
    if dynamodb or cognito:
        engines["aws"] = EmbeddedAws(room.for_engine("aws"), dynamodb=dynamodb, cognito=cognito)
    return engines
