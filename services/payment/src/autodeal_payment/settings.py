"""Everything that can be set from outside, read once in `__main__`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from autodeal_messaging.kafka_settings import TopicSettings
from autodeal_payment.domain.schedule import Schedule
from autodeal_platform.settings import CognitoSettings, HttpSettings, Secret


@dataclass(frozen=True, kw_only=True)
class AwsSettings:
    """Where the pod's AWS identity is used. Credentials come the usual AWS way."""

    aws_region: str
    """The region of the table, of the user pool and of the brokers."""


@dataclass(frozen=True, kw_only=True)
class TopicsSettings(TopicSettings, AwsSettings):
    """What `topics` needs."""


@dataclass(frozen=True, kw_only=True)
class StoreSettings(AwsSettings):
    """How the service reaches DynamoDB; all that `migrate` needs."""

    dynamodb_table: str
    """The service's one table."""
    dynamodb_endpoint_url: str | None = None
    """Another DynamoDB than the region's own, such as an emulator's."""
    dynamodb_parameter_validation: bool = False
    """Whether the client checks each request's shape before it is sent; costs CPU, for development."""
    dynamodb_connections: int = 64
    """Connections that one process opens at most."""
    dynamodb_timeout_seconds: float = 5.0
    """How long one request may take; it is tried again twice."""


@dataclass(frozen=True, kw_only=True)
class OperatorSettings(StoreSettings):
    """What `dlq` needs besides."""

    outbox_shards: int = 8
    """Shards of the outbox; the same in every process, and changed only while the outbox is empty."""


@dataclass(frozen=True, kw_only=True)
class ProviderSettings:
    """How the service reaches Mercado Pago; the sandbox is another address with other keys."""

    mercado_pago_access_token: Secret
    """The seller's access token."""
    mercado_pago_url: str = "https://api.mercadopago.com"
    """Where the provider answers."""
    mercado_pago_timeout_seconds: float = 5.0
    """How long one call may take before its outcome counts as unknown."""
    mercado_pago_notification_url: str | None = None
    """The gateway's `/webhook` as the provider reaches it; None for what the provider's panel says."""
    mercado_pago_connections: int = 64
    """Connections that one process opens at most."""


@dataclass(frozen=True, kw_only=True)
class JanitorSettings:
    """When the provider is asked again, in seconds."""

    janitor_first_check_seconds: float = 60.0
    """A waiting payment is asked about this long after it was made, then at doubling intervals."""
    janitor_max_interval_seconds: float = 900.0
    """No interval grows beyond this."""
    janitor_deadline_margin_seconds: float = 30.0
    """A waiting payment is asked about once more this long before its order's deadline."""
    janitor_resume_seconds: float = 5.0
    """A step that a crash left undone is taken up again after this."""
    unknown_retry_seconds: float = 2.0
    """The first pause after calls that were not answered; it doubles."""
    refund_retry_seconds: float = 60.0
    """The first pause after a refused refund; it doubles."""
    refund_retry_limit: int = 8
    """So many refusals in a row, and the refund waits for a person."""
    in_flight_seconds: float = 20.0
    """For so long a call that nobody reported on may be under way; more than the provider's time-out."""
    late_effect_seconds: float = 120.0
    """A payment that ended without the provider's word is looked up once more after this."""

    @property
    def schedule(self) -> Schedule:
        """Return the waiting times as the domain wants them."""
        return Schedule(
            first_check=timedelta(seconds=self.janitor_first_check_seconds),
            max_interval=timedelta(seconds=self.janitor_max_interval_seconds),
            deadline_margin=timedelta(seconds=self.janitor_deadline_margin_seconds),
            resume_after=timedelta(seconds=self.janitor_resume_seconds),
            unknown_retry=timedelta(seconds=self.unknown_retry_seconds),
            refund_retry=timedelta(seconds=self.refund_retry_seconds),
            refund_limit=self.refund_retry_limit,
            in_flight=timedelta(seconds=self.in_flight_seconds),
            late_effect=timedelta(seconds=self.late_effect_seconds),
        )


@dataclass(frozen=True, kw_only=True)
class Settings(
    HttpSettings, CognitoSettings, TopicsSettings, OperatorSettings, ProviderSettings, JanitorSettings
):
    """The settings of `serve` and `work`."""

    cognito_user_pool_id: str
    """The user pool in which payers are looked up."""
    cognito_endpoint_url: str | None = None
    """Another Cognito than the region's own, such as an emulator's."""
    payment_answer_seconds: float = 8.0
    """How long `POST /payment` waits for the provider before it answers with what is known."""
