"""Everything that can be set from outside, read once in `__main__`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from autodeal_messaging.kafka_settings import TokenSource, TopicSettings
from autodeal_platform.settings import WIRED, CognitoSettings, HttpSettings, Secret, SettingsError
from autodeal_vehicle.domain.sale_deadline import SaleDeadlines


@dataclass(frozen=True, kw_only=True)
class AwsSettings:
    """Where the pod's AWS identity is used; any process may need it."""

    aws_region: str | None = None
    """The region of the database and of the brokers; needed where either takes AWS identities."""


@dataclass(frozen=True, kw_only=True)
class DatabaseSettings(AwsSettings):
    """How the service reaches PostgreSQL; all that `migrate` needs."""

    database_url: Secret
    """`postgresql://user:password@host:port/database`. The password may be left out and come from one of
    the next two settings. Only the password is read again when a file changes."""
    database_password: Secret | None = None
    """The password, if it is not part of the address; each new connection takes it as it is then."""
    database_iam_authentication: bool = False
    """Whether the pod's AWS identity stands in for a password, as RDS can take it. The database user
    needs the role `rds_iam`."""
    database_tls: Literal["by-url", "verify-full"] = "by-url"
    """`verify-full` encrypts and checks the server's certificate and name; `by-url` does what `sslmode`
    in the address says."""
    database_ca_file: str | None = None
    """Certificates, as PEM, that the server's must be signed by; by default those the system trusts. RDS
    has its own, which AWS publishes as `global-bundle.pem`."""
    database_tokens: TokenSource | None = field(default=None, repr=False, compare=False, metadata=WIRED)
    """Where tokens come from with IAM authentication; the wiring fills it in, it is no setting."""
    database_pool_size: int = 16
    """Connections that one process opens at most for all but the beginning of sales."""
    database_sale_pool_size: int = 32
    """Connections that `serve` opens at most for beginning sales; commits side by side share a disk write."""
    database_acquire_timeout_seconds: float = 3.0
    """How long a request waits for a free connection before it is answered with 503."""
    database_connect_timeout_seconds: float = 5.0
    """How long opening a connection may take."""
    database_statement_timeout_ms: int = 5_000
    """The server ends a statement that runs longer."""
    database_lock_timeout_ms: int = 3_000
    """The server gives up waiting for a lock after this."""
    database_idle_transaction_timeout_ms: int = 10_000
    """The server ends a session that leaves a transaction open and idle for longer."""

    def __post_init__(self) -> None:
        """Raise SettingsError when settings do not go together."""
        if not self.database_iam_authentication:
            return
        if self.database_tls != "verify-full":
            # The token would be given to whoever answers.
            raise SettingsError("DATABASE_IAM_AUTHENTICATION needs DATABASE_TLS=verify-full")
        if self.aws_region is None:
            raise SettingsError("DATABASE_IAM_AUTHENTICATION needs AWS_REGION")


@dataclass(frozen=True, kw_only=True)
class OperatorSettings(DatabaseSettings):
    """What `dlq` needs besides."""

    outbox_shards: int = 64
    """Shards of the outbox; the same in every process, and changed only while the outbox is empty."""


@dataclass(frozen=True, kw_only=True)
class TopicsSettings(TopicSettings, AwsSettings):
    """What `topics` needs."""


@dataclass(frozen=True, kw_only=True)
class Settings(HttpSettings, CognitoSettings, TopicsSettings, OperatorSettings):
    """The settings of `serve` and `work`."""

    sale_deadline_pix_seconds: float = 1800.0
    """How long a buyer has to pay by Pix."""
    sale_deadline_card_seconds: float = 1800.0
    """How long a buyer has to pay by card."""
    sale_deadline_boleto_business_days: int = 3
    """How many bank working days a buyer has to pay a boleto."""
    order_stream_look_again_seconds: float = 5.0
    """How often a live timeline looks for itself, should a notification be lost."""
    order_stream_heartbeat_seconds: float = 15.0
    """How long a live timeline may be silent before it sends a sign of life."""
    idempotency_retention_hours: int = 48
    """How long answers are kept for requests that are sent again."""
    purge_interval_seconds: float = 600.0
    """How often what is kept no longer is deleted."""

    @property
    def sale_deadlines(self) -> SaleDeadlines:
        """Return the deadlines as the domain wants them."""
        return SaleDeadlines(
            pix=timedelta(seconds=self.sale_deadline_pix_seconds),
            card=timedelta(seconds=self.sale_deadline_card_seconds),
            boleto_business_days=self.sale_deadline_boleto_business_days,
        )
