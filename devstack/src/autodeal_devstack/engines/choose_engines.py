"""Which engines serve what is needed, by choice."""

from __future__ import annotations

from collections.abc import Callable, Collection

from autodeal_devstack.engines.addresses import addressed_engines
from autodeal_devstack.engines.aws_embedded import EmbeddedAws
from autodeal_devstack.engines.docker_engines import docker_engines
from autodeal_devstack.engines.dynamodb_real import RealDynamoDb
from autodeal_devstack.engines.endpoints import EngineChoice, EngineName
from autodeal_devstack.engines.engine import Engine, EngineRoom
from autodeal_devstack.engines.kafka_embedded import EmbeddedKafka
from autodeal_devstack.engines.kafka_real import RealKafka
from autodeal_devstack.engines.postgres_embedded import EmbeddedPostgres


def embedded_engines(room: EngineRoom, need: Collection[EngineName]) -> dict[str, Engine]:
    """Return engines that Python packages bring; DynamoDB and Cognito share a process."""
    engines: dict[str, Engine] = {}
    if EngineName.POSTGRES in need:
        engines["postgres"] = EmbeddedPostgres(room.for_engine("postgres"))
    if EngineName.KAFKA in need:
        engines["kafka"] = EmbeddedKafka(room.for_engine("kafka"))
    dynamodb, cognito = EngineName.DYNAMODB in need, EngineName.COGNITO in need
    if dynamodb or cognito:
        name = "aws" if dynamodb and cognito else "dynamodb" if dynamodb else "cognito"
        engines[name] = EmbeddedAws(room.for_engine(name), dynamodb=dynamodb, cognito=cognito)
    return engines


def real_engines(room: EngineRoom, need: Collection[EngineName]) -> dict[str, Engine]:
    """Return Apache Kafka and DynamoDB Local, and the rest as embedded: that PostgreSQL is real already."""
    engines = embedded_engines(room, set(need) - {EngineName.KAFKA, EngineName.DYNAMODB})
    if EngineName.KAFKA in need:
        engines["kafka"] = RealKafka(room.for_engine("kafka"))
    if EngineName.DYNAMODB in need:
        engines["dynamodb"] = RealDynamoDb(room.for_engine("dynamodb"))
    return engines


CHOICES: dict[EngineChoice, Callable[[EngineRoom, Collection[EngineName]], dict[str, Engine]]] = {
    EngineChoice.EMBEDDED: embedded_engines,
    EngineChoice.REAL: real_engines,
    EngineChoice.DOCKER: docker_engines,
    EngineChoice.ADDRESSES: addressed_engines,
}
