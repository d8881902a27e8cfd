"""The embedded DynamoDB and Cognito: one moto process serves both."""

from __future__ import annotations

import sys
from dataclasses import replace

from autodeal_devstack.engines.endpoints import Endpoints
from autodeal_devstack.engines.engine import EngineRoom, plain_environment
from autodeal_devstack.engines.local_server import LocalServer
from autodeal_devstack.engines.probes import probe_cognito, probe_dynamodb
from autodeal_devstack.processes import KeptProcess


class EmbeddedAws(LocalServer):
    """A moto server for DynamoDB, Cognito or both. It forgets everything when it ends."""

    title = "the AWS emulator"

    def __init__(self, room: EngineRoom, *, dynamodb: bool, cognito: bool) -> None:
        super().__init__(room)
        self._dynamodb = dynamodb
        self._cognito = cognito

    def spawn(self) -> KeptProcess:
        """Start the process of `moto_process`."""
        return self.room.keeper.spawn(
            [sys.executable, "-m", "autodeal_devstack.engines.moto_process", str(self.port)],
            env=plain_environment(MOTO_PORT=str(self.port)),
            cwd=self.room.folder,
            log=self.room.log,
        )

    async def probe(self) -> None:
        """Ask each service for what it has."""
        if self._dynamodb:
            await probe_dynamodb(self._url)
        if self._cognito:
            await probe_cognito(self._url)

    def locate(self, endpoints: Endpoints) -> Endpoints:
        """Fill in the addresses of the services asked for."""
        if self._dynamodb:
            endpoints = replace(endpoints, dynamodb_url=self._url)
        if self._cognito:
            endpoints = replace(endpoints, cognito_url=self._url)
        return endpoints

    @property
    def _url(self) -> str:
        return f"http://127.0.0.1:{self.port}"
