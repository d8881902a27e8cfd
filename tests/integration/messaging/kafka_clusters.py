"""Brokers of special kinds: one that closes authenticated connections, and two that share their groups."""

from __future__ import annotations

import base64
import json
import secrets
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from autodeal_devstack.engines.describe_kafka import kafka_settings_for
from autodeal_devstack.engines.endpoints import Endpoints, EngineChoice
from autodeal_devstack.engines.engine import EngineRoom
from autodeal_devstack.engines.jvm_server import JvmServer
from autodeal_devstack.engines.kafka_real import RealKafka, properties_of
from autodeal_devstack.engines.run_engines import engine_set
from autodeal_devstack.processes import KeptProcess, find_port
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_platform.secret import Secret

USER, PASSWORD = "autodeal", "not-a-secret"
CONNECTION_LIFE_MS = 1_500
FOLLOWER_ID = 2


class AdaptedKafka(RealKafka):
    """A broker whose settings a test changes."""

    def adapted(self, properties: dict[str, str]) -> dict[str, str]:
        raise NotImplementedError

    def spawn(self) -> KeptProcess:
        self._controller_port = self._controller_port or find_port()
        text = properties_of(self.port, self._controller_port, self._logs)
        properties = dict(line.split("=", 1) for line in text.splitlines())
        self._properties.write_text(
            "".join(f"{name}={value}\n" for name, value in self.adapted(properties).items())
        )
        return JvmServer.spawn(self)


class AuthenticatingKafka(AdaptedKafka):
    """Lets nobody stay for longer than a moment: whoever does not authenticate anew is cut off."""

    sasl_port = 0

    def adapted(self, properties: dict[str, str]) -> dict[str, str]:
        self.sasl_port = self.sasl_port or find_port()
        return properties | {
            "listeners": f"{properties['listeners']},CLIENTS://127.0.0.1:{self.sasl_port}",
            "listener.security.protocol.map": f"{properties['listener.security.protocol.map']},"
            "CLIENTS:SASL_PLAINTEXT",
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.clients.plain.sasl.jaas.config": "org.apache.kafka.common.security.plain."
            f'PlainLoginModule required user_{USER}="{PASSWORD}";',
            "connections.max.reauth.ms": str(CONNECTION_LIFE_MS),
        }

    def settings(self) -> KafkaSettings:
        return replace(
            kafka_settings_for(self.locate(Endpoints())),
            kafka_bootstrap_servers=f"127.0.0.1:{self.sasl_port}",
            kafka_security_protocol="SASL_PLAINTEXT",
            kafka_sasl_mechanism="PLAIN",
            kafka_sasl_username=USER,
            kafka_sasl_password=Secret(PASSWORD),
            kafka_commit_interval_ms=50,
        )


class TokenTakingKafka(AuthenticatingKafka):
    """The same with tokens: OAUTHBEARER, whose tokens carry a name and a life and are not signed."""

    def adapted(self, properties: dict[str, str]) -> dict[str, str]:
        login = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"
        validator = (
            "org.apache.kafka.common.security.oauthbearer.internals.unsecured."
            "OAuthBearerUnsecuredValidatorCallbackHandler"
        )
        clients = "listener.name.clients.oauthbearer.sasl"
        return super().adapted(properties) | {
            "sasl.enabled.mechanisms": "OAUTHBEARER",
            f"{clients}.jaas.config": f'{login} required unsecuredLoginStringClaim_sub="{USER}";',
            f"{clients}.server.callback.handler.class": validator,
        }

    def settings(self) -> KafkaSettings:
        return replace(
            super().settings(),
            kafka_sasl_mechanism="OAUTHBEARER",
            kafka_sasl_username=None,
            kafka_sasl_password=None,
        )


def unsecured_token(life_seconds: float) -> str:
    """Return a token as the broker's validator reads it: two parts of JSON and no signature."""
    now = time.time()
    parts = ({"alg": "none"}, {"sub": USER, "iat": now, "exp": now + life_seconds})
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, ""])


class LeadingKafka(AdaptedKafka):
    """The controller and a broker; internal topics have a copy on each broker."""

    def adapted(self, properties: dict[str, str]) -> dict[str, str]:
        return properties | {"offsets.topic.replication.factor": "2", "default.replication.factor": "2"}

    @property
    def controller_port(self) -> int:
        return self._controller_port


class FollowingKafka(LeadingKafka):
    """The second broker, which may die."""

    leader: LeadingKafka

    def adapted(self, properties: dict[str, str]) -> dict[str, str]:
        return super().adapted(properties) | {
            "process.roles": "broker",
            "node.id": str(FOLLOWER_ID),
            "controller.quorum.voters": f"1@127.0.0.1:{self.leader.controller_port}",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
        }

    async def prepare(self) -> None:
        await super().prepare()
        meta = self._logs / "meta.properties"
        lines = dict(line.split("=", 1) for line in meta.read_text().splitlines() if "=" in line)
        lines["node.id"] = str(FOLLOWER_ID)
        lines["directory.id"] = base64.urlsafe_b64encode(secrets.token_bytes(16)).rstrip(b"=").decode()
        meta.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
        shutil.rmtree(self._logs / "__cluster_metadata-0", ignore_errors=True)


@asynccontextmanager
async def a_room(name: str) -> AsyncIterator[EngineRoom]:
    """Give a folder and a keeper of processes for the length of a block."""
    async with engine_set(EngineChoice.REAL) as engines:
        yield engines._room.for_engine(name)


@asynccontextmanager
async def authenticating_kafka(
    kind: type[AuthenticatingKafka] = AuthenticatingKafka,
) -> AsyncIterator[AuthenticatingKafka]:
    async with a_room("authenticating") as room:
        broker = kind(room)
        try:
            await broker.start()
            yield broker
        finally:
            await broker.stop()


@asynccontextmanager
async def two_brokers() -> AsyncIterator[tuple[LeadingKafka, FollowingKafka]]:
    async with a_room("leading") as room, a_room("following") as other_room:
        leader, follower = LeadingKafka(room), FollowingKafka(other_room)
        follower.leader = leader
        try:
            await leader.start()
            await follower.start()
            yield leader, follower
        finally:
            await follower.stop()
            await leader.stop()
