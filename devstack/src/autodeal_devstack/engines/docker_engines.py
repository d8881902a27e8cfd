"""Engines as containers, through testcontainers' generic container.

Ports of the host are fixed when a container is made, for Kafka tells its clients its own address and
a restarted container must be found again. Cognito has no image; moto serves it as for the others.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from autodeal_devstack.engines.aws_embedded import EmbeddedAws
from autodeal_devstack.engines.endpoints import Endpoints, EngineError, EngineName
from autodeal_devstack.engines.engine import Engine, EngineProcess, EngineRoom
from autodeal_devstack.engines.kafka_real import ONE_REPLICA
from autodeal_devstack.engines.probes import probe_dynamodb, probe_kafka, probe_postgres
from autodeal_devstack.processes import find_port, in_thread

if TYPE_CHECKING:
    from testcontainers.core.container import DockerContainer

READY_TIMEOUT_SECONDS = 120.0
PROBE_PAUSE_SECONDS = 0.2
STOP_TIMEOUT_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class Image:
    """How an engine is run from an image; `{port}` stands for the port of the host."""

    variable: str
    """The environment variable that names another image."""
    default: str
    inner_port: int
    command: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    probe: Callable[[str], Awaitable[None]]
    address: str
    """What clients connect to, and what the probe is given."""

    @property
    def name(self) -> str:
        """The image to run."""
        return os.environ.get(self.variable) or self.default


POSTGRES = Image(
    variable="AUTODEAL_POSTGRES_IMAGE",
    default="postgres:18",
    inner_port=5432,
    environment={"POSTGRES_HOST_AUTH_METHOD": "trust"},
    probe=probe_postgres,
    address="postgresql://postgres@127.0.0.1:{port}/postgres",
)
DYNAMODB = Image(
    variable="AUTODEAL_DYNAMODB_IMAGE",
    default="amazon/dynamodb-local:3.1.0",
    inner_port=8000,
    command="-jar DynamoDBLocal.jar -sharedDb -inMemory -disableTelemetry",
    probe=probe_dynamodb,
    address="http://127.0.0.1:{port}",
)
KAFKA = Image(
    variable="AUTODEAL_KAFKA_IMAGE",
    default="apache/kafka:4.3.1",
    inner_port=9092,
    environment={f"KAFKA_{name.replace('.', '_').upper()}": value for name, value in ONE_REPLICA.items()}
    | {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_LISTENERS": "CONTROLLER://localhost:9093,PLAINTEXT://0.0.0.0:9092",
        "KAFKA_ADVERTISED_LISTENERS": "PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS": "1000",
        "KAFKA_BROKER_SESSION_TIMEOUT_MS": "1500",
        "KAFKA_BROKER_HEARTBEAT_INTERVAL_MS": "300",
    },
    probe=probe_kafka,
    address="127.0.0.1:{port}",
)


class ContainerServer:
    """An engine in a container."""

    def __init__(self, image: Image, fill_in: Callable[[Endpoints, str], Endpoints]) -> None:
        self._image = image
        self._fill_in = fill_in
        self._port = 0
        self._container: DockerContainer | None = None

    async def start(self) -> None:
        """Make the container on a free port of this machine and wait until the engine answers."""
        self._port = find_port()
        self._container = make_container(self._image, self._port)
        try:
            await in_thread(self._container.start)
        except Exception as error:
            raise EngineError(f"Docker could not run {self._image.name}: {error}") from error
        await self._await_ready()

    async def stop(self) -> None:
        """Stop and remove the container with its volumes."""
        if self._container is not None:
            await in_thread(self._container.stop, force=True, delete_volume=True)

    async def kill(self) -> None:
        """Kill the container's process; what it wrote stays."""
        assert self._container is not None
        await in_thread(self._container.get_wrapped_container().kill)

    async def restart(self) -> None:
        """Start the same container again, on the same port."""
        assert self._container is not None
        await in_thread(self._container.get_wrapped_container().start)
        await self._await_ready()

    def locate(self, endpoints: Endpoints) -> Endpoints:
        """Fill in the address on this machine."""
        return self._fill_in(endpoints, self._address)

    def describe(self) -> EngineProcess:
        """Return its port of this machine."""
        return EngineProcess(pid=None, port=self._port)

    @property
    def _address(self) -> str:
        return self._image.address.format(port=self._port)

    async def _await_ready(self) -> None:
        assert self._container is not None
        wrapped = self._container.get_wrapped_container()
        last: Exception | None = None
        try:
            async with asyncio.timeout(READY_TIMEOUT_SECONDS):
                while True:
                    await in_thread(wrapped.reload)
                    if wrapped.status == "exited":
                        break
                    try:
                        return await self._image.probe(self._address)
                    except Exception as error:  # noqa: BLE001 whatever a client raises means “not yet”
                        last = error
                    await asyncio.sleep(PROBE_PAUSE_SECONDS)
        except TimeoutError:
            pass
        logs = await in_thread(wrapped.logs, tail=15)
        raise EngineError(f"{self._image.name} was not ready ({last}):\n{logs.decode(errors='replace')}")


def make_container(image: Image, port: int) -> DockerContainer:
    """Describe the container: nothing is started yet."""
    from testcontainers.core.container import DockerContainer

    container = DockerContainer(image.name).with_bind_ports(image.inner_port, port)
    for name, value in image.environment.items():
        container = container.with_env(name, value.format(port=port))
    return container.with_command(image.command) if image.command else container


def require_docker() -> None:
    """Raise EngineError in one line unless a Docker daemon answers."""
    try:
        import docker  # type: ignore[import-untyped]
    except ImportError as error:
        raise EngineError("ENGINES=docker needs the packages of `make install`: testcontainers") from error
    try:
        client = docker.from_env()
        try:
            client.ping()
        finally:
            client.close()
    except Exception as error:
        raise EngineError("ENGINES=docker needs a running Docker daemon, and none answers") from error


def docker_engines(room: EngineRoom, need: Collection[EngineName]) -> dict[str, Engine]:
    """Return containers for what is needed; Cognito is the embedded emulator."""
    require_docker()
    engines: dict[str, Engine] = {}
    if EngineName.POSTGRES in need:
        engines["postgres"] = ContainerServer(POSTGRES, lambda known, url: replace(known, postgres_url=url))
    if EngineName.KAFKA in need:
        engines["kafka"] = ContainerServer(
            KAFKA, lambda known, servers: replace(known, kafka_bootstrap_servers=servers)
        )
    if EngineName.DYNAMODB in need:
        engines["dynamodb"] = ContainerServer(DYNAMODB, lambda known, url: replace(known, dynamodb_url=url))
    if EngineName.COGNITO in need:
        engines["cognito"] = EmbeddedAws(room.for_engine("cognito"), dynamodb=False, cognito=True)
    return engines
