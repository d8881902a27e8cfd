"""PostgreSQL, a Kafka-protocol broker, DynamoDB and Cognito on this machine, as a choice of settings."""

from autodeal_devstack.engines.endpoints import Endpoints, EngineChoice, EngineError, EngineName
from autodeal_devstack.engines.run_engines import EngineSet, running_engines

__all__ = ["Endpoints", "EngineChoice", "EngineError", "EngineName", "EngineSet", "running_engines"]
