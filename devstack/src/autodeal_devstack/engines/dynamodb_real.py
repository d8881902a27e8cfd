"""DynamoDB Local, Amazon's own reference of DynamoDB's semantics, as one JVM process."""

from __future__ import annotations

from dataclasses import replace

from autodeal_devstack.engines.endpoints import Endpoints
from autodeal_devstack.engines.jvm_server import JvmServer
from autodeal_devstack.engines.probes import probe_dynamodb


class RealDynamoDb(JvmServer):
    """Conditions, transactions and limits as in the region; slower, and TTL does not delete.

    Its data survives `kill` and `restart`.
    """

    title = "DynamoDB Local"
    artifact_name = "dynamodb"
    main_class = "software.amazon.dynamodb.services.local.main.ServerRunner"
    archives_classes = False  # its jar names its own folder as a class path, which no archive may have

    def jvm_options(self) -> tuple[str, ...]:
        """Keep it small, and tell it where its native SQLite lies."""
        return "-Xms64m", "-Xmx384m", f"-Dsqlite4java.library.path={self.artifacts.jars}"

    def arguments(self) -> tuple[str, ...]:
        """Keep the data in files of the engine's folder."""
        stored = ("-dbPath", str(self.room.folder), "-sharedDb")
        return ("-port", str(self.port), "-disableTelemetry", *stored)

    async def probe(self) -> None:
        """List the tables."""
        await probe_dynamodb(self._url)

    def locate(self, endpoints: Endpoints) -> Endpoints:
        """Fill in its address."""
        return replace(endpoints, dynamodb_url=self._url)

    @property
    def _url(self) -> str:
        return f"http://127.0.0.1:{self.port}"
