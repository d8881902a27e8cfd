"""How to reach Kafka, and the limits of every producer and consumer that does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

TokenSource = Callable[[], Awaitable[str]]
"""Gives a valid token for each new connection; keeps and renews it as it sees fit."""


@runtime_checkable
class Password(Protocol):
    """A text that is given away only when asked for, and may be another one each time."""

    def reveal(self) -> str:
        """Return the text as it is now."""
        ...


@dataclass(frozen=True, kw_only=True)
class KafkaSettings:
    """The Kafka group of a service's settings; a service inherits it into its own."""

    kafka_bootstrap_servers: str
    """Brokers to start from, as `host:port` separated by commas."""
    kafka_client_id: str = "autodeal"
    """The name under which the broker's logs and quotas know this process."""
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How connections are encrypted and whether this process says who it is."""
    kafka_ca_file: str | None = None
    """Certificates, as PEM, that a broker's must be signed by; by default those the system trusts."""
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = "SCRAM-SHA-512"
    """How this process says who it is; used by the SASL protocols. OAUTHBEARER means the pod's AWS
    identity, for MSK with IAM."""
    kafka_sasl_username: str | None = None
    """Who this process is to the broker; not with OAUTHBEARER."""
    kafka_sasl_password: Password | None = None
    """The password of that user; a new client takes it as it is then."""
    kafka_tokens: TokenSource | None = field(
        default=None, repr=False, compare=False, metadata={"wired": True}
    )
    """Where tokens come from with OAUTHBEARER; the wiring fills it in, it is no setting."""
    kafka_idempotent_producer: bool = True
    """Off only for the embedded broker, which cannot hand out producer ids."""
    kafka_request_timeout_ms: int = 10_000
    """How long one produce request and its retries may take before its outcome counts as unknown."""
    kafka_max_batch_bytes: int = 262_144
    """The size at which a record batch of the relay is closed; one larger record travels alone."""
    kafka_session_timeout_ms: int = 10_000
    """How long a silent consumer keeps its partitions; a killed one hands over after this."""
    kafka_heartbeat_interval_ms: int = 3_000
    """How often a consumer says it is alive, and so how soon it learns of a rebalance."""
    kafka_leave_group: bool = True
    """Whether a consumer that stops says so, and its partitions move at once. Off only for the embedded
    broker, whose group never forms again when its leader leaves while it forms: members time out there."""
    kafka_rebalance_timeout_ms: int = 20_000
    """How long the group waits for a member to give up its partitions."""
    kafka_fetch_max_wait_ms: int = 100
    """How long the broker may hold a fetch that finds nothing. The embedded broker sleeps half of it
    before it looks again, so it wants 20; Apache Kafka answers as soon as a record arrives."""
    kafka_consumer_concurrency: int = 16
    """How many keys one consumer handles at a time."""
    kafka_consumer_commit_records: int = 100
    """How many records of different keys may share one commit, where the handler can."""
    kafka_consumer_window: int = 500
    """How many records of one partition may be read ahead of the first unfinished one."""
    kafka_commit_interval_ms: int = 250
    """How often finished offsets are committed; what was handled since is repeated after a crash."""
    kafka_drain_timeout_seconds: float = 10.0
    """How long work in flight may take to finish when partitions are given up or the process stops."""


@dataclass(frozen=True, kw_only=True)
class TopicSettings(KafkaSettings):
    """What the command that makes topics needs besides; other processes ignore it."""

    kafka_topic_partitions: int = 12
    """How many partitions a topic is made with. Keys move when the number changes, so it never grows by
    itself."""
    kafka_topic_replication: int = 3
    """How many brokers keep each partition; 1 for a single broker."""
    kafka_topic_min_insync_replicas: int = 2
    """How many of them must have a record before it is acknowledged; 1 for a single broker."""
