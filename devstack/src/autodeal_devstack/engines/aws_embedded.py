"""The embedded DynamoDB and Cognito: one moto process serves both."""

from __future__ import annotations

import sys
from dataclasses import replace

from autodeal_devstack.engines.endpoints import Endpoints, EngineError
from autodeal_devstack.engines.engine import PORT_TRIES, EngineRoom, plain_environment, stop_process
from autodeal_devstack.engines.probes import probe_cognito, probe_dynamodb
from autodeal_devstack.processes import KeptProcess, ProcessFailedError, await_ready, find_port

START_TIMEOUT_SECONDS = 30.0
STOP_TIMEOUT_SECONDS = 3.0


class EmbeddedAws:
    """A moto server for DynamoDB, Cognito or both. It forgets everything when it ends."""

    def __init__(self, room: EngineRoom, *, dynamodb: bool, cognito: bool) -> None:
        self._room = room
        self._dynamodb = dynamodb
        self._cognito = cognito
        self._port = 0
        self._process: KeptProcess | None = None

    async def start(self) -> None:
        """Start on a free port."""
        for tries_left in reversed(range(PORT_TRIES)):
            self._port = find_port()
            try:
                return await self.restart()
            except ProcessFailedError as error:
                await self.kill()
                if not tries_left:
                    raise EngineError(str(error)) from error

    async def restart(self) -> None:
        """Start again on the same port, empty."""
        self._process = self._room.keeper.spawn(
            [sys.executable, "-m", "autodeal_devstack.engines.moto_process", str(self._port)],
            env=plain_environment(MOTO_PORT=str(self._port)),
            cwd=self._room.folder,
            log=self._room.log,
        )
        await await_ready(
            "the AWS emulator",
            self._process,
            port=self._port,
            probe=self._probe,
            timeout_seconds=START_TIMEOUT_SECONDS,
        )

    async def kill(self) -> None:
        """End it with SIGKILL."""
        if self._process is not None:
            await self._process.kill()

    async def stop(self) -> None:
        """End it; there is nothing to write."""
        await stop_process(self._process, timeout_seconds=STOP_TIMEOUT_SECONDS)

    def locate(self, endpoints: Endpoints) -> Endpoints:
        """Fill in the addresses it serves."""
        if self._dynamodb:
            endpoints = replace(endpoints, dynamodb_url=self._url)
        if self._cognito:
            endpoints = replace(endpoints, cognito_url=self._url)
        return endpoints

    @property
    def _url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def _probe(self) -> None:
        if self._dynamodb:
            await probe_dynamodb(self._url)
        if self._cognito:
            await probe_cognito(self._url)
