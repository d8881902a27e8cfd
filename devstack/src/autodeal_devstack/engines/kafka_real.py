"""Apache Kafka as one JVM process, broker and controller in one."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

from autodeal_devstack.engines.endpoints import Endpoints, EngineError
from autodeal_devstack.engines.engine import EngineRoom, plain_environment
from autodeal_devstack.engines.jvm_server import JvmServer
from autodeal_devstack.engines.probes import probe_kafka
from autodeal_devstack.processes import KeptProcess, find_port, in_thread

CLUSTER_ID = "YXV0b2RlYWwtZGV2c3RhY2"
FORMAT_TIMEOUT_SECONDS = 60.0
ONE_REPLICA = {
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "2",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
}
SETTINGS = ONE_REPLICA | {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "controlled.shutdown.enable": "true",
    # Without these two a restarted broker may wait for its own former session to expire, up to 14 s.
    "broker.session.timeout.ms": "1500",
    "broker.heartbeat.interval.ms": "300",
    "log.cleaner.dedupe.buffer.size": "4194304",
    "log.cleaner.threads": "1",
    "num.io.threads": "4",
    "num.network.threads": "2",
}


class RealKafka(JvmServer):
    """A broker with idempotent producers and transactions; its records survive `kill` and `restart`."""

    title = "Apache Kafka"
    artifact_name = "kafka"
    main_class = "kafka.Kafka"

    def __init__(self, room: EngineRoom) -> None:
        super().__init__(room)
        self._controller_port = 0

    async def prepare(self) -> None:
        """Fetch the jars and copy a formatted log folder."""
        await super().prepare()
        await in_thread(self._copy_formatted)

    def spawn(self) -> KeptProcess:
        """Write the settings for the present port and start."""
        if not self._properties.exists() or f":{self.port}\n" not in self._properties.read_text():
            self._controller_port = find_port()
        self._properties.write_text(properties_of(self.port, self._controller_port, self._logs))
        return super().spawn()

    def jvm_options(self) -> tuple[str, ...]:
        """Keep it small."""
        return "-Xms64m", "-Xmx256m"

    def arguments(self) -> tuple[str, ...]:
        """Name the settings' file."""
        return (str(self._properties),)

    async def probe(self) -> None:
        """Fetch its metadata."""
        await probe_kafka(self._address)

    def locate(self, endpoints: Endpoints) -> Endpoints:
        """Fill in the broker's address."""
        return replace(endpoints, kafka_bootstrap_servers=self._address, kafka_idempotent=True)

    @property
    def _address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def _properties(self) -> Path:
        return self.room.folder / "server.properties"

    @property
    def _logs(self) -> Path:
        return self.room.folder / "logs"

    def _copy_formatted(self) -> None:
        """Copy a folder formatted once: formatting takes a JVM of its own, and nothing in it names a port."""
        template = self.artifacts.folder / "formatted"
        if not template.exists():
            self._properties.write_text(properties_of(1, 2, self._logs))
            self._format()
            self._properties.unlink()
            unfinished = template.with_name(f"formatted.{os.getpid()}")
            shutil.copytree(self._logs, unfinished)
            try:
                unfinished.rename(template)
            except OSError:  # another process was faster
                shutil.rmtree(unfinished)
        else:
            shutil.copytree(template, self._logs)

    def _format(self) -> None:
        class_path = f"{self.artifacts.jars}/*"
        tool = [self.artifacts.java, "-XX:TieredStopAtLevel=1", "-cp", class_path, "kafka.tools.StorageTool"]
        result = subprocess.run(
            [*tool, "format", "-t", CLUSTER_ID, "-c", str(self._properties)],
            check=False,
            capture_output=True,
            text=True,
            env=plain_environment(),
            timeout=FORMAT_TIMEOUT_SECONDS,
        )
        if result.returncode:
            raise EngineError(f"formatting Kafka's log folder failed: {result.stderr or result.stdout}")


def properties_of(port: int, controller_port: int, logs: Path) -> str:
    """Return the broker's settings as a properties file."""
    settings = SETTINGS | {
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "log.dirs": str(logs),
        "listeners": f"CONTROLLER://127.0.0.1:{controller_port},PLAINTEXT://127.0.0.1:{port}",
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())
